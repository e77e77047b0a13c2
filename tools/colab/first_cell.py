"""The first cell of a notebook that carries the course. `FIRST_CELL` is filled by `notebook.py`.

What is between the two marks is put into the cell as it stands here, so that it can be tested.
"""

from __future__ import annotations


# begin
def get_course(carried: str, version: str, address: str, needed: list[str], digest: str) -> None:
    """Make `course_utils` importable: what is installed, else the address, else what is carried.

    Installs no other package and changes none. A second call finds the course and does nothing.
    All of it is in one function, so that the notebook gets one name and no import.
    """
    import base64
    import hashlib
    import importlib.util
    import io
    import lzma
    import os
    import re
    import subprocess
    import sys
    import tempfile
    import zipfile
    from pathlib import Path

    def wrong() -> str:
        """Why the course that would be imported now is not the right one; "" when it is."""
        importlib.invalidate_caches()
        spec = importlib.util.find_spec("course_utils")
        if spec is None or not spec.origin:
            return "not installed"
        package = Path(spec.origin)
        found = re.search(r'__version__ = "(.+?)"', package.read_text(encoding="utf-8"))
        if found is None or found[1] != version:
            return f"version {found[1] if found else 'unknown'}"
        missing = [name for name in needed if not (package.parent / "weights" / name).is_file()]
        return f"without {missing[0]}" if missing else ""

    def fetched() -> str:
        """Install from the address; why that failed, or "" when it worked."""
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--force-reinstall"]
        no_questions = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "PIP_RETRIES": "1"}
        try:
            run = subprocess.run(
                [*pip, f"git+{address}@v{version}"],
                env=no_questions,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=120,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return type(error).__name__
        lines = [line.strip() for line in run.stderr.splitlines() if line.strip()]
        known = [line for line in lines if line.startswith(("fatal", "remote", "ERROR"))] or lines
        return (known or ["pip failed"])[0] if run.returncode else wrong()

    def unpacked() -> Path:
        """The folder with the carried package; made whole or not at all."""
        text = "".join(carried.split())
        if hashlib.sha256(text.encode()).hexdigest() != digest:
            raise RuntimeError(
                f"This notebook is damaged or only half downloaded: the {len(text):,} letters that "
                "its first cell carries are not those that it was made with. Download it again."
            )
        home = Path.cwd() / ".course" / "carried"
        try:
            home.mkdir(parents=True, exist_ok=True)
        except OSError:  # the folder is closed to us
            home = Path(tempfile.gettempdir()) / "course_carried"
            home.mkdir(parents=True, exist_ok=True)
        folder = home / digest[:16]
        if not folder.is_dir():
            wheel = lzma.decompress(base64.b85decode(text))
            with tempfile.TemporaryDirectory(dir=home) as draft:
                zipfile.ZipFile(io.BytesIO(wheel)).extractall(Path(draft) / "whole")
                (Path(draft) / "whole").rename(folder)
        return folder

    before = wrong()
    if not before:
        print(f"The course, version {version}, is here already.")
        return
    if "course_utils" in sys.modules:
        raise RuntimeError(
            f"The course_utils that this kernel has loaded is {before}; this notebook needs "
            f"version {version}. Restart the kernel (in Colab: Runtime, Restart session), "
            "and run this cell before all others."
        )
    failed = fetched() if address else ""
    if address and not failed:
        print(f"Installed the course, version {version}, from {address}.")
        return
    folder = unpacked()
    sys.path.insert(0, str(folder))
    paths = [str(folder), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))  # for processes of a lesson
    if after := wrong():
        sys.path.remove(str(folder))
        raise RuntimeError(
            f"The course that this notebook carries is {after}, and the notebook needs version "
            f"{version}. If {folder} was changed, delete it and run this cell again; "
            "otherwise download the notebook again."
        )
    why = f"{address} gave none: {failed}" if address else f"the one here: {before}"
    print(f"Took the course, version {version}, out of this notebook ({why}).")


# end
