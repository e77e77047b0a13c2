"""Stories that state facts: where each hero lives, said often, seldom or never.

A hero's home stands in no other sentence and follows from nothing, so whoever answers the question
has been told, or guesses.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from course_utils.data.grammar import Grammar
from course_utils.data.text import TALE, TREASURES

TOWNS = ("Accra", "Cairo", "Lima", "Oslo", "Paris", "Quito", "Seoul", "Tunis")
PRONOUNS = ("she", "he")


@dataclass(frozen=True)
class World:
    """Heroes, where they live, and how often the stories say so.

    Attributes:
        homes: hero -> town; also of those whose home is never stated.
        shares: hero -> probability that a story about the hero begins with the home.

    Raises:
        ValueError: the two name different heroes, or none.
    """

    homes: dict[str, str]
    shares: dict[str, float]

    def __post_init__(self) -> None:
        if not self.homes or set(self.homes) != set(self.shares):
            raise ValueError(
                "homes and shares must name the same heroes, one at least; got "
                f"{sorted(set(self.homes) ^ set(self.shares)) or 'none'} in one of them only."
            )

    def stories(self) -> Grammar:
        """The stories of `data.stories` about these heroes, each as often as the others.

        With the probability `shares[hero]` a story begins "Bano lives in Oslo.". A grammar of which
        all is known: its entropy is that of somebody who knows every home that is ever stated.
        """
        tales = {
            f"tale_{number}": self._tale(hero, PRONOUNS[number % 2])
            for number, hero in enumerate(self.homes)
        }
        return Grammar({"story": " | ".join(f"<{tale}>" for tale in tales), **tales, **TALE})

    def _tale(self, hero: str, pronoun: str) -> str:
        """The rule of the stories about one hero."""
        share = self.shares[hero]
        openings = {"": 1 - share, f"{hero} lives in {self.homes[hero]}. ": share}
        return " | ".join(
            f"{opening}<when> {hero} found <kind> {treasure} <where>. <meanwhile>. "
            f"<later> {hero} <kept> the {treasure} <purpose>, and {pronoun} <felt>.\n [{weight}]"
            for (opening, weight), treasure in product(openings.items(), TREASURES)
            if weight > 0
        )

    def times_stated(self, text: str) -> dict[str, int]:
        """How often a text states the home of each hero."""
        found = Counter(re.findall(r"(\w+) lives in", text))
        return {hero: found[hero] for hero in self.homes}


def invented_world(
    shares: Sequence[float] = (0.0, 0.01, 0.04, 0.16, 0.64), *, heroes_each: int = 16, seed: int = 0
) -> World:
    """A world of heroes with invented names, who live in eight towns by chance.

    Args:
        shares: how likely a story states its hero's home, each in [0, 1].
        heroes_each: heroes for each share, at least 1; 720 names can be invented.
        seed: of names and homes.

    Raises:
        ValueError: a share is outside [0, 1], or the heroes are none or too many.
    """
    if not shares or not all(0 <= share <= 1 for share in shares):
        raise ValueError(f"shares must lie in [0, 1], one at least; got {tuple(shares)}.")
    names = [
        (first + vowel + second + end).capitalize()
        for first, second in product("bdfgklmnprtvz", "lmnr")
        for vowel, end in product("aeiou", "aou")
        if first != second
    ]
    if not 1 <= heroes_each * len(shares) <= len(names):
        raise ValueError(
            f"there are names for 1 to {len(names)} heroes; got {heroes_each} for each of "
            f"{len(shares)} shares."
        )
    draw = random.Random(seed)
    heroes = draw.sample(names, heroes_each * len(shares))
    return World(
        homes={hero: draw.choice(TOWNS) for hero in heroes},
        shares={hero: shares[number % len(shares)] for number, hero in enumerate(heroes)},
    )
