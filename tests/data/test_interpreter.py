"""The interpreter of small programs: right where Python is, and closed to everything else."""

import ast
import contextlib
import io
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_utils.data import tasks
from course_utils.data.tasks import ProgramError, interpreter, parse_program, run_program


def pythons_own(source: str) -> tuple[int, ...]:
    """The truth: what Python prints. Only for sources that this file has written."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(source, "<ours>", "exec"), {})
    return tuple(int(word) for word in printed.getvalue().replace("True", "1").split())


def a_program(source: random.Random) -> str:
    """A random program of the language, with every kind of line."""

    def number() -> str:
        return source.choice(["x", "y", str(source.randint(0, 9)), f"-{source.randint(1, 9)}"])

    def expression() -> str:
        op = source.choice(["+", "-", "*", "//", "%"])
        right = str(source.randint(1, 9)) if op in ("//", "%") else number()
        return (
            f"{number()} {op} ({right} + 1 * {number()})"
            if op in "+-*"
            else f"({number()}) {op} {right}"
        )

    lines = ["x = 1", "y = 2"]
    for _ in range(source.randint(1, 5)):
        name, compare = source.choice("xy"), source.choice(["<", ">", "<=", ">=", "==", "!="])
        lines.append(
            source.choice(
                [
                    f"{name} = {expression()}",
                    f"if x {compare} {number()}: {name} = {expression()}\nelse: print(y)",
                    f"for i in range({source.randint(0, 3)}): {name} = {name} + i",
                    "for i in range(2):\n    for j in range(2):\n        print(x + i * j)",
                ]
            )
        )
    return "\n".join([*lines, "print(x)", "print(x - y)"])


@pytest.mark.parametrize("seed", range(200))
def test_it_computes_what_python_computes(seed):
    source = a_program(random.Random(seed))
    assert run_program(source) == pythons_own(source)


HOSTILE = {
    "import": "import os",
    "from import": "from os import system",
    "import by name": "__import__('os').system('ls')",
    "eval": "print(eval('1'))",
    "exec": "exec('x = 1')",
    "open": "print(open('/etc/passwd'))",
    "attribute": "print((1).real)",
    "dunder attribute": "print(().__class__.__bases__[0].__subclasses__())",
    "dunder name": "print(__builtins__)",
    "dunder assigned": "__x__ = 1",
    "subscript": "x = 1\nprint(x[0])",
    "power": "print(9 ** 9 ** 9 ** 9)",
    "shift": "print(1 << 999999999)",
    "huge literal": "print(" + "9" * 900 + ")",
    "huge hexadecimal": "print(0x" + "f" * 900 + ")",
    "huge loop": "for i in range(1000000000000): x = i",
    "nested loops": "for i in range(9999):\n for j in range(9999):\n  for k in range(9999): x = 1",
    "squares": "x = 9\nfor i in range(99): x = x * x\nprint(x)",
    "deep brackets": "print(" + "(" * 400 + "1" + ")" * 400 + ")",
    "open brackets": "(" * 900,
    "deep minus": "print(" + "-" * 900 + "1)",
    "deep sum": "print(" + "+".join(["1"] * 400) + ")",
    "deep blocks": "\n".join(" " * i + "if 1:" for i in range(40)) + "\n" + " " * 40 + "x = 1",
    "comprehension": "print([i for i in range(9)])",
    "generator": "print(sum(i for i in range(9)))",
    "lambda": "print((lambda f: f(f))(lambda f: f(f)))",
    "recursion": "def f(): return f()\nprint(f())",
    "class": "class A: pass",
    "while": "while 1: x = 1",
    "string": "print('a' * 999999999)",
    "bytes": "print(b'a' * 9)",
    "f-string": "print(f'{1}')",
    "walrus": "print(x := 1)",
    "star": "print(*range(9))",
    "keyword": "print(1, file=2)",
    "two arguments": "print(1, 2)",
    "starred target": "*x, y = range(3)",
    "tuple target": "x, y = 1",
    "two targets": "x = y = 1",
    "print replaced": "print = 1",
    "range as loop name": "for range in range(3): x = 1",
    "print as a number": "x = print",
    "print inside": "x = print(1)",
    "range inside": "print(range(3))",
    "fullwidth print": "\uff50rint(1)",
    "fullwidth dunder": "\uff3f\uff3fimport\uff3f\uff3f",
    "bidirectional": "x = 1 \u202e# 2 = x",
    "other digits": "print(\u0663)",
    "NUL": "x = 1\0",
    "carriage return": "x = 1\rimport os",
    "tab": "if 1:\n\tx = 1",
    "form feed": "\fx = 1",
    "surrogate": "x = '\ud800'",
    "coding line": "# -*- coding: utf-7 -*-\nimport os",
    "float": "print(1e308 * 10)",
    "complex": "print(1j)",
    "truth": "print(True)",
    "none": "print(None)",
    "ellipsis": "...",
    "expression": "1 + 1",
    "chain": "print(1 < 2 < 3)",
    "and": "print(1 and 2)",
    "division": "print(1 / 2)",
    "by zero": "print(1 // 0)",
    "modulo zero": "print(1 % 0)",
    "no value": "print(x)",
    "itself first": "x = x + 1",
    "delete": "x = 1\ndel x",
    "assert": "assert 0",
    "raise": "raise SystemExit",
    "try": "try: x = 1\nexcept: x = 2",
    "global": "global x",
    "await": "await x",
    "match": "match 1:\n case _: x = 1",
    "annotation": "x: int = 1",
    "type alias": "type x = int",
    "decorator": "@print\ndef f(): pass",
    "async": "async def f(): pass",
    "for else": "for i in range(1): x = 1\nelse: x = 2",
    "loop over a name": "x = 1\nfor i in x: y = 1",
    "breakpoint": "breakpoint()",
    "long": "x = 1\n" * 200,
    "half a line": "x = ",
}


@pytest.mark.timeout(2)  # not a measurement: each must simply end
@pytest.mark.parametrize("source", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_program_ends_with_a_clear_error(source):
    with pytest.raises(ProgramError, match=r"^(line \d+|a program)\b.*\.$"):
        run_program(source)


@given(st.text(max_size=1200))
def test_any_text_runs_or_is_refused(source):
    with contextlib.suppress(ProgramError):
        run_program(source)


@given(
    st.lists(
        st.sampled_from(
            ["x", "=", "print(", ")", "\n", "if ", ":", "for i in range(", "9", "*", "-", " "]
        )
    )
)
def test_any_heap_of_its_own_words_runs_or_is_refused(words):
    with contextlib.suppress(ProgramError):
        run_program("".join(words))


def test_a_refused_program_has_computed_nothing():
    with pytest.raises(ProgramError) as refused:
        run_program("print(1)\nimport os")
    assert not refused.value.parsed


def test_an_error_on_the_way_is_told_from_one_of_grammar():
    with pytest.raises(ProgramError, match=r"line 2: y has no value yet") as failed:
        run_program("x = 1\nprint(y)")
    assert failed.value.parsed


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("x = 1\nx = 2 ** 3", "line 2: Pow is not in the language. It has numbers"),
        ("print('a')", "line 1: only whole numbers up to"),
        ("X = 1", r"a name has small letters, digits and _; got 'X'"),
        ("_x = 1", r"got '_x'"),
        ("x = y = 1", "only a single name"),
        ("print(1, 2)", "must be print"),
        ("x = 1 +", "line 1 is no Python: SyntaxError"),
        ("é = 1", "printable ASCII; got 'é' at 0"),
        ("x = 1\n" * 170, "at most 1000 characters; got 1020"),
        ("for i in range(10000): x = i", "line 1: it is not finished after 10000 steps"),
        ("x = 1000000000000\nx = x + 1", "line 2: a number is larger than"),
        ("x = 1\nx = x // (x - 1)", "line 2: division by zero"),
    ],
)
def test_errors_say_line_and_remedy(source, says):
    with pytest.raises(ProgramError, match=says):
        run_program(source)


def test_a_loop_of_nothing_is_counted_too():
    with pytest.raises(ProgramError, match="not finished after 50 steps"):
        run_program("for i in range(1000):\n  if 0: x = 1", max_steps=50)
    assert run_program("for i in range(3): print(i)", max_steps=50) == (0, 1, 2)


def test_steps_depth_and_size_have_room_for_honest_programs():
    assert run_program("x = 999999999999\nprint(x - 1)") == (999999999998,)
    assert run_program("print(" + "(" * 15 + "1" + ")" * 15 + " + 1)") == (2,)


def test_the_interpreter_itself_knows_no_eval_and_no_exec():
    """By its own tree: the only builtins that it calls are harmless ones."""
    with open(interpreter.__file__, encoding="utf-8") as file:
        tree = ast.parse(file.read())
    called = {
        n.func.id
        for n in ast.walk(tree)
        if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)
    }
    assert not called & {"eval", "exec", "compile", "getattr", "__import__", "open"} - {"getattr"}
    assert "isinstance" in called  # else the list would be empty and prove nothing


def test_every_program_of_the_tasks_runs_and_prints_its_result():
    for part in ("train", "test"):
        for task in tasks.programs(300, max_steps=4, part=part):
            parse_program(task.answer)
            assert run_program(task.answer) == pythons_own(task.answer) == (task.result,)


@pytest.mark.parametrize("source", [None, b"print(1)", 3, ["print(1)"]])
def test_what_is_no_text_is_refused(source):
    with pytest.raises(ProgramError, match="a program is a text; got"):
        run_program(source)


@pytest.mark.parametrize("max_steps", [0, -1, 2.5, float("nan"), True, None])
def test_a_limit_that_limits_nothing_is_refused(max_steps):
    with pytest.raises(ValueError, match="max_steps must be a whole number"):
        run_program("print(1)", max_steps=max_steps)
