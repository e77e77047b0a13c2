"""The text box: it asks with what was said before, shows text as text, and begins anew."""

import pytest

from course_utils.notebook.chatting import chat


def typed(box, text):
    box.box.value = text
    box.button.click()


def test_it_answers_and_remembers():
    calls = []

    def answer(text, before):
        calls.append((text, before))
        return text.upper()

    box = chat(answer)
    typed(box, "hello")
    typed(box, "  again ")
    assert calls == [("hello", []), ("again", [("hello", "HELLO")])]
    assert box.said == [("hello", "HELLO"), ("again", "AGAIN")]
    assert box.box.value == ""
    assert [word in box.transcript.value for word in ("hello", "HELLO", "AGAIN")] == [True] * 3
    box.anew.click()
    assert (box.said, box.transcript.value) == ([], "")


def test_the_enter_key_asks_too():
    box = chat(lambda text, before: text.upper())
    box.box.value = "hello"
    box.box._handle_msg(  # what a browser sends when the key is pressed in the box
        {"content": {"data": {"method": "custom", "content": {"event": "submit"}}}, "buffers": []}
    )
    assert box.said == [("hello", "HELLO")]


def test_what_is_typed_is_no_markup():
    box = chat(lambda text, before: "<b>\nnext")
    typed(box, "<script>alert(1)</script>")
    assert "<script>" not in box.transcript.value
    assert "&lt;script&gt;" in box.transcript.value
    assert "&lt;b&gt;<br>next" in box.transcript.value


def test_nothing_typed_asks_nothing():
    typed(chat(lambda text, before: pytest.fail("asked")), "   ")


def test_an_error_is_shown_and_what_was_typed_is_kept():
    def fails(text, before):
        raise ValueError("no such word")

    box = chat(fails)
    typed(box, "xyz")
    assert "ValueError: no such word" in box.transcript.value
    assert (box.said, box.box.value) == ([], "xyz")


def test_an_answer_cannot_change_what_was_said():
    box = chat(lambda text, before: before.clear() or "ok")
    typed(box, "one")
    typed(box, "two")
    assert len(box.said) == 2


def test_it_says_what_it_is_on_a_page_that_runs_nothing():
    assert "box to type into" in repr(chat(lambda text, before: ""))
