"""Where the course lives and where a learner's own files go."""

import functools
import os
import tempfile
import warnings
from pathlib import Path

# The trained weights of the fast mode: in the package, so that they are found wherever it is.
WEIGHTS = Path(__file__).resolve().parents[1] / "weights"


def find_root() -> Path:
    """The course's folder (with pyproject.toml and lessons/); outside of one the working folder."""
    here = Path.cwd()
    for folder in (Path(__file__).resolve().parents[2], here, *here.parents):
        if (folder / "pyproject.toml").is_file() and (folder / "lessons").is_dir():
            return folder
    return here


def course_folder() -> Path:
    """Where a learner's files go: ``<root>/.course``, or a temporary folder if that is closed.

    COURSE_HOME names another folder, so that a build or a test leaves the learner's files alone.
    In it ``~`` is your home, and a relative path begins at the course's folder.
    """
    folder = _writable(chosen_folder())
    folder.mkdir(parents=True, exist_ok=True)  # it may have been deleted since it was tried
    return folder


def chosen_folder() -> Path:
    """The folder that COURSE_HOME names, or ``<root>/.course``; it need not exist."""
    home = os.environ.get("COURSE_HOME", "").strip()
    return find_root() / Path(home).expanduser() if home else find_root() / ".course"


def can_write(folder: Path) -> bool:
    """Whether files can be made in the folder; it is made when it is missing."""
    try:
        _try_to_write(folder)
    except OSError:
        return False
    return True


@functools.cache  # so that the warning comes once
def _writable(folder: Path) -> Path:
    try:
        _try_to_write(folder)
        return folder
    except OSError as error:
        user = os.environ.get("USER") or os.environ.get("USERNAME") or "me"
        remedy = (
            "Remedy: free some disk space, or name a folder of your own by the variable "
            "COURSE_HOME, such as COURSE_HOME=~/course; restart the kernel."
        )
        spare = Path(tempfile.gettempdir()) / f"course_utils_{user}"
        try:
            _try_to_write(spare)
        except OSError:
            raise type(error)(
                f"neither {folder} nor {spare} can be written ({error}). {remedy}"
            ) from error
        warnings.warn(
            f"{folder} cannot be written ({error.strerror or error}). Checkpoints and claims go to "
            f"{spare} instead, which the computer may empty when it restarts. {remedy}",
            stacklevel=4,
        )
        return spare


def _try_to_write(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass
