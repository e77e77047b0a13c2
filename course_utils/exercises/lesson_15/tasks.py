"""The twelve tasks of lesson 15's chooser, and which tool the course would take."""

from __future__ import annotations

from collections.abc import Mapping

TOOLS = "DLBN"  # diffusion, a language model, both, neither
_ANSWERS: Mapping[str, str] = {
    "a digit that no one has drawn before": "D",
    "the next word of a sentence": "L",
    "a picture, where each call of the network costs a lot": "D",
    "the missing part of a picture": "D",
    "a sum of two numbers of any length, exactly": "N",
    "a small program that doubles a number and adds three": "L",
    "a sound of a given pitch": "D",
    "a summary of a report, with no error allowed": "N",
    "a picture of what somebody says in free words, about two things": "B",
    "a fact that stands in no text": "N",
    "the caption of a drawing": "L",
    "a tale with pictures": "B",
}
TASKS = list(_ANSWERS)


def marked(choice: str) -> str:
    """How many of twelve letters the course would have chosen, or what is wrong with them.

    Args:
        choice: a letter for each of `TASKS`: D, L, B or N, in capitals or not; "?" is not yet.
    """
    letters = "".join(choice.split()).upper()
    strange = sorted(set(letters) - set(TOOLS) - {"?"})
    if len(letters) != len(TASKS) or strange:
        came = (
            f"{len(letters)} letters" if not strange else f"{', '.join(map(repr, strange))} in it"
        )
        return f"expected {len(TASKS)} letters of D, L, B and N, one for each task; got {came}."
    if "?" in letters:
        return f"{len(TASKS) - letters.count('?')} of {len(TASKS)} chosen."
    hits = [a == b for a, b in zip(letters, _ANSWERS.values(), strict=True)]
    others = ", ".join(str(number) for number, hit in enumerate(hits, start=1) if not hit)
    return f"{sum(hits)} of {len(TASKS)} as the course would choose" + (
        f"; otherwise: {others}." if others else "."
    )
