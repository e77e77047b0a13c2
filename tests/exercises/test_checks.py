"""The check engine: whatever the learner's function does, it reports and does not raise."""

import dataclasses
import inspect
import itertools
import math
import sys
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from course_utils import exercises
from course_utils.exercises import Exercise, Mistake, checks
from course_utils.exercises.compare import Yielded, difference
from course_utils.exercises.show import describe


def jump(x0, eps, alpha_bar):
    return alpha_bar.sqrt() * x0 + (1 - alpha_bar).sqrt() * eps


def in_place(x0, eps, alpha_bar):
    result = jump(x0, eps, alpha_bar)
    x0.zero_()
    return result


def cases():
    x0, eps = torch.randn(2, 5, 2).unbind()
    return [(x0.clone(), eps, torch.tensor(share)) for share in (0.9, 0.5, 0.1)]


JUMP = Exercise(
    "99.1",
    "jump to any noise level",
    jump,
    cases,
    [
        Mistake("no root", lambda x0, eps, a: a * x0 + (1 - a) * eps, "Take square roots."),
        Mistake("in place", in_place, "Leave x0 as it is."),
        Mistake("swapped", lambda x0, eps, a: jump(eps, x0, a), "x0 and eps are swapped."),
    ],
)


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    monkeypatch.setattr(checks, "find", lambda name: {"99.1": JUMP}[name])


def report(capsys, function, name="99.1"):
    checks.run(name, function)
    lines = capsys.readouterr().out.splitlines()
    assert 1 <= len(lines) <= 1 + checks.MAX_LINES
    return lines


def stub(x0, eps, alpha_bar):
    raise NotImplementedError("Exercise 99.1: jump")


def test_a_stub_is_not_attempted(capsys):
    first, *details = report(capsys, stub)
    assert first == "Exercise 99.1 not attempted: jump to any noise level."
    assert len(details) == 1


def test_the_reference_passes_and_says_what_was_checked(capsys):
    state = torch.random.get_rng_state()
    assert report(capsys, jump) == ["Exercise 99.1 passed: jump to any noise level."]
    assert torch.equal(torch.random.get_rng_state(), state)  # a check costs no random numbers


def test_other_right_answers_pass(capsys):
    assert "passed" in report(capsys, lambda x, e, a: jump(x.double(), e.double(), a))[0]
    assert "passed" in report(capsys, lambda x, e, a: jump(x.requires_grad_(), e, a))[0]


@pytest.mark.parametrize("mistake", JUMP.mistakes, ids=lambda mistake: mistake.name)
def test_a_known_mistake_gets_its_hint(capsys, mistake):
    first, hint = report(capsys, mistake.function)
    assert first == "Exercise 99.1 not right yet: jump to any noise level."
    assert hint == f"  Hint: {mistake.hint}"


def raises(x0, eps, alpha_bar):
    return x0 @ eps  # shapes do not fit


def torch_raises_it_too(x0, eps, alpha_bar):
    return torch.ops.aten._thnn_fused_gru_cell(x0, x0, x0, x0, x0)


def changes_eps(x0, eps, alpha_bar):
    answer = jump(x0, eps, alpha_bar)
    eps.zero_()
    return answer


def yields(x0, eps, alpha_bar):
    yield from x0


def recurses(x0, eps, alpha_bar):
    return recurses(x0, eps, alpha_bar)


class Odd:
    def __repr__(self):
        raise RuntimeError("no picture of me")

    __eq__ = None
    __hash__ = None


WRONG = {
    "raises": (raises, ["In case 1, called with x0 = a tensor of shape (5, 2), float32, eps = ",
                        "alpha_bar = tensor(0.9):", "it raised RuntimeError",
                        "in the line: return x0 @ eps"]),
    "none": (lambda x, e, a: None, ["returned nothing: did you forget return?"]),
    "shape": (lambda x, e, a: jump(x, e, a)[0], ["expected shape (5, 2), got (2,)."]),
    "kind": (lambda x, e, a: jump(x, e, a).long(), ["expected floating point numbers, got whole"]),
    "nan": (lambda x, e, a: jump(x, e, a) * math.inf * 0, ["NaN in 10 of 10", "-inf * 0"]),
    "inf": (lambda x, e, a: jump(x, e, a) / 0, ["values differ"]),
    "value": (lambda x, e, a: jump(x, e, a) + (a < 0.2), ["In case 3", "10 of 10 values differ"]),
    "list": (lambda x, e, a: jump(x, e, a).tolist(), ["expected a tensor of shape (5, 2), float32",
                                                      "got a list of 5"]),
    "numpy": (lambda x, e, a: jump(x, e, a).numpy(), ["got a NumPy array of shape (5, 2)"]),
    "text": (lambda x, e, a: "done", ["got 'done'"]),
    "yields": (yields, ["its answer comes through yield: did you mean return?"]),
    "a generator": (lambda x, e, a: (row for row in x), ["write [... for ...], which is a list"]),
    "zip": (lambda x, e, a: zip(x, e, strict=True), ["type zip", "wrap it in list(...)"]),
    "reversed": (lambda x, e, a: reversed([x]), ["type reversed", "wrap it in list(...)"]),
    "map": (lambda x, e, a: map(abs, x), ["type map", "wrap it in list(...)"]),
    "never stops": (lambda x, e, a: iter(int, 1), ["gives items only when asked, and never ends"]),
    "signature": (lambda x: x, ["x0 = a tensor", "eps = a tensor", "TypeError",
                               "takes 1 positional argument"]),
    "recursion": (recurses, ["RecursionError", "in the line: return recurses(x0, eps, alpha_bar)",
                             "for which input does it stop?"]),
    "torch's own": (torch_raises_it_too, ["in the line: return torch.ops"]),
    "odd object": (lambda x, e, a: Odd(), ["an object of type Odd"]),
    "a class": (Odd, ["TypeError"]),
    "changes its input": (changes_eps, ["changed its argument eps in place", "as eps.clone()"]),
    "keepdim": (lambda x, e, a: x / x.sum(dim=1), ["it raised RuntimeError", "keepdim=True"]),
    "own noise": (lambda x, eps, a: jump(x, torch.randn_like(eps), a),
                  ["another answer each time it is called", "instead of using eps?"]),
    "complex": (lambda x, e, a: jump(x, e, a) + 0j, ["complex numbers"]),
    "not called": (torch.zeros(3), ["needs the function itself; got tensor([0.0, 0.0, 0.0])"]),
    "no function": (None, ["needs the function itself; got None"]),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_wrong_answers_are_explained(capsys, name):
    function, expected = WRONG[name]
    first, *details = report(capsys, function)
    assert first == "Exercise 99.1 not right yet: jump to any noise level."
    for words in expected:
        assert words in "\n".join(details)


def test_prints_of_the_learner_are_let_through(capsys):
    def chatty(x0, eps, alpha_bar):
        print("hello")
        return jump(x0, eps, alpha_bar)

    checks.run("99.1", chatty)
    assert capsys.readouterr().out.splitlines()[0] == "hello"


def test_an_unknown_exercise_is_reported(capsys, monkeypatch):
    monkeypatch.setattr(checks, "find", exercises.find)
    (line,) = report(capsys, jump, "98.1")
    assert "could not be checked" in line
    assert "'98.1'" in line


def test_the_stop_button_stops_the_cell_and_says_where(capsys):
    def interrupted(x0, eps, alpha_bar):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        checks.run("99.1", interrupted)
    said = capsys.readouterr().out
    assert said == "Exercise 99.1: you stopped the check in the line: raise KeyboardInterrupt\n"


def test_an_exit_passes_through():
    with pytest.raises(SystemExit):
        checks.run("99.1", lambda x0, eps, alpha_bar: sys.exit())


def test_random_functions_are_compared_on_the_same_numbers(monkeypatch, capsys):
    noisy = Exercise("99.1", "add noise", lambda x: x + torch.randn(3), lambda: [(0.0,)], [])
    monkeypatch.setattr(checks, "find", lambda _: noisy)
    assert "passed" in report(capsys, lambda x: torch.randn(3) + x)[0]


def test_generators_are_compared_by_what_they_yield(monkeypatch, capsys):
    def count(n):
        yield from range(n)

    counting = Exercise("99.1", "count", count, lambda: [(3,)], [])
    monkeypatch.setattr(checks, "find", lambda _: counting)
    assert "passed" in report(capsys, lambda n: iter([0, 1, 2]))[0]
    assert "did you mean yield?" in report(capsys, lambda n: [0, 1, 2])[-1]
    assert "expected 3 items, got 4:" in report(capsys, lambda n: iter(range(n + 1)))[-3]
    endless = report(capsys, lambda n: itertools.count())
    assert endless[-1] == "  it yields without end; expected 3 items."


def above(x0, eps, alpha_bar):
    jump(x0, eps, alpha_bar)  # and no return
    raise NotImplementedError("Exercise 99.1: replace this line")


def below(x0, eps, alpha_bar):
    """Return the noisy points."""
    raise NotImplementedError("Exercise 99.1: replace this line")
    return jump(x0, eps, alpha_bar)


def inside(x0, eps, alpha_bar):
    if alpha_bar > 0:
        raise NotImplementedError
    return jump(x0, eps, alpha_bar)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (above, "It stops what you wrote above it."),
        (below, "What you wrote below it never runs."),
        (inside, "What you wrote below it never runs."),
    ],
)
def test_who_left_the_raise_line_standing_is_told_to_delete_it(capsys, function, words):
    first, line, why = report(capsys, function)
    assert first == "Exercise 99.1 not right yet: jump to any noise level."
    assert line.startswith("  Delete this line: raise NotImplementedError")
    assert why == f"  {words}"
    quoted = "replace this line" in inspect.getsource(function)
    assert line.endswith('("Exercise 99.1: replace this line")') == quoted


def join(tokens, pair):
    return [*tokens, *pair]


def grow(tokens, pair):
    tokens += pair
    return tokens


def test_short_inputs_are_shown_by_value_and_a_list_is_copied_as_a_list(monkeypatch, capsys):
    joined = Exercise("99.1", "join", join, lambda: [([1, 2, 0.5], (3, "a"))], [])
    monkeypatch.setattr(checks, "find", lambda _: joined)
    _, called, why = report(capsys, grow)
    assert called == "  In case 1, called with tokens = [1, 2, 0.5], pair = (3, 'a'):"
    assert why == "  it changed its argument tokens in place: work on a copy, such as list(tokens)."
    *_, wrong, expected, got = report(capsys, lambda tokens, pair: tokens[1:])
    assert wrong == "  expected 5 items, got 2:"
    assert (expected, got) == ("  expected [1, 2, 0.5, 3, 'a'],", "  got      [2, 0.5].")


def squared(net, x):
    return net(x).square().mean()


def with_gradient(function, net, x):
    loss = function(net, x)
    return loss, exercises.gradient(loss, net.weight)


TRAINS = Exercise(
    "99.1",
    "a loss that trains",
    squared,
    lambda: [(torch.nn.Linear(size, 2), torch.randn(3, size)) for size in (2, 4)],
    [],
    probe=with_gradient,
)


@torch.no_grad()
def without_gradient(net, x):
    return squared(net, x)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda net, x: squared(net, x).item(), "it returned a float. A loss that trains"),
        (without_gradient, "no gradient flows from the loss"),
        (lambda net, x: squared(net, x) * torch.ones(3), "this one has shape (3,)"),
        (lambda net, x: None, "it returned nothing"),
        (lambda net, x: squared(net, x).detach() + 0 * net.bias.sum(), "item 1: 4 of 4 values"),
    ],
)
def test_a_probe_refuses_a_loss_that_cannot_train(monkeypatch, capsys, function, words):
    monkeypatch.setattr(checks, "find", lambda _: TRAINS)
    assert "passed" in report(capsys, squared)[0]
    assert "passed" in report(capsys, lambda net, x: (x @ net.weight.T + net.bias).pow(2).mean())[0]
    first, called, why, *_ = report(capsys, function)
    assert "not right yet" in first
    assert called.startswith("  In case 1, called with net = an object of type Linear, x = ")
    assert words in why


def test_a_mistake_that_a_probe_refuses_gets_its_own_hint(monkeypatch, capsys):
    stopped = Mistake("item", lambda net, x: squared(net, x).item(), "Leave out .item().")
    monkeypatch.setattr(checks, "find", lambda _: dataclasses.replace(TRAINS, mistakes=[stopped]))
    assert (
        report(capsys, lambda net, x: squared(net, x).tolist())[-1] == "  Hint: Leave out .item()."
    )


def test_the_gradient_is_the_one_of_the_weight():
    weight = torch.tensor([1.0, 2.0], requires_grad=True)
    assert exercises.gradient(weight.square().sum(), weight).tolist() == [2.0, 4.0]
    other = torch.ones(1, requires_grad=True)
    assert exercises.gradient(other.sum(), weight).tolist() == [0.0, 0.0]
    assert weight.grad is None


@dataclass(frozen=True)
class Point:
    x: float
    y: torch.Tensor


EQUAL = [
    (1, 1.0), (1.0, 1 + 1e-9), (torch.tensor(2.0), 2.0), (2.0, torch.tensor(2.0)),
    (np.float32(2), 2), (True, True), (math.nan, math.nan), (math.inf, math.inf), (1 + 2j, 1 + 2j),
    ("é", "é"), ([1, "a"], (1, "a")), ({"a": torch.ones(2)}, {"a": torch.ones(2).double()}),
    (torch.tensor([math.nan, -math.inf]), torch.tensor([math.nan, -math.inf])),
    (torch.tensor([True]), torch.tensor([True])), (torch.zeros(0), torch.zeros(0)),
    (torch.ones(2), torch.ones(2).to_sparse()),
    (Point(1, torch.ones(2)), Point(1.0, torch.ones(2))),
    (np.ones(2), np.ones(2)), (None, None), (torch.nn.ReLU(), torch.nn.ReLU()), ({1}, {1}),
]  # fmt: skip
UNEQUAL = [
    (1, 2, "expected 1, got 2"), (1.0, math.nan, "got nan"), (1.0, "1", "got '1'"),
    ("tokens", "tokans", "from character 3 on"), ("ab", "abc", "from character 2 on"),
    ([1, 2], [1], "expected 2 items, got 1"), ([1, 2], [1, 3], "item 1: expected 2, got 3"),
    ({"a": 1}, {"b": 1}, "expected the keys ['a'],\ngot ['b']"),
    ({"a": [1]}, {"a": [2]}, "item 'a': item 0: expected 1, got 2"),
    (torch.ones(2), torch.tensor([1.0, 3.0]), "1 of 2 values differ, most at [1]"),
    (torch.ones(2), torch.ones(2).bool(), "got truth values"),
    (torch.tensor([-math.inf, 0]), torch.tensor([-1e9, 0]), "expected -inf, got -1e+09"),
    (Point(1, torch.ones(2)), Point(1, torch.zeros(2)), "item 'y'"),
    (np.ones(2), np.zeros(2), "2 of 2 values differ"), ({1}, {2}, "expected {1}"),
    (Yielded([1]), [1], "did you mean yield"), (None, 1, "expected None"),
]  # fmt: skip


@pytest.mark.parametrize(("left", "right"), EQUAL, ids=repr)
def test_equal_answers(left, right):
    assert difference(left, right, 1e-5) == ""


@pytest.mark.parametrize(("left", "right", "message"), UNEQUAL, ids=repr)
def test_unequal_answers_say_how(left, right, message):
    found = difference(left, right, 1e-5)
    assert message in found
    assert len(found.splitlines()) <= 3


def test_long_values_are_cut():
    assert len(describe("x" * 10_000)) < 200
    assert describe([1] * 1000) == "a list of 1000"
    assert describe(torch.zeros(1000)) == "a tensor of shape (1000,), float32"
    assert len(difference("x" * 10_000, "y" * 10_000, 0.0)) < 500


def test_the_registry_finds_lessons_and_lists_ids(monkeypatch):
    module = type(sys)("course_utils.exercises.lesson_99")
    module.EXERCISES = [JUMP]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(exercises, "lessons", lambda: ["99"])
    assert exercises.find("99.1") is JUMP
    with pytest.raises(ValueError, match=r"lesson 99 has 99\.1"):
        exercises.find("99.7")
    with pytest.raises(ValueError, match="lesson 42 has no exercises"):
        exercises.find("42.1")


def test_a_method_that_is_handed_over_is_not_changed_by_being_copied():
    scale = Scaled(2.0)
    exercise = Exercise(
        id="99.1",
        title="applies",
        reference=lambda x, method: method(x),
        cases=lambda: [(torch.ones(2), scale.times), (torch.ones(3), scale.times)],
        mistakes=[],
    )
    mark = checks.grade(exercise, lambda x, method: x)
    assert mark.verdict == "not right yet"
    assert not any("in place" in detail for detail in mark.details)


@dataclass
class Scaled:
    factor: float

    def times(self, x):
        return self.factor * x
