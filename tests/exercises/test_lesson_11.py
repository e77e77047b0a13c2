"""Lesson 11's checks: right answers of any style pass, wrong ones do not, however they are made."""

import ast
import re

import pytest
import torch

from course_utils import exercises
from course_utils.exercises.checks import grade
from course_utils.exercises.lesson_11.as_batch import STOP


def verdict(name, function):
    return grade(exercises.find(name), function).verdict


# 11.1


def by_padding_tensors(dialogues, user, bot, stop):
    rows, masks = [], []
    for dialogue in dialogues:
        parts = [torch.tensor([user, *p, bot, *a, stop]) for p, a in dialogue]
        said = [torch.arange(len(p) + len(a) + 3) > len(p) + 1 for p, a in dialogue]
        rows.append(torch.cat(parts))
        masks.append(torch.cat(said))
    pad = torch.nn.utils.rnn.pad_sequence
    return pad(rows, batch_first=True, padding_value=stop), pad(masks, batch_first=True)


def by_states(dialogues, user, bot, stop):
    """Tokens first; then each row is read with a flag that says whose turn it is."""
    rows = [[t for p, a in d for t in (user, *p, bot, *a, stop)] for d in dialogues]
    length = max(map(len, rows))
    mask = torch.zeros(len(rows), length, dtype=torch.long)
    for k, row in enumerate(rows):
        speaks = False
        for place, token in enumerate(row):
            mask[k, place] = speaks
            speaks = (speaks or token == bot) and token != stop
    return torch.tensor([row + [stop] * (length - len(row)) for row in rows]), mask


@pytest.mark.parametrize("answer", [by_padding_tensors, by_states])
def test_a_batch_of_dialogues_in_other_styles(answer):
    assert verdict("11.1", answer) == "passed"


@pytest.mark.parametrize(
    "answer",
    [
        lambda *a: by_states(*a)[0],
        lambda *a: by_states(*a)[::-1],
        lambda *a: (by_states(*a)[0], by_states(*a)[0] != STOP),
        lambda *a: tuple(part[:, :-1] for part in by_states(*a)),
        lambda *a: tuple(part[:1] for part in by_states(*a)),
        lambda *a: (by_states(*a)[0], 1 - by_states(*a)[1]),
        lambda *a: tuple(part.tolist() for part in by_states(*a)),
    ],
)
def test_other_batches_are_rejected(answer):
    assert verdict("11.1", answer) == "not right yet"


# 11.2


def roots_in_both(before, after, rank):
    u, s, vh = torch.linalg.svd(after - before)
    root = s[:rank].sqrt()
    return u[:, :rank] * root, root[:, None] * vh[:rank]


def by_eigenvectors(before, after, rank):
    """The rows of A span the leading eigenvectors of D^T D, and B = D A^T."""
    change = (after - before).double()
    _, vectors = torch.linalg.eigh(change.T @ change)
    a = vectors[:, -rank:].T
    return (change @ a.T).float(), a.float()


def by_turns(before, after, rank):
    """Alternating least squares."""
    change = (after - before).double()
    torch.manual_seed(3)
    a = torch.randn(rank, change.shape[1], dtype=torch.float64)
    for _ in range(2000):
        b = change @ torch.linalg.pinv(a)
        a = torch.linalg.pinv(b) @ change
    return b.float(), a.float()


@pytest.mark.parametrize("answer", [roots_in_both, by_eigenvectors, by_turns])
def test_the_best_lora_in_other_styles(answer):
    assert verdict("11.2", answer) == "passed"


@pytest.mark.parametrize(
    "answer",
    [
        lambda before, after, rank: (after - before, torch.eye(after.shape[1])),  # of full rank
        lambda before, after, rank: (
            torch.zeros(len(after), rank),
            torch.zeros(rank, after.shape[1]),
        ),
        lambda before, after, rank: roots_in_both(before, after, max(1, rank - 1)),
        lambda before, after, rank: roots_in_both(before, after, rank)[0],
        lambda before, after, rank: torch.svd_lowrank(after, rank)[::2],
    ],
)
def test_other_loras_are_rejected(answer):
    assert verdict("11.2", answer) == "not right yet"


# 11.3


def by_descent(text):
    """Without Python's parser: an expression is terms, a term is factors."""
    if len(text) > 100:
        raise ValueError("long")
    parts = re.findall(r"\d+|[^\s\d]", text)

    def small(x):
        if abs(x) > 10**12:
            raise ValueError("large")
        return x

    def factor():
        if not parts:
            raise ValueError("ends")
        part = parts.pop(0)
        if part == "-":
            return -factor()
        if part == "(":
            x = total()
            if not parts or parts.pop(0) != ")":
                raise ValueError("bracket")
            return x
        if not re.fullmatch(r"[0-9]+", part):
            raise ValueError(part)
        return small(int(part))

    def term():
        x = factor()
        while parts and parts[0] == "*":
            parts.pop(0)
            x = small(x * factor())
        return x

    def total():
        x = term()
        while parts and parts[0] in "+-":
            sign = parts.pop(0)
            x = small(x + term() if sign == "+" else x - term())
        return x

    x = total()
    if parts:
        raise ValueError(parts[0])
    return x


class Visitor(ast.NodeVisitor):
    def generic_visit(self, node):
        raise ValueError(type(node).__name__)

    def visit_Expression(self, node):
        return self.visit(node.body)

    def visit_Constant(self, node):
        if type(node.value) is not int or node.value > 10**12:
            raise ValueError
        return node.value

    def visit_UnaryOp(self, node):
        if not isinstance(node.op, ast.USub):
            raise ValueError
        return -self.visit(node.operand)

    def visit_BinOp(self, node):
        left, right = self.visit(node.left), self.visit(node.right)
        match node.op:
            case ast.Add():
                found = left + right
            case ast.Sub():
                found = left - right
            case ast.Mult():
                found = left * right
            case _:
                raise ValueError
        if abs(found) > 10**12:
            raise ValueError
        return found


def by_visitor(text):
    if len(text) > 100:
        raise ValueError
    try:
        tree = ast.parse(text, mode="eval")
    except SyntaxError as error:
        raise ValueError("no Python") from error
    return Visitor().visit(tree)


@pytest.mark.parametrize("answer", [by_descent, by_visitor])
def test_a_calculator_in_other_styles(answer):
    assert verdict("11.3", answer) == "passed"


def refuses_all(text):
    raise ValueError("no")


@pytest.mark.parametrize(
    "answer",
    [
        refuses_all,
        lambda text: 0,
        lambda text: float(by_visitor(text)),
        lambda text: by_visitor(text) if len(text) < 100 else refuses_all(text),
        lambda text: by_visitor(text.replace("+5", "5")),
        lambda text: abs(by_visitor(text)),
        ast.literal_eval,
    ],
)
def test_other_calculators_are_rejected(answer):
    assert verdict("11.3", answer) == "not right yet"
