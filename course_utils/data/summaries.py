"""A formal summarisation task: a report of events, and who has what in the end.

"Mia found the key . the wind was warm . Mia gave the key to Tom ." has the summary "key : Tom". The
treasures are named in the order in which they first come up. Every event but the last of a treasure
is overruled by a later one, and some sentences do not matter at all.
"""

from __future__ import annotations

import random

from course_utils.data.pairs import Example, Pairs, check_range, draw_pairs
from course_utils.data.text import HEROES, TREASURES

NOBODY = "nobody"
ASIDES = ("the wind was warm .", "three birds sang .", "it rained all day .", "the moon rose .")
EVENTS = ("{person} found the {thing} .", "{person} gave the {thing} to {other} .")
LOSS = "{person} lost the {thing} ."


def summary_pairs(
    count: int,
    *,
    part: str = "train",
    num_events: tuple[int, int] = (4, 7),
    num_treasures: tuple[int, int] = (2, 3),
    seed: int = 0,
) -> Pairs:
    """Draw reports with their summaries.

    Args:
        count: N pairs, no report twice.
        part: "train", "validation" or "test"; they share no summary.
        num_events: fewest and most events of a report, up to 40; one more sentence in four is an
            aside. At least one for each treasure.
        num_treasures: fewest and most treasures, from 1 to 8.
        seed: of the choices.

    Raises:
        ValueError: an argument is out of its range, or there are not so many reports.
    """
    check_range("num_treasures", num_treasures, 1, len(TREASURES))
    check_range("num_events", num_events, num_treasures[1], 40)

    def draw(rng: random.Random) -> Example:
        return draw_report(rng, rng.randint(*num_treasures), rng.randint(*num_events))

    return draw_pairs(draw, summary_words(), count, part=part, seed=seed)


def summary_words() -> list[str]:
    """All words of reports and summaries."""
    sentences = " ".join([*ASIDES, *EVENTS, LOSS])
    plain = [word for word in sentences.split() if not word.startswith("{")]
    return [*plain, *HEROES, *TREASURES, NOBODY, ":", ","]


def draw_report(rng: random.Random, num_treasures: int, num_events: int) -> Example:
    """One report of so many events about so many treasures, with its summary."""
    treasures = rng.sample(TREASURES, num_treasures)
    again = [rng.choice(treasures) for _ in range(num_events - num_treasures)]
    order = treasures + again
    rng.shuffle(order)
    source: list[str] = []
    first: dict[str, int] = {}  # treasure -> where it first comes up
    holder: dict[str, tuple[str, int]] = {}  # treasure -> who has it, and where that is said
    for thing in order:
        if rng.random() < 0.25:
            source += rng.choice(ASIDES).split()
        start = len(source)
        owner = holder.get(thing, (NOBODY, 0))[0]
        words, holder[thing] = _event(rng, thing, owner, start)
        source += words
        first.setdefault(thing, start + words.index(thing))
    target: list[str] = []
    reasons: list[tuple[int, ...]] = []
    for thing, place in first.items():  # in the order of their first mention
        if target:
            target.append(",")
            reasons.append(())
        who, said = holder[thing]
        target += [thing, ":", who]
        reasons += [(place,), (), (said,)]
    return Example(tuple(source), tuple(target), tuple(reasons))


def _event(
    rng: random.Random, thing: str, owner: str, start: int
) -> tuple[list[str], tuple[str, int]]:
    """What happens next to a treasure: the sentence, its new owner, and where that is said."""
    if owner == NOBODY:
        person = rng.choice(list(HEROES))
        return EVENTS[0].format(person=person, thing=thing).split(), (person, start)
    if rng.random() < 0.3:
        words = LOSS.format(person=owner, thing=thing).split()
        return words, (NOBODY, start + words.index("lost"))
    other = rng.choice([hero for hero in HEROES if hero != owner])
    words = EVENTS[1].format(person=owner, thing=thing, other=other).split()
    return words, (other, start + words.index("to") + 1)
