"""Files that are either whole or refused: safetensors with a hash, replaced atomically."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor


class CheckpointError(ValueError):
    """A checkpoint is damaged, or belongs to another configuration."""


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a crash or a full disk leaves either the old content or the new.

    Raises:
        OSError: the folder cannot be written to; the old file is untouched.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    except OSError as error:
        raise type(error)(
            f"cannot write to {path.parent}: {error.strerror}. Make the folder writable "
            "(chmod u+w), or start the course from a folder of your own."
        ) from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)  # mkstemp's 0600 would hide the file from others in a shared folder
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def digest(tensors: Mapping[str, Tensor], description: str) -> str:
    """SHA-256 over names, types, shapes and bytes of the tensors and over the description."""
    total = hashlib.sha256(description.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        total.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        # As bytes, since NumPy has no bfloat16.
        total.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return total.hexdigest()


def save_checkpoint(path: str | Path, tensors: Mapping[str, Tensor], **description: Any) -> None:
    """Write tensors and their description to one `.safetensors` file, atomically.

    Args:
        path: file to write; its folder is made when missing.
        tensors: name -> tensor, on any device.
        description: anything JSON can hold, e.g. step=100, config={...}.

    Raises:
        OSError: the folder is not writable or the disk is full; an older file is untouched.
    """
    plain = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    text = json.dumps(description, sort_keys=True)
    metadata = {"description": text, "sha256": digest(plain, text)}
    write_atomically(Path(path), save(plain, metadata=metadata))


def load_checkpoint(path: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `save_checkpoint` wrote and prove that not a byte has changed.

    Args:
        path: file to read.

    Returns:
        tensors: name -> tensor on the CPU.
        description: what was saved with them.

    Raises:
        FileNotFoundError: there is no such file.
        CheckpointError: the file is truncated, altered, or of another tool.
    """
    path = Path(path)
    content = path.read_bytes()
    remedy = f"Delete {path} and train again, or copy it anew from where it came from."
    try:
        tensors = load(content)
        length = int.from_bytes(content[:8], "little")
        metadata = json.loads(content[8 : 8 + length]).get("__metadata__", {})
    except (SafetensorError, ValueError) as error:
        raise CheckpointError(f"{path.name} is truncated or damaged ({error}). {remedy}") from error
    description, expected = metadata.get("description"), metadata.get("sha256")
    if description is None and expected is None:
        raise CheckpointError(
            f"{path.name} is a whole file, but of another tool: save_checkpoint would have put a "
            "description and a hash into it. Read it with safetensors.torch.load_file, or give "
            "another name."
        )
    if description is None or expected is None:
        raise CheckpointError(f"{path.name} is damaged: half of its description is gone. {remedy}")
    found = digest(tensors, description)
    if found != expected:
        raise CheckpointError(
            f"{path.name} was altered: its SHA-256 should be {expected[:12]}..., it is "
            f"{found[:12]}... {remedy}"
        )
    return tensors, json.loads(description)


def differences(found: Mapping[str, Any], expected: Mapping[str, Any]) -> str:
    """What differs between a file and this run, the first four entries; "" when nothing does."""
    keys = [
        key for key in sorted(found.keys() | expected.keys()) if found.get(key) != expected.get(key)
    ]
    lines = [
        f"{key}: {found.get(key)!r} in the file, {expected.get(key)!r} here" for key in keys[:4]
    ]
    return "; ".join(lines + [f"and {len(keys) - 4} more"] * (len(keys) > 4))


def part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose name starts with the prefix, without it."""
    return {
        name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)
    }


def without(config: Mapping[str, Any], names: set[str]) -> dict[str, Any]:
    """The entries of a configuration that do not have these names."""
    return {name: value for name, value in config.items() if name not in names}


def shapes(tensors: Mapping[str, Tensor]) -> dict[str, list[int]]:
    """Name -> shape of the weights among the tensors."""
    return {
        name: list(value.shape)
        for name, value in tensors.items()
        if name.startswith(("model.", "ema."))
    }
