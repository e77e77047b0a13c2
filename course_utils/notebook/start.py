"""The first cell of every lesson: ``course = setup("01", seed=0)``."""

import os
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
import torch.utils.deterministic
from joblib import cpu_count

from course_utils import marks
from course_utils.notebook import folders
from course_utils.notebook.folders import course_folder, find_root
from course_utils.notebook.machine import choose_threads
from course_utils.notebook.plots import style
from course_utils.training import load_checkpoint, save_checkpoint


@dataclass(frozen=True)
class Course:
    """What a lesson needs to know about where it runs; made by `setup`."""

    lesson: str  # "01"
    seed: int
    device: torch.device
    tier: str  # "cpu" or "gpu": which sizes
    mode: str  # "full", or "fast": shipped weights instead of training
    threads: int
    root: Path

    def sizes(self, *, cpu: Mapping[str, Any], gpu: Mapping[str, Any]) -> SimpleNamespace:
        """The sizes of this tier as attributes.

        ``sizes = course.sizes(cpu=dict(width=32), gpu=dict(width=64))`` has ``sizes.width``.

        Raises:
            ValueError: the two tiers do not name the same sizes.
        """
        if missing := set(cpu) ^ set(gpu):
            raise ValueError(
                f"cpu and gpu must name the same sizes; only one of them has {sorted(missing)}."
            )
        return SimpleNamespace(**{"cpu": cpu, "gpu": gpu}[self.tier])

    def checkpoint(self, name: str) -> Path:
        """The .safetensors file of this lesson's model ``name``, in .course/checkpoints.

        In the fast mode it starts as a copy of the trained file that the course ships, when there
        is one. The shipped file itself is only read: whatever is done to the copy, `setup` and the
        same call bring it back.

        Raises:
            ValueError: the name has other characters than letters, digits, ``-`` and ``_``.
            CheckpointError: the shipped file is damaged.
        """
        if not re.fullmatch(r"[\w-]+", name):
            raise ValueError(
                f"a checkpoint's name has only letters, digits, - and _; got {name!r}."
            )
        folder = course_folder() / "checkpoints"
        folder.mkdir(exist_ok=True)
        # The tiers have other sizes: never mix their weights.
        own = folder / f"{self.lesson}_{name}{'' if self.tier == 'cpu' else '_gpu'}.safetensors"
        if self.mode == "full":
            return own
        shipped = folders.WEIGHTS / f"{self.lesson}_{name}.safetensors"
        if self.tier != "cpu" or not shipped.is_file():
            print(
                f"No trained weights of {name!r} are shipped for the {self.tier} tier: "
                "they are trained here."
            )
            return own
        copy = own.with_stem(f"{own.stem}_fast")
        if not copy.exists() or copy.stat().st_mtime < shipped.stat().st_mtime:
            tensors, description = load_checkpoint(shipped)
            save_checkpoint(copy, tensors, **description, shipped=True)
        return copy


def setup(lesson: str, *, seed: int = 0) -> Course:
    """Prepare a lesson: threads, seed, device, figure style. Prints what was chosen.

    The environment can choose: COURSE_TIER (cpu or gpu), COURSE_MODE (full or fast: shipped weights
    instead of training), COURSE_THREADS (a number).

    Args:
        lesson: two digits, such as "01".
        seed: for torch's global generator; it repeats the same numbers on the same machine.

    Returns:
        A `Course`.

    Raises:
        ValueError: the lesson's number or a variable of the environment is not one of those.
        RuntimeError: COURSE_TIER=gpu on a machine without a GPU that torch can use.
    """
    if not re.fullmatch(r"\d\d", lesson):
        raise ValueError(f'lesson must be two digits in a string, such as "01"; got {lesson!r}.')
    mode = _variable("COURSE_MODE", ("full", "fast"))
    tier, device = _tier_and_device(mode)
    cores = cpu_count()  # also what affinity and a container's quota leave
    threads = choose_threads(cores)

    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    torch.backends.cudnn.deterministic = True  # the same input gives the same output, twice
    # Not use_deterministic_algorithms: that also imports torch's compiler, for more than 2 seconds.
    torch.set_deterministic_debug_mode("warn" if device.type == "cpu" else "default")
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    style.use_style()
    marks.begin(course_folder)

    print(
        f"Lesson {lesson}  Python {platform.python_version()}, torch {torch.__version__}, "
        f"seed {seed}\n"
        f"Runs on    {_describe(device)}, {threads} thread{'s' * (threads > 1)} of {cores} cores\n"
        f"Sizes      {tier} tier, {mode} mode"
    )
    return Course(lesson, seed, device, tier, mode, threads, find_root())


def _variable(name: str, choices: tuple[str, ...]) -> str:
    """The variable's value, or the first choice where it is not set."""
    value = os.environ.get(name, "").strip().lower() or choices[0]
    if value not in choices:
        raise ValueError(
            f"{name} must be {' or '.join(choices)}; got {value!r}. "
            "Unset it to let the course choose."
        )
    return value


def _tier_and_device(mode: str) -> tuple[str, torch.device]:
    """COURSE_TIER decides; else CUDA means the gpu tier. Shipped weights have the cpu sizes."""
    cuda = torch.cuda.is_available()
    wish = _variable("COURSE_TIER", ("auto", "cpu", "gpu"))
    if wish == "cpu":
        return "cpu", torch.device("cpu")
    if cuda:
        return "gpu" if wish == "gpu" or mode == "full" else "cpu", torch.device("cuda")
    if wish == "auto":
        return "cpu", torch.device("cpu")
    if torch.backends.mps.is_available():
        return "gpu", torch.device("mps")
    raise RuntimeError(
        "COURSE_TIER=gpu needs a GPU that torch can use, and torch finds none. "
        "Set COURSE_TIER=cpu or unset it: every lesson also runs on the CPU."
    )


def _describe(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return {"cpu": "the CPU", "mps": "the Apple GPU (mps; not tested, COURSE_TIER asked for it)"}[
        device.type
    ]
