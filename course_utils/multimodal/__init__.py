"""Text and pictures together: one space for both, and drawings of what a caption asks for."""

from course_utils.multimodal.contrastive import (
    ImageEncoder,
    Retrieval,
    TwoTowers,
    retrieval,
    same_texts,
    sigmoid_loss,
    softmax_loss,
)
from course_utils.multimodal.scoring import Scores, relation_of, score
from course_utils.multimodal.text import NOTHING, TextEncoder, encode_captions

__all__ = [
    "NOTHING",
    "ImageEncoder",
    "Retrieval",
    "Scores",
    "TextEncoder",
    "TwoTowers",
    "encode_captions",
    "relation_of",
    "retrieval",
    "same_texts",
    "score",
    "sigmoid_loss",
    "softmax_loss",
]
