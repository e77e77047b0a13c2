"""Text by diffusion: tokens are hidden, and found again in any order. A bridge of the families."""

from course_utils.masked.blocks import block_loss, sample_blocks
from course_utils.masked.bound import exact_bound, text_bound
from course_utils.masked.exact import ExactMaskedLM
from course_utils.masked.model import MaskedLM
from course_utils.masked.objective import mask_tokens, masked_loss
from course_utils.masked.orders import ORDERS, confident, left_to_right, random_order
from course_utils.masked.sampling import sample
from course_utils.masked.sure import accept, sample_sure

__all__ = [
    "ORDERS",
    "ExactMaskedLM",
    "MaskedLM",
    "accept",
    "block_loss",
    "confident",
    "exact_bound",
    "left_to_right",
    "mask_tokens",
    "masked_loss",
    "random_order",
    "sample",
    "sample_blocks",
    "sample_sure",
    "text_bound",
]
