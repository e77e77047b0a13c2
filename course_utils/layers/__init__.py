"""Layers that both families share: attention, the transformer block, and the time embedding."""

from course_utils.layers.attending import Attention, KeyValues, attention, attention_weights
from course_utils.layers.block import Block, modulate, zero
from course_utils.layers.cross import CrossAttention, Memory, masked_attention
from course_utils.layers.decoder_block import DecoderBlock
from course_utils.layers.inputs import at_least_float32, check_heads, check_sizes
from course_utils.layers.reading import Look, Reading, TextReader, read_text
from course_utils.layers.rotary import rotate, rotations
from course_utils.layers.time import time_embedding

__all__ = [
    "Attention",
    "Block",
    "CrossAttention",
    "DecoderBlock",
    "KeyValues",
    "Look",
    "Memory",
    "Reading",
    "TextReader",
    "at_least_float32",
    "attention",
    "attention_weights",
    "check_heads",
    "check_sizes",
    "masked_attention",
    "modulate",
    "read_text",
    "rotate",
    "rotations",
    "time_embedding",
    "zero",
]
