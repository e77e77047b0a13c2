"""Layers that both families share: attention, the transformer block, and the time embedding."""

from course_utils.layers.attention import Attention, KeyValues, attention, attention_weights
from course_utils.layers.block import Block
from course_utils.layers.rotary import rotate
from course_utils.layers.time import time_embedding

__all__ = [
    "Attention",
    "Block",
    "KeyValues",
    "attention",
    "attention_weights",
    "rotate",
    "time_embedding",
]
