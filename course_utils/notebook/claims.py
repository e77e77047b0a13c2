"""The claims of a lesson: a sentence, a measured number, the bound that it must meet."""

import html
import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from course_utils.notebook import recorded

Bound = bool | float | tuple[float, float]

OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "within": lambda value, bound: bound[0] <= value <= bound[1],
}


@dataclass(frozen=True)
class Claim:
    """A sentence and what was measured for it. NaN meets no bound."""

    text: str
    value: bool | float
    operator: str
    bound: Bound

    @property
    def holds(self) -> bool:
        """Does the value meet the bound?"""
        return bool(OPERATORS[self.operator](self.value, self.bound))

    def __str__(self) -> str:
        """``✓ holds: the model forgets: 0.012 (bound < 0.03)``, as it stands under a cell."""
        text, measured, bound, verdict = self.row()
        return f"{verdict}: {text}: {measured} (bound {bound})"

    def row(self) -> tuple[str, str, str, str]:
        """The four cells of the table: claim, measured, bound, verdict."""
        bound = (
            f"{_show(self.bound[0])} to {_show(self.bound[1])}"
            if isinstance(self.bound, tuple)
            else f"{self.operator} {_show(self.bound)}"
        )
        return self.text, _show(self.value), bound, "✓ holds" if self.holds else "✗ FAILS"


class Claims:
    """Collects the claims of one lesson: ``claims = Claims("01")``."""

    def __init__(self, lesson: str):
        self.lesson = lesson
        self._claims: dict[str, Claim] = {}

    def check(self, text: str, value: Any, op: str, bound: Any) -> None:
        """Note a measured value and its bound; the same text again replaces the earlier value.

        Args:
            text: the claim, one sentence without numbers that differ between machines.
            value: a number, a bool, or a tensor of one element. NaN is a claim that fails.
            op: one of ``< <= > >= ==``, or ``within``.
            bound: a number or bool; for ``within`` the pair (low, high), both included.

        Raises:
            ValueError: an unknown operator, or a bound that is NaN or a pair out of order.
            TypeError: the value or a bound is not a single number.
        """
        if op not in OPERATORS:
            raise ValueError(f"the operator must be one of {' '.join(OPERATORS)}; got {op!r}.")
        checked = _check_bound(op, bound)
        claim = Claim(text, _number(value, "the value of a claim"), op, checked)
        self._claims[text] = claim
        print(claim)

    def table(self) -> "Table":
        """The claims with their numbers; the last line of a cell shows it."""
        return Table([claim.row() for claim in self._claims.values()])

    def verdicts(self) -> None:
        """Print how many claims hold and which do not, and save them all.

        No number that was measured is printed, so it reads the same on every machine; they go to
        .course/claims/<lesson>.json.
        """
        if not self._claims:
            print(f"no claims of lesson {self.lesson} were measured: run the cells above first")
            return
        failed = [claim.text for claim in self._claims.values() if not claim.holds]
        print(f"{len(self._claims) - len(failed)} of {len(self._claims)} claims hold")
        for text in failed:
            print("FAILS |", text)
        recorded.save(
            self.lesson,
            [{**asdict(claim), "holds": claim.holds} for claim in self._claims.values()],
        )


@dataclass(frozen=True)
class Table:
    """Rows of text, shown as an HTML table in a notebook and aligned in a terminal."""

    rows: Sequence[tuple[str, str, str, str]]
    head = ("claim", "measured", "bound", "verdict")

    def _repr_html_(self) -> str:
        def line(cells: Sequence[str], tag: str) -> str:
            style = "text-align:left; padding:0.3em 1.2em 0.3em 0"
            return (
                "<tr>"
                + "".join(f'<{tag} style="{style}">{html.escape(c)}</{tag}>' for c in cells)
                + "</tr>"
            )

        body = "".join(line(row, "td") for row in self.rows)
        return f"<table><thead>{line(self.head, 'th')}</thead><tbody>{body}</tbody></table>"

    def __repr__(self) -> str:
        lines = [self.head, *self.rows]
        widths = [max(len(line[column]) for line in lines) for column in range(4)]
        return "\n".join(
            "  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip()
            for line in lines
        )


def _number(value: Any, what: str) -> bool | float:
    if isinstance(value, bool):
        return value
    try:
        number = value.item() if hasattr(value, "item") else value  # tensors and NumPy scalars
        return number if isinstance(number, bool) else float(number)
    except (TypeError, ValueError, RuntimeError) as error:
        shape = f" of shape {tuple(value.shape)}" if hasattr(value, "shape") else f" {value!r}"
        raise TypeError(
            f"{what} must be a single number; got {type(value).__name__}{shape}. "
            "Reduce it first, for example with .mean()."
        ) from error


def _check_bound(op: str, bound: Any) -> Bound:
    if op != "within":
        checked = _number(bound, "a bound")
        if math.isnan(checked):
            raise ValueError("a bound must not be NaN: nothing would meet it.")
        return checked
    if not isinstance(bound, tuple | list) or len(bound) != 2:
        raise ValueError(f'"within" needs the pair (low, high); got {bound!r}.')
    low, high = float(_number(bound[0], "a bound")), float(_number(bound[1], "a bound"))
    if not low <= high:
        raise ValueError(f'"within" needs low <= high; got ({low}, {high}).')
    return low, high


def _show(value: bool | float) -> str:
    """Three digits; yes and no for truth."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.3g}" if abs(value) < 1000 or not math.isfinite(value) else f"{value:,.0f}"
