"""What the source of a learner's function says: the line that ran, its loop, an untouched stub."""

import ast
import inspect
import linecache
import textwrap
from collections.abc import Callable
from types import TracebackType
from typing import Any


def line_reached(error: BaseException, function: Callable[..., Any], loop: bool = False) -> str:
    """The last line of the learner's own file that an exception passed through, or "".

    Args:
        error: as it was caught.
        function: the learner's; a cell of a notebook is a file of its own.
        loop: give the first line of the innermost ``while`` around that line, if there is one.
    """
    code = getattr(inspect.unwrap(function), "__code__", None)
    traceback: TracebackType | None = error.__traceback__
    line = 0
    while traceback is not None and code is not None:
        frame = traceback.tb_frame.f_code
        entered = traceback.tb_lineno > frame.co_firstlineno  # else it says "def" and no more
        if frame.co_filename == code.co_filename and (entered or not line):
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    if code is None or not line:
        return ""
    if loop:
        line = _start_of_loop(code.co_filename, line)
    return linecache.getline(code.co_filename, line).strip()


def raising_line(function: Callable[..., Any]) -> tuple[str, bool, bool]:
    """The ``raise`` of a stub, and whether code stands above or below it.

    Where no source is to be had the stub counts as untouched.
    """
    try:
        source = textwrap.dedent(inspect.getsource(inspect.unwrap(function)))
        tree = ast.parse(source)
    except (OSError, TypeError, SyntaxError):
        return "", False, False
    body = getattr(tree.body[0], "body", None)
    if not isinstance(body, list):
        return "", False, False
    if ast.get_docstring(tree.body[0]) is not None:  # type: ignore[arg-type]
        body = body[1:]
    places = [place for place, node in enumerate(body) if _is_stub(node)]
    if not places:  # inside an if or a loop, with code of the learner's around it
        return "raise NotImplementedError", True, True
    line = ast.get_source_segment(source, body[places[0]]) or "raise NotImplementedError"
    return line, places[0] > 0, places[0] < len(body) - 1


def _is_stub(node: ast.AST) -> bool:
    return isinstance(node, ast.Raise) and "NotImplementedError" in ast.unparse(node)


def _start_of_loop(file: str, line: int) -> int:
    try:
        tree = ast.parse("".join(linecache.getlines(file)))
    except SyntaxError:
        return line
    loops = (node for node in ast.walk(tree) if isinstance(node, ast.While))
    starts = [node.lineno for node in loops if node.lineno <= line <= (node.end_lineno or 0)]
    return max(starts, default=line)
