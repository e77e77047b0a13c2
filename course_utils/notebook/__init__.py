"""What only a notebook needs: start, figures, sliders, measured claims. No content of the course.

A lesson starts with ``from course_utils.notebook import Claims, plots, setup``. Each part is loaded
on first use, so that ``python -m course_utils.notebook.machine`` can still report what is wrong
with a machine on which torch or matplotlib cannot be imported.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from course_utils.notebook import chatting, plots, poster, scoreboard, widgets
    from course_utils.notebook.claims import Claims
    from course_utils.notebook.machine import check_machine
    from course_utils.notebook.start import setup

__all__ = [
    "Claims",
    "chatting",
    "check_machine",
    "plots",
    "poster",
    "scoreboard",
    "setup",
    "widgets",
]

# Names that live inside a module of another name.
_HOME = {"Claims": "claims", "check_machine": "machine", "setup": "start"}


def __getattr__(name: str) -> Any:
    """Load a name of ``__all__`` when it is first asked for."""
    if name not in __all__:
        raise AttributeError(
            f"module {__name__!r} has no attribute {name!r}; it offers {', '.join(__all__)}"
        )
    module = import_module(f"{__name__}.{_HOME.get(name, name)}")
    value = getattr(module, name) if name in _HOME else module
    globals()[name] = value
    return value
