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
from course_utils.multimodal.joint import JointTransformer, joint_mask
from course_utils.multimodal.parsing import parse, parsing_batch, same_picture
from course_utils.multimodal.scoring import Scores, relation_of, score
from course_utils.multimodal.text import NOTHING, TextEncoder, encode_captions
from course_utils.multimodal.writing import caption_loss, describe, joint_loss

__all__ = [
    "NOTHING",
    "ImageEncoder",
    "JointTransformer",
    "Retrieval",
    "Scores",
    "TextEncoder",
    "TwoTowers",
    "caption_loss",
    "describe",
    "encode_captions",
    "joint_loss",
    "joint_mask",
    "parse",
    "parsing_batch",
    "relation_of",
    "retrieval",
    "same_picture",
    "same_texts",
    "score",
    "sigmoid_loss",
    "softmax_loss",
]
