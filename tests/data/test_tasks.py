"""Tasks with one right answer: right by independent means, and nothing leaks into the test part."""

import re

import pytest

from course_utils.data import tasks
from course_utils.data.tasks import talking
from course_utils.data.tasks.facts import PEOPLE, RELATIONS, WORDINGS

MAKERS = {
    "sums": lambda count, **how: tasks.sums(count, 2, **how),
    "sums with steps": lambda count, **how: tasks.sums(count, 2, steps=True, **how),
    "programs": tasks.programs,
    "edits": tasks.edits,
}
each_maker = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


@each_maker
def test_the_same_seed_gives_the_same_tasks_and_another_others(make):
    assert make(50, seed=3) == make(50, seed=3)
    assert make(50, seed=3) != make(50, seed=4)
    assert make(0) == []


@each_maker
def test_no_prompt_of_one_part_is_in_the_other(make):
    train = {task.prompt for seed in range(3) for task in make(3000, seed=seed)}
    test = {task.prompt for seed in range(3) for task in make(1000, part="test", seed=seed)}
    assert not train & test
    assert len(test) > 300


@each_maker
@pytest.mark.parametrize(("how", "says"), [({"part": "valid"}, "part must be"), ({}, "count must")])
def test_other_parts_and_negative_counts_are_refused(make, how, says):
    with pytest.raises(ValueError, match=says):
        make(1 if how else -1, **how)


# Sums


def number(digits: str) -> int:
    return int(digits.replace(" ", ""))


@pytest.mark.parametrize("num_digits", [1, 2, 3, 6])
def test_a_sum_is_the_sum_and_each_step_is_true(num_digits):
    for task in tasks.sums(200, num_digits, steps=True):
        a, b = task.prompt.split(" + ")
        *steps, result = task.answer.split(", ")
        assert len(number_of := a.split()) == len(b.split()) == num_digits == len(steps), number_of
        assert number(result) == number(a) + number(b)
        carried = 0
        for step, left, right in zip(steps, a.split()[::-1], b.split()[::-1], strict=True):
            terms, total = step.split(" = ")
            assert terms == f"{left} + {right} + {carried}"
            assert number(total) == int(left) + int(right) + carried
            carried = number(total) // 10


def test_without_steps_the_answer_is_the_last_part_of_that_with_steps():
    short, long = tasks.sums(100, 3), tasks.sums(100, 3, steps=True)
    for one, other in zip(short, long, strict=True):
        assert one.prompt == other.prompt
        assert other.answer.endswith(f", {one.answer}")


def test_a_sum_and_its_reverse_are_in_one_part():
    train = {task.prompt for task in tasks.sums(4000, 2)}
    for task in tasks.sums(500, 2, part="test"):
        assert " + ".join(reversed(task.prompt.split(" + "))) not in train


def test_impossible_sums_are_refused():
    with pytest.raises(ValueError, match="num_digits must be at least 1; got 0"):
        tasks.sums(1, 0)


# Programs


def test_a_program_does_what_is_asked_in_order():
    """Computed from the words, by other means than the program."""
    for task in tasks.programs(500, max_steps=4):
        first, *steps = task.prompt.rstrip(".").split(", ")
        x, waiting = int(first.split()[-1]), None
        for step in steps:
            digits = [int(d) for d in re.findall(r"\d", step)]
            if step.startswith("if"):
                waiting = digits[0]
            elif step.startswith("take away"):
                if waiting is None or x > waiting:
                    x -= digits[0]
                waiting = None
            elif step.endswith("times"):
                x += digits[0] * digits[1]
            elif step.startswith("add"):
                x += digits[0]
            else:
                x *= 2 if step == "double it" else digits[0]
        assert x == task.result


def test_impossible_programs_are_refused():
    with pytest.raises(ValueError, match="max_steps must be at least 1"):
        tasks.programs(1, max_steps=0)


# Edits


def test_an_edit_changes_what_is_asked_and_nothing_else():
    for task in tasks.edits(500):
        said, text = task.prompt.split(": ")
        what, word = re.fullmatch(
            r"(replace|remove|put very before) (\w+)(?: by \w+)?", said
        ).groups()
        assert re.findall(rf"\b{word}\b", text) == [word]
        new = {"replace": said.split()[-1], "remove": "", "put very before": f"very {word}"}[what]
        expected = re.sub(rf"\b{word}\b", new, text).replace("  ", " ")
        assert task.answer == expected


def test_a_sentence_belongs_to_one_part_whatever_is_done_to_it():
    sentences = [
        {t.prompt.split(": ")[1] for t in tasks.edits(2000, part=part)}
        for part in ("train", "test")
    ]
    assert not sentences[0] & sentences[1]
    answers = {task.answer for seed in range(3) for task in tasks.edits(5000, seed=seed)}
    assert not answers & sentences[1]


# Facts


def test_the_table_has_every_entry_once_and_its_shares():
    facts = tasks.fact_table()
    assert len({(f.person, f.relation.nouns) for f in facts}) == len(facts) == 4 * len(PEOPLE)
    for relation in RELATIONS:
        kinds = [f.known for f in facts if f.relation is relation]
        assert [kinds.count(k) for k in ("asked", "stated", "unknown")] == [24, 16, 8]
    assert tasks.fact_table() == facts
    assert tasks.fact_table(seed=1) != facts


def test_what_is_unknown_is_stated_nowhere():
    facts = tasks.fact_table()
    said = tasks.statements(facts)
    assert len(said) == len(set(said)) == 4 * 40 * 4
    for fact in facts:
        states = [s for s in said if s in fact.statements()]
        assert len(states) == (0 if fact.known == "unknown" else 4)


def test_no_held_out_question_is_trained_on():
    facts = tasks.fact_table()
    trained = {task.prompt for task in tasks.training_questions(facts)}
    held = tasks.held_out_questions(facts)
    assert {task.prompt for task in held.pop("trained on")} == trained
    for name, questions in held.items():
        prompts = {task.prompt for task in questions}
        assert len(prompts) == len(questions) >= 64
        assert not prompts & trained, name


def test_new_words_stand_in_statements_and_in_no_training_question():
    facts = tasks.fact_table()
    trained = " ".join(task.prompt for task in tasks.training_questions(facts))
    said = " ".join(tasks.statements(facts))
    for relation in RELATIONS:
        first, second, new = relation.nouns
        assert re.search(rf"\b{new}\b", said)
        assert not re.search(rf"\b{new}\b", trained)
        assert re.search(rf"\b{first}\b", trained)
        assert re.search(rf"\b{second}\b", trained)


def test_each_wording_of_training_is_used_for_others_where_it_is_held_out():
    facts = tasks.fact_table()
    for relation in RELATIONS:
        kept = [f.kept for f in facts if f.relation is relation and f.known == "asked"]
        for wording in WORDINGS[:3]:
            assert 0 < kept.count(wording) < len(kept)


def test_a_question_of_another_wording_is_refused():
    with pytest.raises(ValueError, match="wording must be one of verb"):
        tasks.fact_table()[0].question("noun")


# Dialogues


def test_the_name_that_is_asked_for_is_the_last_one_told():
    for dialogue in tasks.dialogues(tasks.edits(50), 500, max_exchanges=6, task_share=0.2):
        name = None
        for task in dialogue.exchanges:
            if told := re.fullmatch(r"my name is (\w+)\.", task.prompt):
                name = told[1]
            if task.prompt == talking.ASKS_NAME:
                expected = f"your name is {name}." if name else talking.NO_NAME
                assert task.answer == expected


def test_conversations_about_names_are_split():
    def talks(part):
        found = tasks.dialogues([], 3000, max_exchanges=3, task_share=0, part=part)
        said = (tuple(task.prompt for task in d.exchanges) for d in found)
        return {prompts for prompts in said if any("name" in prompt for prompt in prompts)}

    assert not talks("train") & talks("test")
    assert len(talks("test")) > 50


def test_dialogues_hold_the_tasks_given():
    pool = tasks.programs(20)
    kinds = [task.kind for d in tasks.dialogues(pool, 400, task_share=0.5) for task in d.exchanges]
    assert 0.4 < kinds.count("program") / len(kinds) < 0.6


@pytest.mark.parametrize(
    "how",
    [{"count": -1}, {"max_exchanges": 0}, {"task_share": 1.5}, {"tasks": ()}, {"part": "all"}],
)
def test_impossible_dialogues_are_refused(how):
    with pytest.raises(ValueError, match=r"dialogues needs tasks|part must be"):
        tasks.dialogues(**{"tasks": tasks.edits(1), "count": 1} | how)


def test_a_part_that_is_empty_is_reported_not_searched_for_ever(monkeypatch):
    monkeypatch.setattr("course_utils.data.tasks.task.HELD_OUT", 1)  # all are of the test part
    with pytest.raises(ValueError, match="leave nothing for the train part"):
        tasks.sums(1, 1)
