"""Exercise 11.3: a calculator that trusts nobody."""

import ast
import operator
import re
from collections.abc import Callable
from typing import Any

from course_utils.exercises import Exercise, Mistake

LARGEST, LONGEST = 10**12, 100
OPERATORS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul}


def calculate(text: str) -> int:
    """Walk the tree; every node that is not on the list is refused."""
    return _calculate(text)


def _calculate(
    text: str,
    *,
    limit: bool = True,
    limit_end: bool = False,
    literals: bool = True,
    length: bool = True,
    negative: bool = True,
    kinds: Any = None,
    broken: type[Exception] = ValueError,
    operators: Any = None,
) -> Any:
    """The reference, with each of its cares as something that can be forgotten."""
    if length and len(text) > LONGEST:
        raise ValueError("too long")
    try:
        tree = ast.parse(text, mode="eval")
    except SyntaxError:
        raise broken("no expression") from None

    def small(number: Any, checked: bool = True) -> Any:
        if checked and limit and abs(number) > LARGEST:
            raise ValueError("too large")
        return number

    def value(node: ast.AST) -> Any:
        table = operators or OPERATORS
        if isinstance(node, ast.Constant) and (
            type(node.value) is int if kinds is None else isinstance(node.value, kinds)
        ):
            return small(node.value, literals)
        if isinstance(node, ast.BinOp) and type(node.op) in table:
            return small(table[type(node.op)](value(node.left), value(node.right)))
        if negative and isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return -value(node.operand)
        raise ValueError(f"{type(node).__name__} is not allowed")

    found = value(tree.body)
    if limit_end and abs(found) > LARGEST:
        raise ValueError("too large")
    return found


def _eval(text: str) -> Any:
    try:
        return eval(text, {"__builtins__": {}})
    except Exception:
        raise ValueError("not allowed") from None


def _signs_alone(text: str) -> Any:
    """A list of characters that may occur, and then eval."""
    if len(text) > LONGEST or not re.fullmatch(r"[\d\s()*+-]*", text):
        raise ValueError("not allowed")
    return _eval(text)


def _left_to_right(text: str) -> Any:
    """Right to refuse, but products do not bind more closely than sums."""
    calculate(text)
    if "(" in text or text.count("-") > text.count(" - "):
        return calculate(text)
    first, *rest = text.split()
    found = int(first)
    for op, number in zip(rest[::2], rest[1::2], strict=True):
        found = {"+": operator.add, "-": operator.sub, "*": operator.mul}[op](found, int(number))
    return found


def _whole(value: Any) -> Any:
    """A number that is no int is shown as what it is: 14.0 equals 14 and is no whole number."""
    return value if type(value) is int else f"{value!r}, of type {type(value).__name__}"


def each(function: Callable[[str], Any], texts: list[str]) -> dict[str, Any]:
    """The value of each text, or that it was refused by a ValueError."""
    answers: dict[str, Any] = {}
    for text in texts:
        try:
            answers[text] = _whole(function(text))
        except NotImplementedError:
            raise
        except ValueError:
            answers[text] = "refused with ValueError"
        except Exception as error:
            answers[text] = f"raised {type(error).__name__}"
    return answers


def texts() -> list[tuple[Any, ...]]:
    """What has a value; what is another kind of code; what is too large, too long or broken."""
    return [
        (["7", "2 + 3 * 4", "10 - 4 - 3", "2 * (3 + 4) * 5", "1 + 2 - 3 * 4 + 5"],),
        (["-7", "-(5 - 8) * 2", "3 * -2", "--4"],),
        (["x", "__import__('os')", "(1).real", "print(1)", "[1][0]", "1 if 2 else 3", "(y := 3)"],),
        (["2 ** 9", "7 / 2", "7 // 2", "7 % 4", "1 << 3", "1 < 2", "~5"],),
        (["'a' * 3", "True + 1", "1.5", "f'1'", "None", "2j"],),
        (["999999 * 999999", "9999999 * 9999999", "9999999 * 9999999 * 0"],),
        (["-9999999 * 9999999", "0 - 9999999 * 9999999", "-9999999999999", "+5", "2 * +3"],),
        (["1000000000000", "9999999999999", "9999999999999 * 0"],),
        (["1 +", "", "(1", "1 2", "1)"],),
        (["1 + " * 24 + "1", "1 + " * 24 + "1111", "1 + " * 24 + "11111", "1 + " * 26 + "1"],),
    ]


CALCULATOR = Exercise(
    id="11.3",
    title="a calculator that trusts nobody",
    reference=calculate,
    cases=texts,
    probe=each,
    mistakes=[
        Mistake(
            "eval without builtins",
            _eval,
            "eval runs whatever Python can say: powers, comparisons, lists, strings. An empty "
            "__builtins__ is no wall. Parse the text and compute the tree yourself.",
        ),
        Mistake(
            "a list of characters, then eval",
            _signs_alone,
            "Only harmless characters pass, and ** is made of two of them. List the kinds of node "
            "that may occur, and compute them yourself.",
        ),
        Mistake(
            "no limit",
            lambda text: _calculate(text, limit=False),
            "Large numbers pass. Every number on the way must be at most 10**12.",
        ),
        Mistake(
            "limit at the end alone",
            lambda text: _calculate(text, limit=False, limit_end=True),
            "Only the result is checked. On the way a number may become huge, and the work is then "
            "done already: check each number when it is made.",
        ),
        Mistake(
            "literals unchecked",
            lambda text: _calculate(text, literals=False),
            "Results are checked, but a number that is written out may be of any size: check "
            "constants too.",
        ),
        Mistake(
            "truth values",
            lambda text: _calculate(text, kinds=int),
            "isinstance(True, int) is true in Python, so True + 1 gives 2. Ask for type(value) is "
            "int.",
        ),
        Mistake(
            "floats",
            lambda text: _calculate(text, kinds=(int, float)),
            "Numbers with a point pass. Only whole numbers have a value here.",
        ),
        Mistake(
            "no minus before a number",
            lambda text: _calculate(text, negative=False),
            "A minus that stands before a number or a bracket is refused: that is ast.UnaryOp with "
            "ast.USub.",
        ),
        Mistake(
            "SyntaxError gets out",
            lambda text: _calculate(text, broken=SyntaxError),
            "Text that is no Python raises SyntaxError in ast.parse. Whoever calls you waits for a "
            "ValueError: catch the one and raise the other.",
        ),
        Mistake(
            "any length",
            lambda text: _calculate(text, length=False),
            "A text of more than 100 characters is not refused. Look at its length before parsing.",
        ),
        Mistake(
            "all operators",
            lambda text: _calculate(
                text, operators=OPERATORS | {ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod}
            ),
            "There are more operators than + - *: take out // and %, which can divide by zero.",
        ),
        Mistake(
            "products like sums",
            _left_to_right,
            "You compute from left to right, and * binds more closely than + and -. The tree of "
            "ast.parse knows that already: follow it.",
        ),
    ],
)
