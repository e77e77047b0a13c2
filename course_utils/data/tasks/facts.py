"""A table of invented facts: some are stated and asked for, some only stated, some neither.

So it is known by construction what a model can know: a fact that it has read and was asked for, one
that it has read and was never asked for, and one that it cannot know.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from course_utils.data.tasks.task import Task

Known = Literal["asked", "stated", "unknown"]


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


PEOPLE = _words(
    "Anna Boris Clara David Elena Felix "
    "Greta Hugo Irene Jonas Karla Lukas "
    "Maria Niko Olga Pablo Quinn Rosa "
    "Simon Tessa Umar Vera Willem Xenia "
    "Yusuf Zoe Adam Bella Carl Dora "
    "Emil Flora Georg Hanna Ivan Julia "
    "Klaus Lena Marco Nadia Oscar Paula "
    "Ralf Sonja Timo Ursula Viktor Wanda "
)


@dataclass(frozen=True)
class Relation:
    """One column of the table.

    Attributes:
        said: the statement with a verb.
        asked: the question with that verb.
        nouns: words for the column. Both statements and questions use the first two; the third
            stands in statements only, until a test asks with it.
        values: what may stand in the column; each is equally likely.
    """

    said: str
    asked: str
    nouns: tuple[str, str, str]
    values: tuple[str, ...]


RELATIONS = (
    Relation(
        "{} lives in {}.",
        "where does {} live?",
        ("home", "city", "dwelling"),
        _words("Oslo Paris Rome Lima Cairo Delhi Tokyo Quito Berlin Dublin Vienna Lagos"),
    ),
    Relation(
        "{} works as a {}.",
        "what does {} work as?",
        ("job", "trade", "profession"),
        _words("baker nurse pilot judge farmer tailor teacher sailor painter miner cook guard"),
    ),
    Relation(
        "{} likes to eat {}.",
        "what does {} like to eat?",
        ("meal", "dish", "supper"),
        _words("soup rice fish bread pasta salad cheese beans apples eggs honey nuts"),
    ),
    Relation(
        "{} plays the {}.",
        "what does {} play?",
        ("instrument", "hobby", "pastime"),
        _words("flute harp violin piano trumpet cello guitar organ banjo horn lute viola"),
    ),
)
KNOWN: dict[Known, int] = {"asked": 24, "stated": 16, "unknown": 8}  # people, of each relation
WORDINGS = ("verb", "first noun", "second noun", "new noun")


@dataclass(frozen=True)
class Fact:
    """One entry of the table.

    Attributes:
        person: whom it is about.
        relation: which column.
        value: what is true.
        known: "asked": stated, and asked for in training; "stated": stated, never asked for;
            "unknown": neither.
        kept: the one wording of the three in training that is kept for tests.
    """

    person: str
    relation: Relation
    value: str
    known: Known
    kept: str

    def statements(self) -> list[str]:
        """The fact in each of its four wordings."""
        of = [f"the {noun} of {self.person} is {self.value}." for noun in self.relation.nouns]
        return [self.relation.said.format(self.person, self.value), *of]

    def question(self, wording: str) -> Task:
        """The question in one of `WORDINGS`; the answer is the value alone."""
        if wording not in WORDINGS:
            raise ValueError(f"wording must be one of {', '.join(WORDINGS)}; got {wording!r}.")
        asked = self.relation.asked.format(self.person)
        if wording != "verb":
            noun = self.relation.nouns[WORDINGS.index(wording) - 1]
            asked = f"what is the {noun} of {self.person}?"
        return Task("question", asked, f"{self.value}.")


def fact_table(*, seed: int = 0) -> list[Fact]:
    """Draw the table: 48 people, four relations, twelve equally likely values each.

    Of each relation half of the people are "asked", a third "stated", a sixth "unknown".
    """
    source = random.Random(seed)
    facts = []
    for relation in RELATIONS:
        kinds: list[Known] = []
        for known, count in KNOWN.items():
            kinds += [known] * count
        source.shuffle(kinds)
        for person, known in zip(PEOPLE, kinds, strict=True):
            value, kept = source.choice(relation.values), source.choice(WORDINGS[:3])
            facts.append(Fact(person, relation, value, known, kept))
    return facts


def statements(facts: list[Fact]) -> list[str]:
    """Every sentence that states a fact of the table, in each wording; none for the unknown."""
    return [said for fact in facts if fact.known != "unknown" for said in fact.statements()]


def training_questions(facts: list[Fact]) -> list[Task]:
    """Every question that may be trained on: asked facts in two of the first three wordings."""
    return _asked(facts, "asked", lambda fact: [w for w in WORDINGS[:3] if w != fact.kept])


def held_out_questions(facts: list[Fact]) -> dict[str, list[Task]]:
    """Questions for each way in which one can be new; the first were trained on, as a control."""
    return {
        "trained on": training_questions(facts),
        "new combination": _asked(facts, "asked", lambda fact: [fact.kept]),
        "new word": _asked(facts, "asked", lambda _: ["new noun"]),
        "fact never asked": _asked(facts, "stated", lambda _: WORDINGS[:3]),
        "never asked, new word": _asked(facts, "stated", lambda _: ["new noun"]),
        "control: never stated": _asked(facts, "unknown", lambda _: WORDINGS[:3]),
    }


def _asked(
    facts: list[Fact], known: Known, wordings: Callable[[Fact], Sequence[str]]
) -> list[Task]:
    return [fact.question(w) for fact in facts if fact.known == known for w in wordings(fact)]
