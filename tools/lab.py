"""Opens JupyterLab on your own copy of the first lesson, for this machine only.

Further options go to JupyterLab: `python tools/lab.py --port=9000`.
"""

from __future__ import annotations

import getpass
import os
import platform
import sys
import webbrowser
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from work import hand_out

ROOT = Path(__file__).resolve().parents[1]


def options(root: Path, work: Path, *, browser: bool, superuser: bool) -> list[str]:
    """The command line of JupyterLab.

    Args:
        root: The course.
        work: Where the learner's copies are; inside `root`, or a folder of its own.
        browser: Whether JupyterLab may open one.
        superuser: Whether it runs as root.

    Raises:
        FileNotFoundError: There is no lesson to open.
    """
    lessons = sorted(work.glob("[0-9][0-9]_*.ipynb"))
    if not lessons:
        raise FileNotFoundError(f"no notebooks in {root / 'notebooks'}: run `make lessons` first")
    top = root if work.is_relative_to(root) else work
    chosen = [
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.root_dir={top}",
        f"--LabApp.default_url=/lab/tree/{lessons[0].relative_to(top).as_posix()}",
        # Else each kernel warns that a user of the same machine could read along.
        "--KernelManager.transport_encryption=auto",
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


def work_folder(root: Path) -> Path:
    """Where the copies go: `work/` in the course, or in COURSE_HOME where the course is closed."""
    from course_utils.notebook.folders import can_write, course_folder

    return root / "work" if can_write(root / "work") else course_folder() / "work"


def address(port: int, page: str, token: str, generated: bool) -> str:
    """What to say of how to get in, where JupyterLab does not say it: it hides a chosen token."""
    if generated:
        return ""
    ending = f"?token={token}" if token else ""
    entry = "" if token else "\nIt asks for the password of your Jupyter configuration."
    return f"The address is http://127.0.0.1:{port}{page}{ending}{entry}"


def tunnel(port: int) -> str:
    """The line for someone who sits at another computer than the one that this runs on."""
    return (
        "On another computer? Run there first, and leave open:\n"
        f"  ssh -L {port}:127.0.0.1:{port} {getpass.getuser()}@{platform.node()}"
    )


def require_entry(provider: Any, files: Sequence[str]) -> None:
    """Refuse to start where anybody on the machine could run code as this user.

    Raises:
        PermissionError: A configuration switches off both token and password.
    """
    if provider.auth_enabled:
        return
    where = "".join(f"\n  {file}" for file in files) or " the environment or the command line"
    raise PermissionError(
        "your Jupyter configuration switches off token and password, so anybody on this machine "
        f"could run code as you. It stands in:{where}\n"
        "Remove that setting, or give a token: JUPYTER_TOKEN=something-secret make lab"
    )


def main(arguments: Sequence[str]) -> int:
    """Runs JupyterLab until it is stopped and returns the exit code."""
    try:
        from jupyterlab.labapp import LabApp

        work = work_folder(ROOT)
        for line in hand_out(ROOT / "notebooks", work):
            print(line)
        browser = has_browser(os.environ)
        superuser = getattr(os, "geteuid", lambda: 1)() == 0
        command = [*options(ROOT, work, browser=browser, superuser=superuser), *arguments]
        server = LabApp.initialize_server(argv=command)
        provider = server.identity_provider
        require_entry(provider, server.loaded_config_files)
    except (ImportError, OSError) as error:
        print(f"JupyterLab cannot start: {error}", file=sys.stderr)
        return 1
    if not browser:
        print("No browser can be opened from here. Copy the address below into one.", flush=True)
        print(tunnel(server.port), flush=True)
    said = address(server.port, server.default_url, provider.token, provider.token_generated)
    print("\n".join(filter(None, [said, "Stop JupyterLab with Ctrl-C, twice."])), flush=True)
    server.start()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
