"""Python's own documentation, and how a text is cut for validation."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_utils.data import python_docs, split_text


def test_the_documentation_is_there_once():
    text = python_docs()
    assert 300_000 < len(text) < 600_000
    assert text == python_docs()
    assert 90 < len(set(text)) < 120
    paragraphs = text.split("\n\n")
    assert len(paragraphs) == len(set(paragraphs))
    assert '"assert"' in paragraphs[0]
    from pydoc_data.topics import topics

    whole = "\n\n".join(topics.values())
    assert all(paragraph.rstrip("\n") in whole for paragraph in paragraphs)


@given(st.floats(0.05, 0.9))
def test_the_parts_make_the_whole(share):
    text = "\n\n".join("word " * (7 * n % 11) + f"end {n}." for n in range(60))
    train, validation = split_text(text, validation_share=share)
    assert train + validation == text
    assert train.endswith("\n\n")
    assert not validation.startswith("\n")
    assert share <= len(validation) / len(text) + 1e-3 <= share + 60 / len(text)


def test_a_tenth_of_the_documentation_is_held_out():
    text = python_docs()
    train, validation = split_text(text)
    assert 0.099 < len(validation) / len(text) < 0.12
    assert not set(train.split("\n\n")) & set(validation.rstrip("\n").split("\n\n")) - {""}


@pytest.mark.parametrize("share", [0, 1, -0.1, 2])
def test_a_wrong_share_is_explained(share):
    with pytest.raises(ValueError, match=f"between 0 and 1; got {share}"):
        split_text("a\n\nb", validation_share=share)


def test_a_text_without_paragraphs_is_explained():
    with pytest.raises(ValueError, match="no empty line"):
        split_text("one line\nanother line")


def test_a_python_without_its_documentation_is_explained(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)
    with pytest.raises(ModuleNotFoundError, match="standard library"):
        python_docs()
