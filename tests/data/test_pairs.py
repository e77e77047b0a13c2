"""Pairs with one right answer: read back by other code, split by meaning, aligned as is true."""

import pytest
import torch

from course_utils.data import PAD, START, STOP, summary_pairs, translation_pairs
from course_utils.data.pairs import Example, draw_pairs, part_of
from course_utils.data.translation import ADJECTIVES, ADVERBS, ENDINGS, NOUNS, VERBS

TASKS = {"translation": translation_pairs, "summary": summary_pairs}
each_task = pytest.mark.parametrize("task", TASKS)


def texts(pairs):
    """Source and answer of each pair, as tuples of words."""
    return [
        (tuple(pairs.words(source)), tuple(pairs.words(target)))
        for source, target in zip(pairs.source, pairs.target, strict=True)
    ]


def translate(words):
    """Reads a sentence from left to right and translates it: written apart from the data."""
    clauses = " ".join(words).split(" and ")
    told = []
    for clause in clauses:
        parts, when, nouns, adjectives, verb, owner = clause.split(), "", [], [], "", ""
        for word in parts:
            if word in ADVERBS:
                when = ADVERBS[word]
            elif word in ADJECTIVES:
                adjectives.insert(0, ADJECTIVES[word])
            elif word in VERBS:
                verb = VERBS[word]
            else:
                said, ending = NOUNS[word]
                nouns.append(" ".join([said, *(f"{a} {ending}" for a in adjectives)]))
                owner, adjectives = ending if len(nouns) == 1 else owner, []
        told.append(f"{when} {' '.join(nouns)} {verb} {owner}")
    return tuple(" et ".join(told).split())


def summarise(words):
    """Follows each treasure through the report: written apart from the data."""
    holder = {}
    for sentence in " ".join(words).split("."):
        match sentence.split():
            case [who, "found", "the", thing]:
                holder[thing] = who
            case [_, "gave", "the", thing, "to", other]:
                assert holder[thing] == sentence.split()[0]
                holder[thing] = other
            case [who, "lost", "the", thing]:
                assert holder[thing] == who
                holder[thing] = "nobody"
    return tuple(" , ".join(f"{thing} : {who}" for thing, who in holder.items()).split())


@pytest.mark.parametrize(("task", "answer"), [("translation", translate), ("summary", summarise)])
def test_the_answer_is_what_another_program_gives(task, answer):
    found = texts(TASKS[task](400, part="test"))
    assert len({len(source) for source, _ in found}) > 5
    for source, target in found:
        assert answer(source) == target


@each_task
def test_no_test_source_and_no_paraphrase_of_one_is_trained_on(task):
    """Of equal answers all are in one part, so a source with another wording is too."""
    parts = {p: texts(TASKS[task](2000, part=p)) for p in ("train", "validation", "test")}
    for index, part in enumerate(parts):
        for other in list(parts)[index + 1 :]:
            assert not {s for s, _ in parts[part]} & {s for s, _ in parts[other]}
            assert not {t for _, t in parts[part]} & {t for _, t in parts[other]}
    answers = [target for _, target in parts["test"]]
    assert len(set(answers)) < len(answers)  # paraphrases do occur


def test_a_tenth_is_for_the_test_and_a_tenth_for_validation():
    found = [part_of((str(number), "et")) for number in range(20_000)]
    assert found.count("test") / 20_000 == pytest.approx(0.1, abs=0.01)
    assert found.count("validation") / 20_000 == pytest.approx(0.1, abs=0.01)
    assert part_of(("ti", "mo", "go", "-o")) == "train"  # on every machine


@each_task
def test_tokens_are_padded_and_begun_and_stopped(task):
    pairs = TASKS[task](50)
    assert pairs.vocabulary[:3] == ("<pad>", "<start>", "<stop>")
    assert len(set(pairs.vocabulary)) == len(pairs.vocabulary)
    assert len(pairs) == 50
    assert (pairs.target[:, 0] == START).all()
    assert ((pairs.target == STOP).sum(1) == 1).all()
    assert len(set(texts(pairs))) == 50
    for row in (*pairs.source, *pairs.target):
        length = int((row != PAD).sum())
        assert (row[:length] != PAD).all()
    assert pairs.alignment.shape == (50, pairs.target.shape[1] - 1, pairs.source.shape[1])
    assert not (pairs.alignment & (pairs.source == PAD)[:, None]).any()
    assert not pairs.alignment[pairs.target[:, 1:] <= STOP].any()


@each_task
def test_the_same_seed_gives_the_same_pairs(task):
    same, again = TASKS[task](30, seed=3), TASKS[task](30, seed=3)
    assert texts(same) == texts(again) != texts(TASKS[task](30, seed=4))
    assert torch.equal(same.to("cpu").alignment, again.alignment)


def test_what_a_word_is_aligned_with_decides_it():
    """Syllables name their word; an ending is that of the noun it is aligned with."""
    pairs = translation_pairs(200)
    said = NOUNS | {w: (s, "") for w, s in (ADJECTIVES | VERBS | ADVERBS | {"and": "et"}).items()}
    diagonal, aligned = 0, 0
    for (source, target), rows in zip(texts(pairs), pairs.alignment, strict=True):
        for place, token in enumerate(target):
            (found,) = rows[place].nonzero().flatten().tolist()
            syllables, ending = said[source[found]]
            assert token == ending if token in ENDINGS else token in syllables.split()
            aligned += 1
            diagonal += found == round(place * len(source) / len(target))
    assert diagonal / aligned < 0.3


def test_changing_the_aligned_word_changes_the_token():
    """The alignment is the cause: another noun in the same place, another ending."""
    source = ["old", "dog", "sees", "tall", "tree"]
    before = translate(source)
    after = translate(["old", "girl", "sees", "tall", "tree"])
    assert " ".join(before) == "ra mo na -o ke lu du -a go -o"
    assert " ".join(after) == "mi mo na -i ke lu du -a go -i"


def test_the_holder_is_aligned_with_the_last_event_of_its_treasure():
    for pairs in (summary_pairs(200), summary_pairs(50, num_events=(9, 9), num_treasures=(1, 1))):
        for (source, target), rows in zip(texts(pairs), pairs.alignment, strict=True):
            for place, token in enumerate(target):
                found = rows[place].nonzero().flatten().tolist()
                if token in (":", ","):
                    assert not found
                    continue
                (at,) = found
                assert source[at] == ("lost" if token == "nobody" else token)
                if place % 4 == 2:
                    thing = target[place - 2]
                    assert thing in source[max(0, at - 4) : at + 4]
                    assert thing not in source[at + 4 :]


def test_sizes_are_as_asked():
    long = translation_pairs(40, part="test", num_clauses=(3, 3))
    assert all(source.count("and") == 2 for source, _ in texts(long))
    few = summary_pairs(40, num_events=(3, 3), num_treasures=(3, 3))
    assert all(target.count(":") == 3 for _, target in texts(few))


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda: translation_pairs(5, part="dev"), "part must be one of train, validation, test"),
        (lambda: translation_pairs(0), "count must be at least 1; got 0"),
        (lambda: translation_pairs(2.5), "count must be at least 1; got 2.5"),
        (lambda: translation_pairs(5, num_clauses=2), "num_clauses must be a pair .*; got 2"),
        (lambda: translation_pairs(5, num_clauses=(1, 2.0)), "num_clauses must be a pair"),
        (lambda: translation_pairs(5).words(torch.ones(2, 3)), "One row at a time"),
        (lambda: translation_pairs(5, num_clauses=(0, 2)), "num_clauses must be a pair"),
        (lambda: translation_pairs(5, num_clauses=(3, 2)), "1 <= low <= high <= 9"),
        (lambda: summary_pairs(5, num_treasures=(1, 9)), "num_treasures must be a pair"),
        (lambda: summary_pairs(5, num_events=(2, 4)), "num_events must be a pair.* with 3 <="),
        (lambda: draw_pairs(lambda rng: Example(("a",), ("b",), ((0,),)), ["a", "b"], 2,
                            part=part_of(("b",)), seed=0), "only 1 different sources"),
        (lambda: summary_pairs(3).words([1, 99]), "must lie in 0 ... 37; got 99"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(act, words):
    with pytest.raises(ValueError, match=words):
        act()
