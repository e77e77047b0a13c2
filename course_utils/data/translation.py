"""A formal translation task: two small languages, one right translation, the true alignment known.

The source is written in English words: "old red dog sees cat today and ...". The target language is
invented, and differs in four ways:

- *Order*: adverb, subject, object, verb. An adjective follows its noun, the nearest one first.
- *Length*: a word has one to three syllables there, and words share syllables.
- *Agreement*: each adjective and each verb takes the ending of a class: an adjective that of its
  noun, a verb that of its subject. So what decides an ending is a noun, not the word that bears it.
- *Freedom*: in the source an adverb may stand first or last in its clause; the translation is the
  same.
"""

from __future__ import annotations

import random

from course_utils.data.pairs import Example, Pairs, check_range, draw_pairs

# Syllables, and for a noun the ending of its class.
NOUNS = {
    "dog": ("ra mo", "-o"),
    "cat": ("ti", "-o"),
    "king": ("sel ra mi", "-o"),
    "bird": ("lu ti", "-o"),
    "house": ("mo", "-a"),
    "tree": ("ke lu", "-a"),
    "boat": ("ti ra ke", "-a"),
    "moon": ("sel", "-a"),
    "girl": ("mi mo", "-i"),
    "fox": ("lu", "-i"),
    "stone": ("ke ti sel", "-i"),
    "cake": ("ra lu", "-i"),
}
ADJECTIVES = {
    "small": "po",
    "red": "du na",
    "old": "na",
    "quick": "vi po",
    "tall": "du",
    "happy": "po na",
    "cold": "vi",
    "brave": "na vi",
}
VERBS = {
    "sees": "go",
    "loves": "fe go",
    "finds": "zu",
    "hears": "go zu",
    "follows": "fe",
    "carries": "zu fe",
}
ADVERBS = {"today": "ha", "often": "wo ha", "here": "wo", "slowly": "ha wo"}
JOIN = ("and", "et")
ENDINGS = ("-a", "-i", "-o")

Piece = tuple[str, int]  # a word of the target, and the place in the source that decides it


def translation_pairs(
    count: int, *, part: str = "train", num_clauses: tuple[int, int] = (1, 2), seed: int = 0
) -> Pairs:
    """Draw sentences with their translations.

    Args:
        count: N pairs, no source twice.
        part: "train", "validation" or "test"; they share no translation, and so no meaning.
        num_clauses: fewest and most clauses of a sentence, from 1 to 9.
        seed: of the choices.

    Raises:
        ValueError: an argument is out of its range, or there are not so many sentences.
    """
    check_range("num_clauses", num_clauses, 1, 9)

    def draw(rng: random.Random) -> Example:
        return draw_sentence(rng, rng.randint(*num_clauses))

    return draw_pairs(draw, translation_words(), count, part=part, seed=seed)


def translation_words() -> list[str]:
    """All words of both languages."""
    source = [*NOUNS, *ADJECTIVES, *VERBS, *ADVERBS, JOIN[0]]
    told = [told for told, _ in NOUNS.values()]
    told += [*ADJECTIVES.values(), *VERBS.values(), *ADVERBS.values()]
    return [*source, *" ".join(told).split(), JOIN[1], *ENDINGS]


def draw_sentence(rng: random.Random, num_clauses: int) -> Example:
    """One sentence of so many clauses, with its translation."""
    source: list[str] = []
    target: list[Piece] = []
    for number in range(num_clauses):
        if number:
            target.append((JOIN[1], len(source)))
            source.append(JOIN[0])
        target += _clause(rng, source)
    words, reasons = zip(*target, strict=True)
    return Example(tuple(source), words, tuple((place,) for place in reasons))


def _clause(rng: random.Random, source: list[str]) -> list[Piece]:
    """Add a clause to the source; returns its translation."""
    adverb = rng.choice([*ADVERBS, ""])
    first = rng.random() < 0.5
    front: list[Piece] = []
    if adverb and first:
        front = _say(source, adverb, ADVERBS[adverb])
    subject, owner = _noun(rng, source)
    verb = rng.choice(list(VERBS))
    said = _say(source, verb, VERBS[verb])
    ending = (NOUNS[source[owner]][1], owner)
    thing, _ = _noun(rng, source)
    if adverb and not first:
        front = _say(source, adverb, ADVERBS[adverb])
    return [*front, *subject, *thing, *said, ending]


def _noun(rng: random.Random, source: list[str]) -> tuple[list[Piece], int]:
    """Add a noun with up to two adjectives; returns their translation, and the noun's place."""
    adjectives = rng.sample(list(ADJECTIVES), rng.randint(0, 2))
    told = [_say(source, adjective, ADJECTIVES[adjective]) for adjective in adjectives]
    noun, place = rng.choice(list(NOUNS)), len(source)
    syllables, ending = NOUNS[noun]
    pieces = _say(source, noun, syllables)
    for adjective in reversed(told):
        pieces += [*adjective, (ending, place)]
    return pieces, place


def _say(source: list[str], word: str, syllables: str) -> list[Piece]:
    """Add a word to the source; returns its syllables, each decided by it."""
    source.append(word)
    return [(syllable, len(source) - 1) for syllable in syllables.split()]
