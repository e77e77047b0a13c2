"""Tokenizers against round trips, a naive byte-pair trainer, and the tokenizers package."""

import random
import re
from collections import Counter
from itertools import pairwise

import pytest
import tokenizers
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_utils.data import captions, python_docs, stories
from course_utils.language.byte_pairs import learn_merges, merge
from course_utils.language.tokenizer import BytePairTokenizer, CharTokenizer, WordTokenizer

DOCS = python_docs()[:60_000]
STORIES = "".join(stories().sample(200))
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@pytest.fixture(scope="module")
def byte_pairs():
    return BytePairTokenizer.train(DOCS, vocab_size=600)


# Round trips


@given(ANY_TEXT)
def test_byte_pairs_round_trip_any_unicode_text(byte_pairs, text):
    tokens = byte_pairs.encode(text)
    assert byte_pairs.decode(tokens) == text
    assert b"".join(byte_pairs.pieces[i] for i in tokens) == text.encode()


@given(ANY_TEXT)
def test_characters_round_trip_any_text_they_were_trained_on(text):
    tokenizer = CharTokenizer.train(text)
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert tokenizer.vocab_size == len(set(text))


@given(ANY_TEXT)
def test_words_come_back_as_the_same_words(text):
    tokenizer = WordTokenizer.train(text)
    tokens = tokenizer.encode(text)
    assert torch.equal(tokenizer.encode(tokenizer.decode(tokens)), tokens)


@pytest.mark.parametrize("grammar", [captions(), stories()], ids=["captions", "stories"])
def test_words_are_the_tokens_of_the_grammars_and_round_trip_their_text(grammar):
    sentences = grammar.sample(200)
    text = ("" if sentences[0].endswith("\n") else "\n").join(sentences)
    tokenizer = WordTokenizer.train(text)
    assert tokenizer.decode(tokenizer.encode(text)) == text
    for sentence in sentences[:50]:
        words = [tokenizer.words[i] for i in tokenizer.encode(sentence)]
        assert words == grammar.split(sentence)


@pytest.mark.parametrize("kind", [CharTokenizer, WordTokenizer])
def test_all_of_the_documentation_is_encoded(kind):
    tokenizer = kind.train(DOCS)
    tokens = tokenizer.encode(DOCS)
    assert tokens.dtype == torch.int64
    assert tokens.ndim == 1
    assert tokens.unique().tolist() == list(range(tokenizer.vocab_size))


# Byte pairs against a naive reference


def naive_merges(counts: dict[bytes, int], num_merges: int) -> list[tuple[int, int]]:
    """Count all pairs anew before each merge."""
    pieces = {piece: list(piece) for piece in counts}
    merges: list[tuple[int, int]] = []
    for new in range(256, 256 + num_merges):
        pairs: Counter[tuple[int, int]] = Counter()
        for piece, ids in pieces.items():
            for pair in pairwise(ids):
                pairs[pair] += counts[piece]
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        for piece, ids in pieces.items():
            text = "".join(chr(0xE000 + i) for i in ids)
            text = text.replace("".join(chr(0xE000 + i) for i in best), chr(0xE000 + new))
            pieces[piece] = [ord(c) - 0xE000 for c in text]
    return merges


@given(
    st.dictionaries(st.text("ab", min_size=1, max_size=12).map(str.encode), st.integers(1, 9)),
    st.integers(0, 30),
)
def test_incremental_counts_equal_counting_anew(counts, num_merges):
    assert learn_merges(counts, num_merges) == naive_merges(counts, num_merges)


def test_incremental_counts_equal_counting_anew_on_real_text():
    counts = Counter(word.encode() for word in re.findall(r" ?\w+|\W", DOCS[:20_000]))
    assert learn_merges(counts, 200) == naive_merges(counts, 200)


def test_merging_goes_from_left_to_right():
    assert merge([1, 1, 1, 2, 1, 1], (1, 1), 9) == [9, 1, 2, 9]


# Byte pairs against the tokenizers package


def visible_bytes() -> list[str]:
    """GPT-2's one printable character for every byte, which the package's vocabularies use."""
    same = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = (byte for byte in range(256) if byte not in same)
    table = {byte: chr(byte) for byte in same}
    table |= {byte: chr(256 + n) for n, byte in enumerate(others)}
    return [table[byte] for byte in range(256)]


def their_model(ours: BytePairTokenizer) -> tokenizers.models.BPE:
    letters = visible_bytes()
    names = ["".join(letters[byte] for byte in piece) for piece in ours.pieces]
    vocabulary = {name: number for number, name in enumerate(names)}
    merges = [(names[left], names[right]) for left, right in ours.merges]
    return tokenizers.models.BPE(vocab=vocabulary, merges=merges)


def assert_same_encoding(ours: BytePairTokenizer, text: str) -> None:
    """Encode by the package, piece by piece, and compare."""
    letters, model, expected = visible_bytes(), their_model(ours), []
    for piece in re.findall(PIECE, text):
        visible = "".join(letters[byte] for byte in piece.encode())
        expected += [token.id for token in model.tokenize(visible)]
    assert ours.encode(text).tolist() == expected


# The pattern once more, so that a change of it is noticed.
PIECE = r"'(?:[sdmt]|ll|ve|re)| ?[^\W\d_]+| ?\d+| ?(?:[^\s\w]|_)+|\s+(?!\S)|\s+"


def test_our_merges_encode_like_theirs_on_real_text(byte_pairs):
    assert_same_encoding(byte_pairs, DOCS)
    assert_same_encoding(byte_pairs, STORIES)


def test_our_merges_encode_like_theirs_on_random_text(byte_pairs):
    choose = random.Random(0).choices
    common = "".join(choose("etaoin shrdlu\n'_-0123.,äß漢🙂", k=3000))
    strange = "".join(map(chr, choose(range(1, 0xD800), k=1000)))
    assert_same_encoding(byte_pairs, common + strange)


def test_training_finds_exactly_the_merges_of_the_package():
    """On ASCII text with the same pieces: both break ties by the smaller pair of token numbers,
    and number characters in ASCII order, so even ties agree."""
    text = DOCS.encode("ascii", "ignore").decode()
    theirs = tokenizers.Tokenizer(tokenizers.models.BPE())
    theirs.pre_tokenizer = tokenizers.pre_tokenizers.Split(tokenizers.Regex(PIECE), "isolated")
    num_merges = 400
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=len(set(text)) + num_merges, show_progress=False
    )
    theirs.train_from_iterator([text], trainer)
    vocabulary = sorted(theirs.get_vocab(), key=theirs.get_vocab().get)
    ours = BytePairTokenizer.train(text, vocab_size=256 + num_merges)
    assert vocabulary[: len(set(text))] == sorted(set(text))
    assert vocabulary[len(set(text)) :] == [piece.decode() for piece in ours.pieces[256:]]


# What a tokenizer shows and stores


def test_tokens_can_be_printed(byte_pairs):
    assert CharTokenizer.train("b a\n").tokens == ["↵", "␣", "a", "b"]
    assert WordTokenizer.train("to be or not to be\n").tokens == ["be", "to", "↵", "not", "or"]
    assert byte_pairs.vocab_size == len(byte_pairs.tokens) == 600
    assert byte_pairs.tokens[ord("A")] == "A"
    assert byte_pairs.tokens[0xE2] == r"\xe2"
    assert "␣the" in byte_pairs.tokens


def test_a_vocabulary_makes_the_same_tokenizer_again(byte_pairs):
    for first, second in (
        (byte_pairs, BytePairTokenizer(byte_pairs.merges)),
        ((c := CharTokenizer.train(DOCS)), CharTokenizer(c.characters)),
        ((w := WordTokenizer.train(DOCS)), WordTokenizer(w.words)),
    ):
        assert torch.equal(first.encode(DOCS), second.encode(DOCS))
        assert first.tokens == second.tokens


def test_decoding_takes_lists_and_tensors_and_nothing(byte_pairs):
    assert byte_pairs.decode([104, 105]) == byte_pairs.decode(torch.tensor([104, 105])) == "hi"
    assert byte_pairs.decode([]) == byte_pairs.decode(torch.tensor([])) == ""
    assert byte_pairs.encode("").shape == (0,)


def test_half_a_character_is_shown_and_is_no_error(byte_pairs):
    assert byte_pairs.decode([*"é".encode()][:1]) == "\ufffd"


def test_unknown_words_get_their_token_when_asked():
    tokenizer = WordTokenizer.train("a cat and a dog", unknown=True)
    assert tokenizer.decode(tokenizer.encode("a whale and a dog")) == "a <unk> and a dog"
    rare = WordTokenizer.train("a cat and a dog", unknown=True, min_count=2)
    assert rare.words == ["<unk>", "a"]


@pytest.mark.parametrize(
    ("sentence", "words"),
    [
        ("नमस्ते, दुनिया!", ["नमस्ते", ",", "दुनिया", "!"]),  # vowel signs and a virama
        ("cafe\u0301 d'e\u0301te\u0301", ["cafe\u0301", "d'e\u0301te\u0301"]),
        ("\u0645\u06cc\u200c\u062e", ["\u0645\u06cc\u200c\u062e"]),  # a joiner without a width
        ("I \u2764\ufe0f it", ["I", "\u2764\ufe0f", "it"]),  # a sign and how it is drawn
        ("สวัสดี\n", ["สวัสดี", "\n"]),
    ],
)
def test_marks_stay_with_what_they_stand_on(sentence, words):
    tokenizer = WordTokenizer.train(sentence)
    tokens = tokenizer.encode(sentence)
    assert [tokenizer.words[i] for i in tokens] == words
    assert tokenizer.decode(tokens) == sentence


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "int32", "uint32", "int64"])
def test_tokens_of_every_integer_type_are_decoded(byte_pairs, dtype):
    text = "def f(x): return x" if dtype != "uint8" else "x+y"
    ids = byte_pairs.encode(text) if dtype != "uint8" else torch.tensor([*b"x+y"])
    assert byte_pairs.decode(ids.to(getattr(torch, dtype))) == text
    assert byte_pairs.decode(ids.numpy().astype(dtype)) == text
    assert WordTokenizer(["a", "b"]).decode(torch.tensor([1, 0]).to(getattr(torch, dtype))) == "b a"


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: CharTokenizer("abc").encode("cab!e"), "character '!' at position 3.*any text"),
        (lambda: CharTokenizer("aba"), "'a' more than once"),
        (
            lambda: WordTokenizer(["a", "\n"]).encode("a\na whale"),
            "word 'whale' at position 4.*unknown=T",
        ),
        (lambda: WordTokenizer.train("a b", min_count=2), "Use unknown=True"),
        (lambda: WordTokenizer.train("a b", min_count=0), "min_count must be .* got 0"),
        (lambda: BytePairTokenizer([]).encode("ab\ud800"), r"'\\ud800' at position 2"),
        (lambda: BytePairTokenizer([(97, 300)]), r"\(97, 300\) makes token 256"),
        (lambda: BytePairTokenizer([(97, 98), (97, 98)]), "more than once"),
        (lambda: BytePairTokenizer.train("abc", vocab_size=255), "at least 256"),
        (lambda: BytePairTokenizer.train("abc", vocab_size=257.5), r"whole number.* got 257\.5"),
        (lambda: BytePairTokenizer.train("abc", vocab_size=999), "Use vocab_size=258 or more text"),
        (lambda: CharTokenizer("abc").decode([0, 3]), "Token 3 at position 1.*0 to 2"),
        (lambda: CharTokenizer("abc").decode([-1]), "Token -1 at position 0"),
        (lambda: CharTokenizer("abc").decode(torch.zeros(2, 2).long()), "one row at a time"),
        (lambda: CharTokenizer("abc").decode(torch.zeros(2)), "float32"),
        (lambda: CharTokenizer("abc").decode(torch.zeros(2).bool()), "bool"),
        (lambda: CharTokenizer("abc").decode(torch.tensor([0, 200]).to(torch.uint8)), "Token 200"),
    ],
)
def test_what_cannot_be_done_is_explained(make, says):
    with pytest.raises(ValueError, match=says):
        make()
