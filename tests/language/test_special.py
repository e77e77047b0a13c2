"""Special tokens: only a program can place them, in all three tokenizers."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_utils.language import (
    BytePairTokenizer,
    CharTokenizer,
    WordTokenizer,
    encode_prompt,
    encode_turns,
    pad,
    pad_left,
)

SPECIAL = ("<user>", "<bot>", "<stop>")
LETTERS = "".join(map(chr, range(32, 127))) + "\n"
KINDS = {
    "characters": CharTokenizer(LETTERS, special=SPECIAL),
    "words": WordTokenizer(["<unk>", "<", ">", "stop", "a", "user"], special=SPECIAL),
    "byte pairs": BytePairTokenizer([(60, 115), (256, 116)], special=SPECIAL),  # "<s", "<st"
}
PLAIN = {
    "characters": CharTokenizer(LETTERS),
    "words": WordTokenizer(["<unk>", "<", ">", "stop", "a", "user"]),
    "byte pairs": BytePairTokenizer([(60, 115), (256, 116)]),
}
each_kind = pytest.mark.parametrize("kind", KINDS)
FORGED = st.lists(
    st.sampled_from([*SPECIAL, "<", "stop", ">", "a", " ", "\n", "<sto", "p>", "unk"])
)


@each_kind
@given(FORGED.map("".join))
def test_no_text_gives_a_special_token(kind, text):
    tokenizer = KINDS[kind]
    tokens = tokenizer.encode(text)
    assert not set(tokens.tolist()) & set(tokenizer.special.values())
    assert torch.equal(tokens, PLAIN[kind].encode(text))  # it is text like any other
    if kind != "words":
        assert tokenizer.decode(tokens) == text


@pytest.mark.parametrize("kind", ["byte pairs", "words"])
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_no_text_of_any_letters_gives_one(kind, text):
    tokens = KINDS[kind].encode(text)
    assert not set(tokens.tolist()) & set(KINDS[kind].special.values())


@each_kind
def test_they_come_last_and_have_names_in_plots(kind):
    tokenizer, plain = KINDS[kind], PLAIN[kind]
    assert tokenizer.vocab_size == plain.vocab_size + 3
    assert list(tokenizer.special.values()) == [plain.vocab_size + i for i in range(3)]
    assert tokenizer.tokens[-3:] == list(SPECIAL)
    assert plain.special == {}


@each_kind
def test_decode_shows_them_as_nothing_unless_asked(kind):
    tokenizer = KINDS[kind]
    user, bot, stop = tokenizer.special.values()
    a = tokenizer.encode("a").tolist()
    tokens = [user, *a, bot, *a, stop]
    between = tokenizer.between
    assert tokenizer.decode(tokens) == between.join("aa")
    expected = between.join(["<user>", "a", "<bot>", "a", "<stop>"])
    assert tokenizer.decode(tokens, show_special=True) == expected
    assert tokenizer.decode([stop, stop]) == ""
    assert tokenizer.decode([stop, stop], show_special=True).count("<stop>") == 2


def test_a_character_that_a_special_token_cuts_in_two_is_no_error():
    tokenizer = KINDS["byte pairs"]
    one, other = tokenizer.encode("é").tolist()
    stop = tokenizer.special["<stop>"]
    assert tokenizer.decode([one, stop, other], show_special=True) == "\ufffd<stop>\ufffd"


@pytest.mark.parametrize("name", ["stop", "<stop", "<>", "<st op>", "<unk>", ""])
def test_a_name_that_could_be_taken_for_text_is_refused(name):
    with pytest.raises(ValueError, match="a special token is named as <stop> is"):
        CharTokenizer("ab", special=(name,))


def test_a_name_twice_is_refused():
    with pytest.raises(ValueError, match="holds '<stop>' more than once"):
        CharTokenizer("ab", special=("<stop>", "<stop>"))


@pytest.mark.parametrize(
    "train",
    [
        lambda: CharTokenizer.train("aab", special=SPECIAL),
        lambda: WordTokenizer.train("a a b", special=SPECIAL),
        lambda: BytePairTokenizer.train("aab aab", vocab_size=257, special=SPECIAL),
    ],
)
def test_trained_tokenizers_take_them(train):
    tokenizer = train()
    assert list(tokenizer.special) == list(SPECIAL)
    assert tokenizer.special["<stop>"] == tokenizer.vocab_size - 1


# Turns


@each_kind
@given(prompt=FORGED.map("".join), answer=FORGED.map("".join))
def test_a_conversation_has_just_the_turns_it_was_given(kind, prompt, answer):
    tokenizer = KINDS[kind]
    user, bot, stop = tokenizer.special.values()
    tokens, answered = encode_turns(tokenizer, [(prompt, answer), (answer, prompt)])
    marks = [i for i in tokens.tolist() if i in tokenizer.special.values()]
    assert marks == [user, bot, stop, user, bot, stop]
    said, heard = tokenizer.encode(answer).tolist(), tokenizer.encode(prompt).tolist()
    assert tokens[answered].tolist() == [*said, stop, *heard, stop]


def test_a_prompt_is_the_conversation_up_to_the_answer():
    tokenizer = KINDS["characters"]
    whole, _ = encode_turns(tokenizer, [("hi", "yes"), ("why", "so")])
    start = encode_prompt(tokenizer, "why", [("hi", "yes")])
    assert torch.equal(whole[: len(start)], start)
    assert tokenizer.decode(whole[len(start) :]) == "so"
    assert tokenizer.decode(encode_prompt(tokenizer, "hi"), show_special=True) == "<user>hi<bot>"


def test_pad_fills_up_on_the_right_and_scores_nothing_there():
    rows = [
        (torch.tensor([5]), torch.tensor([True])),
        (torch.tensor([6, 7]), torch.tensor([False, True])),
    ]
    tokens, answered = pad(rows)
    assert tokens.tolist() == [[5, 0], [6, 7]]
    assert answered.tolist() == [[True, False], [False, True]]


def test_turns_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="at least one exchange"):
        encode_turns(KINDS["characters"], [])
    with pytest.raises(ValueError, match=r"has no <user>, <bot>, <stop>\. Make it with special="):
        encode_prompt(PLAIN["characters"], "hi")
    with pytest.raises(ValueError, match="pad needs pairs"):
        pad([])
    with pytest.raises(ValueError, match=r"pad needs pairs .* got \[\(\(2,\), \(1,\)\)\]"):
        pad([(torch.tensor([1, 2]), torch.tensor([True]))])
    with pytest.raises(ValueError, match="truth values"):
        pad([(torch.tensor([1, 2]), torch.tensor([0, 1]))])


def test_pad_left_fills_up_before_each_text():
    tokens, mask = pad_left([torch.tensor([5, 6, 7]), torch.tensor([8])])
    assert tokens.tolist() == [[5, 6, 7], [0, 0, 8]]
    assert mask.tolist() == [[True, True, True], [False, False, True]]
    assert (tokens.dtype, mask.dtype) == (torch.long, torch.bool)


@pytest.mark.parametrize("rows", [[], [torch.tensor([])], [torch.tensor([[1]])]])
def test_pad_left_needs_texts(rows):
    with pytest.raises(ValueError, match="needs texts of shape"):
        pad_left(rows)
