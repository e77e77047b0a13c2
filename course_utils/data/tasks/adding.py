"""Sums of two numbers, answered at once or with every step written out."""

from __future__ import annotations

import random

from course_utils.data.tasks.task import Part, Task, drawn, spaced


def sums(
    count: int, num_digits: int, *, steps: bool = False, part: Part = "train", seed: int = 0
) -> list[Task]:
    """Draw sums of two numbers of equally many digits.

    "3 4 + 2 8" is answered by "6 2"; with steps by "4 + 8 + 0 = 1 2, 3 + 2 + 1 = 6, 6 2": place by
    place from the right, the digits above each other and what is carried. A sum and its reverse
    belong to the same part.

    Args:
        count: how many.
        num_digits: of each number, at least 1; the first digit is not 0.
        steps: whether the answer writes its steps.
        part: "train" or "test".
        seed: of the draws.

    Raises:
        ValueError: an argument is out of its range.
    """
    if num_digits < 1:
        raise ValueError(f"num_digits must be at least 1; got {num_digits}.")
    source = random.Random(seed)

    def draw() -> tuple[str, Task]:
        low = 10 ** (num_digits - 1) if num_digits > 1 else 0
        a, b = (source.randrange(low, 10**num_digits) for _ in range(2))
        answer = written_out(a, b) if steps else spaced(a + b)
        return f"sum {min(a, b)} {max(a, b)}", Task("sum", f"{spaced(a)} + {spaced(b)}", answer)

    return list(drawn(draw, count, part))


def written_out(a: int, b: int) -> str:
    """Each place from the right as "digit + digit + carried = sum", then the whole result."""
    places: list[str] = []
    carried, left, right = 0, a, b
    while left or right or not places:
        total = left % 10 + right % 10 + carried
        places.append(f"{left % 10} + {right % 10} + {carried} = {spaced(total)},")
        left, right, carried = left // 10, right // 10, total // 10
    return " ".join([*places, spaced(a + b)])
