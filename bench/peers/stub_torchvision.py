"""A stand-in for torchvision, which has no CPU build to match the torch that the course pins.

Two peers import it for image transforms that a benchmark never calls. Importing this module first
lets them load; calling anything of it is an AttributeError or TypeError, never a silent nothing.
"""

from __future__ import annotations

import importlib.machinery
import sys
import types


def install() -> None:
    """Put empty modules where the peers look for torchvision."""
    if "torchvision" in sys.modules:
        return
    for name in ("torchvision", "torchvision.transforms", "torchvision.transforms.functional"):
        module = types.ModuleType(name)
        module.__spec__ = importlib.machinery.ModuleSpec(name, None)
        module.__path__ = []
        sys.modules[name] = module
    vision, transforms = sys.modules["torchvision"], sys.modules["torchvision.transforms"]
    vision.transforms = transforms
    transforms.functional = sys.modules["torchvision.transforms.functional"]
    vision.utils = types.ModuleType("torchvision.utils")
    # smalldiffusion composes these two when it is imported.
    unused = lambda *_, **__: None  # noqa: E731
    transforms.Compose = transforms.RandomHorizontalFlip = transforms.ToTensor = unused
    transforms.Lambda = unused
