"""A pretend accelerator: does a lesson keep its tensors on one device? No GPU needed.

    python tests/pretend_card.py lessons/02_denoiser_training.py [most training steps]

runs the code cells of a lesson on the device "card" and prints those that raise. A `Card` tensor
says that it lives on that device and computes on the CPU. As on a real card, an operation that
mixes one with a CPU tensor of one or more axes is an error. Everything else behaves as usual,
backward passes and optimizers included.

What it cannot find: wrong numbers of a real card, memory, speed, streams.

The device stands on a part of torch that torch calls experimental; where torch has not got it, the
exit code is `ABSENT`.
"""

import argparse
import importlib
import os
import sys
import tempfile
import traceback
from pathlib import Path

import jupytext
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

ABSENT = 77  # by custom, the exit code of a test that could not run
FEW = 15  # steps of a lesson's own loop, in the fast mode
MAY_MIX = ("_to_copy", "copy_", "index.Tensor", "index_put")  # a real card takes CPU tensors here


class Card(torch.Tensor):
    """A tensor that says it is on "card:0"; `inner` is the CPU tensor with its numbers."""

    @staticmethod
    def __new__(cls, inner):
        self = torch.Tensor._make_wrapper_subclass(
            cls,
            inner.size(),
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            device="card:0",
            requires_grad=inner.requires_grad,
        )
        self.inner = inner.detach()
        return self

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        return compute(func, args, kwargs or {})

    def __repr__(self):
        return f"Card({self.inner})"

    def __format__(self, form):
        return format(self.inner, form)

    def tolist(self):
        return self.inner.tolist()


class OnCard(TorchDispatchMode):
    """Inside it, device="card" works in functions that make tensors too."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return compute(func, args, kwargs or {})


def compute(func, args, kwargs):
    """Run one operation on the CPU, after checking that its tensors share a device."""
    on_card = share_card(func, tree_leaves((args, kwargs)))
    if kwargs.get("device") is not None:
        on_card = torch.device(kwargs["device"]).type == "card"
        kwargs = {**kwargs, "device": torch.device("cpu")}
    result = func(*tree_map(to_inner, args), **tree_map(to_inner, kwargs))
    if "_local_scalar_dense" in str(func):
        return result  # a number of Python
    if func._schema.name.endswith("_") and args and isinstance(args[0], Card):
        return args[0]  # changed in place
    return tree_map(to_card, result) if on_card else result


def share_card(func, leaves):
    """Whether the tensors of an operation are on the card; RuntimeError if only some are."""
    cards = [x for x in leaves if isinstance(x, Card)]
    others = [x for x in leaves if is_plain(x) and x.ndim]
    if cards and others and not any(name in str(func) for name in MAY_MIX):
        sizes = tuple(others[0].shape), tuple(cards[0].shape)
        raise RuntimeError(f"{func}: a CPU tensor {sizes[0]} meets one on the card {sizes[1]}")
    return bool(cards)


def is_plain(x):
    return isinstance(x, torch.Tensor) and not isinstance(x, Card)


def to_inner(x):
    return x.inner if isinstance(x, Card) else x


def to_card(x):
    return Card(x) if is_plain(x) else x


def make_device():
    """Make torch know the device "card"; False where this torch cannot."""
    try:
        from torch.utils.backend_registration import _setup_privateuseone_for_python_backend
    except ImportError:
        return False
    _setup_privateuseone_for_python_backend("card")
    torch.cuda.is_available = lambda: False
    torch.inference_mode = lambda *args, **kwargs: torch.no_grad()  # wants a tensor of its own
    tensor, as_tensor = torch.tensor, torch.as_tensor  # these two do not pass by `OnCard`

    def card_tensor(data, *args, device=None, **kwargs):
        made = tensor(data, *args, **kwargs)
        return made if device is None else made.to(device)

    def card_as_tensor(data, dtype=None, device=None):
        made = data if isinstance(data, torch.Tensor) else as_tensor(data, dtype=dtype)
        return made.to(dtype=dtype or made.dtype, device=device or made.device)

    torch.tensor, torch.as_tensor = card_tensor, card_as_tensor
    return True


def prepare_course(home, most_steps):
    """Let `setup` choose the card with the sizes of the cpu tier, and `fit` stop early.

    Without `most_steps` it is the fast mode: what has shipped weights is not trained. A loop over
    `training.train_steps` that stands in a lesson stops early in both.
    """
    os.environ["COURSE_MODE"] = "fast" if most_steps is None else "full"
    os.environ["COURSE_HOME"] = home
    start = importlib.import_module("course_utils.notebook.start")
    start._tier_and_device = lambda mode: ("cpu", torch.device("card"))
    start._describe = lambda device: "a pretend card"
    training = importlib.import_module("course_utils.training")
    loop, few = training.train_steps, FEW if most_steps is None else most_steps
    training.train_steps = lambda *args, num_steps, **kwargs: loop(
        *args, num_steps=min(num_steps, few), **kwargs
    )
    if most_steps is None:
        return
    fit = training.fit

    def short_fit(*args, num_steps, **kwargs):
        return fit(*args, num_steps=min(num_steps, most_steps), **kwargs)

    for module in [module for name, module in sys.modules.items() if "course_utils" in name]:
        if getattr(module, "fit", None) is fit:
            module.fit = short_fit


def run_cells(path):
    """Run the code cells of a lesson in order; the number of those that raised."""
    names, failed = {"__name__": "lesson"}, 0
    cells = jupytext.read(path, fmt="py:percent").cells
    for number, cell in enumerate(cells):
        if cell.cell_type != "code":
            continue
        try:
            exec(compile(cell.source, f"cell {number}", "exec"), names)
        except Exception:
            failed += 1
            print(f"--- cell {number}:\n{cell.source}\n---\n{traceback.format_exc(limit=-4)}")
    print(f"{Path(path).name}: {failed} cells failed on the card")
    return failed


def main():
    parser = argparse.ArgumentParser(description="Run a lesson on a pretend card.")
    parser.add_argument("lesson", help="lessons/NN_slug.py")
    parser.add_argument("most_steps", nargs="?", type=int, help="of each fit; without: fast mode")
    wish = parser.parse_args()
    if not make_device():
        return ABSENT
    with tempfile.TemporaryDirectory() as home:
        prepare_course(home, wish.most_steps)
        with OnCard():
            return int(run_cells(wish.lesson) > 0)


if __name__ == "__main__":
    sys.exit(main())
