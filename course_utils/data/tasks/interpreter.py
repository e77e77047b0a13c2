"""Runs programs of a small language, and nothing else: what a model writes is never trusted.

The language is a part of Python: whole numbers, `name = ...`, `+ - * // %`, comparisons, `if`,
`for name in range(...)` and `print(...)`. Python's own parser makes the tree; every node of it
must stand on a list; what is on the list is computed here, step by step, within limits. There is no
way from a program to Python's objects: no `eval`, no `exec`, no attribute, no call but `print` and
`range`.
"""

from __future__ import annotations

import ast
import operator
import re
import warnings
from collections.abc import Callable

MAX_CHARACTERS = 1000
MAX_DEPTH = 20  # of the tree
MAX_SIZE = 10**12  # of every number on the way, so that a product of two is soon computed
MAX_STEPS = 10_000  # nodes that are computed

OPERATORS: dict[type[ast.AST], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Lt: operator.lt,
    ast.Gt: operator.gt,
    ast.LtE: operator.le,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
ALLOWED = (
    *(ast.Module, ast.Assign, ast.If, ast.For, ast.Expr, ast.Call, ast.Compare, ast.BinOp),
    *(ast.UnaryOp, ast.USub, ast.Constant, ast.Name, ast.Load, ast.Store, *OPERATORS),
)
FUNCTIONS = ("print", "range")
NAME = re.compile(r"[a-z][a-z0-9_]*")


class ProgramError(ValueError):
    """A program that cannot be run. `parsed` says whether it is one of the language at all."""

    def __init__(self, message: str, *, parsed: bool = False) -> None:
        super().__init__(message)
        self.parsed = parsed


def parse_program(source: str) -> ast.Module:
    """The tree of a program, once it is certain that it belongs to the language.

    Raises:
        ProgramError: it does not; the message says in which line, and what is allowed.
    """
    if not isinstance(source, str):
        raise ProgramError(f"a program is a text; got {type(source).__name__}.")
    if len(source) > MAX_CHARACTERS:
        raise ProgramError(f"a program has at most {MAX_CHARACTERS} characters; got {len(source)}.")
    strange = re.search(r"[^\n -~]", source)  # before the parser, which takes ｐrint for print
    if strange:
        raise ProgramError(
            f"a program is written in printable ASCII; got {strange[0]!r} at {strange.start()}."
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of strange literals, which the list refuses
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None) or 1
        raise ProgramError(f"line {line} is no Python: {type(error).__name__}.") from None
    _check_depth(tree)
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 1)
        for child in ast.iter_child_nodes(node):
            _check_node(child, f"line {getattr(child, 'lineno', line)}")  # operators have none
    return tree


def run_program(source: str, *, max_steps: int = MAX_STEPS) -> tuple[int, ...]:
    r"""The numbers that a program prints.

    Args:
        source: such as "x = 3\nprint(x + 1)".
        max_steps: nodes of the tree that may be computed, at least 1.

    Raises:
        ProgramError: it is not a program of the language, uses a name without a value, divides by
            zero, or passes a limit.
        ValueError: max_steps is no whole number from 1 up.
    """
    if type(max_steps) is bool or not isinstance(max_steps, int) or max_steps < 1:
        raise ValueError(f"max_steps must be a whole number, at least 1; got {max_steps!r}.")
    tree = parse_program(source)
    machine = _Machine(max_steps)
    machine.run(tree.body)
    return tuple(machine.printed)


def _check_depth(tree: ast.AST) -> None:
    """Level by level, because a deep tree must not meet a recursive function."""
    level: list[ast.AST] = [tree]
    for _ in range(MAX_DEPTH):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
    if level:
        raise ProgramError(f"a program is nested at most {MAX_DEPTH} deep; this one is deeper.")


def _check_node(node: ast.AST, line: str) -> None:
    if not isinstance(node, ALLOWED):
        raise ProgramError(
            f"{line}: {type(node).__name__} is not in the language. It has numbers, names, "
            "+ - * // %, comparisons, =, if, for ... in range(...) and print(...)."
        )
    if isinstance(node, ast.Constant) and (type(node.value) is not int or node.value > MAX_SIZE):
        raise ProgramError(f"{line}: only whole numbers up to {MAX_SIZE:,} may be written.")
    if isinstance(node, ast.Name) and not NAME.fullmatch(node.id):
        raise ProgramError(f"{line}: a name has small letters, digits and _; got {node.id!r}.")
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id in FUNCTIONS:
        raise ProgramError(f"{line}: {node.id} is a function and cannot be given a value.")
    if isinstance(node, ast.Assign) and not (
        len(node.targets) == 1 and isinstance(node.targets[0], ast.Name)
    ):
        raise ProgramError(f"{line}: only a single name can be given a value.")
    if isinstance(node, ast.Compare) and len(node.ops) != 1:
        raise ProgramError(f"{line}: two numbers are compared, not more.")
    if isinstance(node, ast.Expr) and not _calls(node.value, "print", 1):
        raise ProgramError(f"{line}: a line that gives no name a value must be print(...).")
    if isinstance(node, ast.For) and not (
        isinstance(node.target, ast.Name) and _calls(node.iter, "range", 1) and not node.orelse
    ):
        raise ProgramError(f"{line}: a loop is written for name in range(number), without else.")
    if isinstance(node, ast.Call) and not (
        isinstance(node.func, ast.Name) and node.func.id in FUNCTIONS and not node.keywords
    ):
        raise ProgramError(f"{line}: only print(...) and range(...) can be called.")


def _calls(node: ast.AST, name: str, num_arguments: int) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == name
        and len(node.args) == num_arguments
    )


class _Machine:
    """Computes a checked tree; counts its steps and looks at the size of every number."""

    def __init__(self, max_steps: int) -> None:
        self.max_steps, self.steps = max_steps, 0
        self.values: dict[str, int] = {}
        self.printed: list[int] = []

    def run(self, lines: list[ast.stmt]) -> None:
        for node in lines:
            self._count(node)
            if isinstance(node, ast.Assign):
                assert isinstance(node.targets[0], ast.Name)
                self.values[node.targets[0].id] = self.value(node.value)
            elif isinstance(node, ast.If):
                self.run(node.body if self.value(node.test) else node.orelse)
            elif isinstance(node, ast.For):
                assert isinstance(node.iter, ast.Call)
                assert isinstance(node.target, ast.Name)
                for number in range(self.value(node.iter.args[0])):
                    self._count(node)
                    self.values[node.target.id] = number
                    self.run(node.body)
            else:
                assert isinstance(node, ast.Expr)
                assert isinstance(node.value, ast.Call)
                self.printed.append(self.value(node.value.args[0]))

    def value(self, node: ast.expr) -> int:
        self._count(node)
        if isinstance(node, ast.Constant):
            assert isinstance(node.value, int)
            return node.value
        if isinstance(node, ast.Name):
            if node.id not in self.values:
                self._fail(node, f"{node.id} has no value yet")
            return self.values[node.id]
        if isinstance(node, ast.UnaryOp):
            return -self.value(node.operand)
        if isinstance(node, ast.BinOp):
            return self._combine(node, node.op, node.left, node.right)
        if isinstance(node, ast.Compare):
            return self._combine(node, node.ops[0], node.left, node.comparators[0])
        return self._fail(node, "print and range have no value")

    def _combine(self, node: ast.expr, op: ast.AST, left: ast.expr, right: ast.expr) -> int:
        one, other = self.value(left), self.value(right)
        if not other and isinstance(op, ast.FloorDiv | ast.Mod):
            self._fail(node, "division by zero")
        result = int(OPERATORS[type(op)](one, other))
        if abs(result) > MAX_SIZE:
            self._fail(node, f"a number is larger than {MAX_SIZE:,}")
        return result

    def _count(self, node: ast.AST) -> None:
        self.steps += 1
        if self.steps > self.max_steps:
            self._fail(node, f"it is not finished after {self.max_steps} steps")

    @staticmethod
    def _fail(node: ast.AST, why: str) -> int:
        raise ProgramError(f"line {getattr(node, 'lineno', 1)}: {why}.", parsed=True)
