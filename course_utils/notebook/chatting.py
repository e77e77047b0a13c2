"""A text box that answers, by the interface of ipywidgets 7, which Colab still has."""

import html
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from course_utils.notebook.machine import require

ipywidgets = require("ipywidgets", "pip install 'ipywidgets>=7.7.1,<9'")

Exchange = tuple[str, str]
LINE = '<div style="line-height:1.4"><strong>{}</strong> {}</div>'


class Chat(ipywidgets.VBox):  # type: ignore[name-defined, misc]
    """A conversation, a box to type into, and a button that begins anew.

    Attributes:
        said: the exchanges (what was typed, what was answered) so far.
    """

    def __init__(self, answer: Callable[[str, list[Exchange]], str]) -> None:
        self.answer = answer
        self.said: list[Exchange] = []
        self.transcript = ipywidgets.HTML()
        self.box = ipywidgets.Text(placeholder="type here", layout={"width": "36em"})
        self.button = ipywidgets.Button(description="send", layout={"width": "6em"})
        self.anew = ipywidgets.Button(description="begin anew", layout={"width": "8em"})
        self.button.on_click(self._ask)
        with warnings.catch_warnings():  # version 8 warns, but its other way answers a lost focus
            warnings.simplefilter("ignore", DeprecationWarning)
            self.box.on_submit(self._ask)  # the enter key
        self.anew.on_click(self._begin)
        line = ipywidgets.HBox([self.box, self.button, self.anew])
        super().__init__([self.transcript, line])

    def __repr__(self) -> str:
        return "[Run this cell for a box to type into; the next cell shows a conversation.]"

    def _ask(self, _: Any = None) -> None:
        typed = self.box.value.strip()
        if not typed:
            return
        try:
            said = self.answer(typed, list(self.said))
        except Exception as error:  # ipywidgets would swallow it
            self._show([(typed, f"(no answer: {type(error).__name__}: {error})")])
            return
        self.said.append((typed, said))
        self.box.value = ""
        self._show()

    def _begin(self, _: Any = None) -> None:
        self.said.clear()
        self._show()

    def _show(self, also: Sequence[Exchange] = ()) -> None:
        """All turns; what was typed is text and never markup."""
        lines = [
            LINE.format(name, html.escape(text).replace("\n", "<br>"))
            for exchange in [*self.said, *also]
            for name, text in zip(("you", "model"), exchange, strict=True)
        ]
        self.transcript.value = "".join(lines)


def chat(answer: Callable[[str, list[Exchange]], str]) -> Chat:
    """A text box for a conversation with ``answer(typed, before)``.

    ``before`` is a list of pairs (what was typed, what was answered). Put a conversation as text
    into the next cell, for readers of a page that runs nothing.

    Returns:
        A box; the last line of a cell shows it.
    """
    return Chat(answer)
