"""Language models: tokenizers, n-grams to GPT, the objective, a sampler. Mirrors `diffusion`."""

from course_utils.language.measure import bits_per_byte, perplexity, text_loss
from course_utils.language.model import GPT, MLP, GPTConfig, attention_maps
from course_utils.language.ngram import NGram
from course_utils.language.objective import next_token_loss, shift_targets
from course_utils.language.sampling import next_probs, sample
from course_utils.language.tokenizer import BytePairTokenizer, CharTokenizer, WordTokenizer

__all__ = [
    "GPT",
    "MLP",
    "BytePairTokenizer",
    "CharTokenizer",
    "GPTConfig",
    "NGram",
    "WordTokenizer",
    "attention_maps",
    "bits_per_byte",
    "next_probs",
    "next_token_loss",
    "perplexity",
    "sample",
    "shift_targets",
    "text_loss",
]
