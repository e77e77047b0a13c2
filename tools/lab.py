"""Opens JupyterLab on the first lesson, for this machine only and with a token.

Further options go to JupyterLab: `python tools/lab.py --port=9000`.
"""

from __future__ import annotations

import os
import sys
import webbrowser
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def options(root: Path, *, browser: bool, superuser: bool) -> list[str]:
    """The command line of JupyterLab.

    Raises:
        FileNotFoundError: There is no lesson to open.
    """
    lessons = sorted((root / "notebooks").glob("[0-9][0-9]_*.ipynb"))
    if not lessons:
        raise FileNotFoundError(f"no notebooks in {root / 'notebooks'}: run `make lessons` first")
    chosen = [
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.root_dir={root}",
        f"--LabApp.default_url=/lab/tree/notebooks/{lessons[0].name}",
        "--log-level=WARN",
    ]
    if not browser:
        chosen.append("--no-browser")
    if superuser:  # in a container; Jupyter refuses root unless told
        chosen.append("--allow-root")
    return chosen


def has_browser(environment: Mapping[str, str]) -> bool:
    """Whether a browser window can be opened here (not one that runs inside the terminal)."""
    if sys.platform.startswith("linux"):
        shown = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
        if not any(environment.get(name) for name in shown):
            return False
    try:
        webbrowser.get()
    except webbrowser.Error:
        return False
    return True


def main(arguments: Sequence[str]) -> int:
    """Runs JupyterLab until it is stopped and returns the exit code."""
    try:
        from jupyterlab.labapp import LabApp

        browser = has_browser(os.environ)
        superuser = getattr(os, "geteuid", lambda: 1)() == 0
        command = [*options(ROOT, browser=browser, superuser=superuser), *arguments]
    except (ImportError, FileNotFoundError) as error:
        print(f"JupyterLab cannot start: {error}", file=sys.stderr)
        return 1
    if not browser:
        print("No browser can be opened from here. Copy the address below into one.", flush=True)
    print("Stop JupyterLab with Ctrl-C, twice.", flush=True)
    LabApp.launch_instance(command)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
