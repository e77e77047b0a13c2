"""What the base of lesson 11 has read, and what it has not."""

import pytest

from course_utils.data import tasks
from course_utils.data.tasks import talking
from course_utils.recipes import chat


@pytest.fixture(scope="module")
def documents():
    return chat.documents()


def test_every_word_of_documents_and_tasks_is_known(documents):
    tokenizer, facts = chat.tokenizer(), tasks.fact_table()
    unknown = tokenizer.words.index("<unk>")
    said = [task for some in tasks.held_out_questions(facts).values() for task in some]
    for part in ("train", "test"):
        said += [*tasks.programs(500, part=part, seed=7), *tasks.edits(500, part=part, seed=7)]
        said += [
            task for d in tasks.dialogues([], 200, task_share=0, part=part) for task in d.exchanges
        ]
    for text in [*documents[:3000], *(f"{task.prompt} {task.answer}" for task in said)]:
        assert unknown not in tokenizer.encode(text), text
    assert list(tokenizer.special) == ["<user>", "<bot>", "<stop>"]


def test_a_text_is_what_its_tokens_say(documents):
    tokenizer = chat.tokenizer()
    for text in documents[:500]:
        assert tokenizer.decode(tokenizer.encode(text)) == text


def test_the_base_has_read_no_test_task_and_no_question(documents):
    text = "".join(documents)
    for task in [*tasks.programs(500, part="test"), *tasks.edits(500, part="test")]:
        assert task.prompt.split(": ")[-1] not in text
    assert "?" not in text
    assert not any(ask in text for ask in [*talking.SMALL_TALK, "replace", "remove", "put very"])


def test_the_base_has_read_every_stated_fact_and_no_unknown_one(documents):
    lines = set(documents)
    for fact in tasks.fact_table():
        read = {f"{said}\n" in lines for said in fact.statements()}
        assert read == {fact.known != "unknown"}


def test_a_changed_sentence_says_what_was_changed():
    for task in tasks.edits(200):
        before, after = chat.said_again(task).split(": ")
        assert after == task.answer
        assert before.startswith(task.prompt.split(": ")[1])
    with pytest.raises(ValueError, match="no remark for 'shout'"):
        chat.said_again(tasks.Task("edit", "shout: the ball.", "THE BALL."))
