"""Invented languages: what can be known follows from the text's own words."""

from collections import defaultdict

import pytest
import torch

from course_utils.data import invented_texts


def draw(count=300, seed=0, **sizes):
    return invented_texts(count, generator=torch.Generator().manual_seed(seed), **sizes)


def test_shapes_letters_and_seed():
    text, known = draw(5, num_letters=6, num_words=2, length=9)
    assert text.shape == (5, 10)
    assert known.shape == (5, 9)
    assert known.dtype == torch.bool
    assert 0 <= int(text.min()) <= int(text.max()) <= 5
    again, _ = draw(5, num_letters=6, num_words=2, length=9)
    other, _ = draw(5, num_letters=6, num_words=2, length=9, seed=1)
    assert torch.equal(text, again)
    assert not torch.equal(text, other)


def test_a_letter_that_can_be_known_is_what_always_followed():
    text, known = draw()
    for letters, marks in zip(text.tolist(), known.tolist(), strict=True):
        followers = defaultdict(set)
        for i, mark in enumerate(marks):
            if mark:
                assert followers[letters[i]] == {letters[i + 1]}
            followers[letters[i]].add(letters[i + 1])


def test_a_letter_seen_before_is_unmarked_only_where_a_word_ends():
    """So the unmarked ones are the last letters of words: never more than there are words."""
    text, known = draw(num_letters=12, num_words=3, length=80)
    for letters, marks in zip(text.tolist(), known.tolist(), strict=True):
        ends = {
            letters[i] for i, mark in enumerate(marks) if not mark and letters[i] in letters[:i]
        }
        marked = {letters[i] for i, mark in enumerate(marks) if mark}
        assert len(ends) <= 3
        assert not ends & marked


def test_after_a_word_every_word_comes_as_often():
    """Words of one letter each: the text is then a sequence of independent even draws."""
    text, known = draw(2000, num_letters=4, num_words=4, length=50)
    assert not known.any()
    shares = torch.bincount(text.flatten()) / text.numel()
    assert torch.allclose(shares, torch.full((4,), 0.25), atol=0.01)
    repeated = (text[:, 1:] == text[:, :-1]).float().mean()
    assert abs(float(repeated) - 0.25) < 0.01


def test_one_word_goes_round():
    text, known = draw(20, num_letters=5, num_words=1, length=20)
    assert torch.equal(text[:, 5:], text[:, :-5])
    assert (text[:, :5].sort(1).values == torch.arange(5)).all()
    ends = ~known[:, 5:]
    assert (ends.sum(1) == 3).all()  # 15 places, a word of 5: its end is never known


def test_more_words_than_letters_are_refused():
    with pytest.raises(ValueError, match="num_words=5 and num_letters=4"):
        draw(num_letters=4, num_words=5)
