"""A check ends: whatever the learner's function does, in a test, a thread and a real kernel."""

import queue
import threading
import time

import pytest
import torch
from jupyter_client.manager import KernelManager

from course_utils.exercises import Exercise, Mistake, checks
from course_utils.exercises.limit import OutOfTime, within
from course_utils.language.byte_pairs import merge

TIMEOUT = 120  # seconds; for a machine that is busy
JOIN = Exercise(
    "99.1",
    "join a pair",
    merge,
    lambda: [([], (1, 2), 9), ([1, 2, 3], (1, 2), 9), ([4, 5, 6, 4], (6, 4), 12)],
    [Mistake("nothing joined", lambda tokens, pair, new: list(tokens), "Nothing was joined.")],
)


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(checks, "find", lambda _: JOIN)
    monkeypatch.setattr(checks, "SECONDS", 0.3)


def stands(tokens, pair, new):
    joined, position = [], 0
    while position < len(tokens):
        found = tuple(tokens[position : position + 2]) == pair
        joined = [new if found else tokens[position]]
    return joined


def swallows_exceptions(tokens, pair, new):
    while tokens:
        try:
            len(tokens)
        except Exception:
            new += 1
    return []


def swallows_all(tokens, pair, new):
    while tokens:
        try:
            len(tokens)
        except:  # noqa: E722
            new += 1
    return []


def cleans_up(tokens, pair, new):
    while tokens:
        try:
            time.sleep(0.001)
        finally:
            new += 1
    return []


def torch_as_well(tokens, pair, new):
    x = torch.ones(100, requires_grad=True)
    while tokens:
        x = x * 1.0
        x.sum().backward(retain_graph=True)
        x = x.detach().requires_grad_()
    return []


ENDLESS = {
    stands: "while position < len(tokens):",
    swallows_exceptions: "while tokens:",
    swallows_all: "while tokens:",
    cleans_up: "while tokens:",
    torch_as_well: "while tokens:",
}


@pytest.mark.parametrize("function", ENDLESS, ids=lambda function: function.__name__)
def test_an_endless_loop_is_stopped_and_named(capsys, function):
    checks.run("99.1", function)
    first, called, why, where, advice = capsys.readouterr().out.splitlines()
    assert first == "Exercise 99.1 not right yet: join a pair."
    assert called == "  In case 2, called with tokens = [1, 2, 3], pair = (1, 2), new = 9:"
    assert why == "  it was stopped after 0.3 s"
    assert where == f"  in the line: {ENDLESS[function]}"
    assert "Does every round" in advice


def test_a_generator_that_never_yields_is_stopped(capsys, monkeypatch):
    def rows(n):
        yield from range(n)

    def yields_nothing(n):
        while n:
            n += 1
        yield n

    monkeypatch.setattr(
        checks, "find", lambda _: Exercise("99.1", "rows", rows, lambda: [(3,)], [])
    )
    checks.run("99.1", yields_nothing)
    assert "in the line: while n:" in capsys.readouterr().out


def test_a_loop_that_is_no_while_is_named_by_the_line_that_ran(capsys):
    def explodes(tokens, pair, new):
        return explodes(tokens, pair, new - 1) + explodes(tokens, pair, new - 1) if new else []

    checks.run("99.1", lambda tokens, pair, new: explodes(tokens, pair, 10 * new) and tokens)
    assert "in the line: return explodes(" in capsys.readouterr().out


def test_the_limit_is_for_all_cases_together_and_for_the_learner_alone(capsys, monkeypatch):
    def slow(tokens, pair, new):
        time.sleep(0.2)
        return merge(tokens, pair, new)

    checks.run("99.1", slow)  # 0.2 s a case, three cases
    assert "In case 2" in capsys.readouterr().out
    patient = Exercise("99.1", "join a pair", slow, JOIN.cases, [Mistake("slow", slow, "Hm.")])
    monkeypatch.setattr(checks, "find", lambda _: patient)
    checks.run("99.1", merge)  # the reference takes 0.6 s
    assert capsys.readouterr().out == "Exercise 99.1 passed: join a pair.\n"


def test_it_works_in_another_thread(capsys):
    thread = threading.Thread(target=checks.run, args=("99.1", stands), daemon=True)
    thread.start()
    thread.join(TIMEOUT)
    assert not thread.is_alive()
    assert "it was stopped after 0.3 s" in capsys.readouterr().out


@pytest.mark.parametrize("seconds", [0.0, 0.002])
def test_nothing_comes_late(seconds):
    """The work ends as the time does, again and again; after it no exception is on its way."""
    stopped = 0
    for _ in range(300):
        try:
            within(seconds, lambda: time.sleep(0.9 * seconds))
        except OutOfTime:
            stopped += 1
    for _ in range(2000):  # twice the time until a next try would come
        time.sleep(2e-4)
    assert stopped <= 300
    assert not [thread for thread in threading.enumerate() if "watch" in thread.name]


def test_a_result_and_an_error_come_through():
    assert within(None, lambda: 3) == 3
    with pytest.raises(ZeroDivisionError):
        within(TIMEOUT, lambda: 1 / 0)


CELL = """\
from course_utils.exercises import Exercise, checks
from course_utils.language.byte_pairs import merge

checks.find = lambda _: Exercise("99.1", "join a pair", merge, lambda: [([1, 2], (1, 2), 9)], [])

def join_pair(tokens, pair, new):
    joined, position = [], 0
    while position < len(tokens):
        try:
            joined.append(tokens[position])
        except Exception:
            pass
    return joined

"""


@pytest.fixture
def kernel(monkeypatch, root):
    monkeypatch.setenv("PYTHONPATH", str(root))
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(cwd=str(root))
    client = manager.blocking_client()
    client.start_channels()
    client.wait_for_ready(timeout=TIMEOUT)
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def run(client, code, hear=lambda text: None):
    """What a cell prints, and the name of its error."""
    printed = []

    def hook(message):
        if message["msg_type"] == "stream":
            printed.append(message["content"]["text"])
            hear(message["content"]["text"])

    try:
        reply = client.execute_interactive(code, timeout=TIMEOUT, output_hook=hook)["content"]
    except queue.Empty:
        pytest.fail("the cell did not end")
    return "".join(printed), reply.get("ename", "")


def test_in_a_kernel_the_check_ends_and_the_stop_button_still_works(kernel):
    manager, client = kernel
    limit = "checks.SECONDS = 0.5\n"
    said, error = run(client, CELL + limit + 'checks.run("99.1", join_pair); print("then", 1 + 1)')
    assert not error
    assert "Exercise 99.1 not right yet" in said
    assert "it was stopped after 0.5 s\n  in the line: while position < len(tokens):\n" in said
    assert said.endswith("then 2\n")
    button = CELL.replace("joined.append", "print('round', flush=True); joined.append", 1)
    button = button.replace("joined, position", "import time; joined, position")
    button = button.replace("except Exception", "    time.sleep(0.05)\n        except Exception")
    pressed = iter([manager.interrupt_kernel])
    limit = f"checks.SECONDS = {TIMEOUT}\n"
    said, error = run(
        client,
        button + limit + 'checks.run("99.1", join_pair)',
        lambda text: next(pressed, lambda: None)() if "round" in text else None,
    )
    assert error == "KeyboardInterrupt"
    assert "Exercise 99.1: you stopped the check in the line: while position < len(tokens):" in said
    assert "not right yet" not in said
