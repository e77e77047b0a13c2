"""Language models: tokenizers, n-grams to GPT, the objective, a sampler. Mirrors `diffusion`."""

from course_utils.language.adapt import (
    LoRA,
    add_lora,
    answer_loss,
    load_lora_weights,
    lora_weights,
    merge_lora,
)
from course_utils.language.joined import DecoderOnly, join
from course_utils.language.kneser_ney import KneserNey
from course_utils.language.measure import bits_per_byte, perplexity, text_loss
from course_utils.language.model import GPT, MLP, GPTConfig, attention_maps
from course_utils.language.ngram import NGram
from course_utils.language.objective import next_token_loss, shift_targets
from course_utils.language.pairs import exact_match, generate, pair_loss, source_maps
from course_utils.language.replying import Reply, replies
from course_utils.language.sampling import (
    Choice,
    Guesses,
    beam_search,
    keep_min_p,
    keep_top_k,
    keep_top_p,
    next_probs,
    penalise_repetition,
    sample,
    scale_temperature,
    speculate,
)
from course_utils.language.seq2seq import EncoderDecoder, Seq2SeqConfig
from course_utils.language.tokenizer import BytePairTokenizer, CharTokenizer, WordTokenizer
from course_utils.language.turns import encode_prompt, encode_turns, pad, pad_left

__all__ = [
    "GPT",
    "MLP",
    "BytePairTokenizer",
    "CharTokenizer",
    "Choice",
    "DecoderOnly",
    "EncoderDecoder",
    "GPTConfig",
    "Guesses",
    "KneserNey",
    "LoRA",
    "NGram",
    "Reply",
    "Seq2SeqConfig",
    "WordTokenizer",
    "add_lora",
    "answer_loss",
    "attention_maps",
    "beam_search",
    "bits_per_byte",
    "encode_prompt",
    "encode_turns",
    "exact_match",
    "generate",
    "join",
    "keep_min_p",
    "keep_top_k",
    "keep_top_p",
    "load_lora_weights",
    "lora_weights",
    "merge_lora",
    "next_probs",
    "next_token_loss",
    "pad",
    "pad_left",
    "pair_loss",
    "penalise_repetition",
    "perplexity",
    "replies",
    "sample",
    "scale_temperature",
    "shift_targets",
    "source_maps",
    "speculate",
    "text_loss",
]
