"""What a notebook carries: a wheel with the package and those weights that one lesson needs."""

from __future__ import annotations

import base64
import hashlib
import io
import lzma
import re
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from course_utils import __version__
from course_utils.training import load_checkpoint, save_checkpoint

WEIGHTS = Path("course_utils", "weights")
EXACT = 11  # significant bits of a weight in half precision
DATE = (2020, 1, 1, 0, 0, 0)  # the same files make the same wheel
LINE = 1000  # letters; each line end costs a notebook seven more
FOR_TEXT = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME}]
# A weight is two bytes: high ones are alike, low ones are noise, so each looks at its own kind.
FOR_WEIGHTS = [{**FOR_TEXT[0], "lc": 0, "lp": 1, "pb": 1}]
METADATA = "Metadata-Version: 2.1\nName: course-utils\nVersion: {version}\n"
WHEEL = "Wheel-Version: 1.0\nGenerator: make colab\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


@dataclass(frozen=True)
class Parcel:
    """A wheel as text, and what the first cell must know of it."""

    text: str  # base85, in lines; no letter of it needs an escape
    digest: str  # SHA-256 of the text without its line ends
    needed: tuple[str, ...]  # the files of weights in it
    bits: int  # that are kept of each weight


def needed_weights(source: str, lesson: str, root: Path) -> list[str]:
    """The files of weights that a lesson reads: its own, its recipes', and those that these load.

    Args:
        source: the text of the lesson.
        lesson: two digits.
        root: the repository.

    Raises:
        ValueError: the lesson loads a recipe that has no weights.
    """
    folder = root / WEIGHTS
    names = {path.name for path in folder.glob(f"{lesson}_*.safetensors")}
    scores = {path.name: rf"\b{path.stem}\.(?=\w)" for path in folder.glob("*.json")}
    names |= {name for name, used in scores.items() if re.search(used, source)}
    waiting = re.findall(r'\brecipes\.load\("(\w+)"', source)
    while waiting:
        recipe = waiting.pop()
        if f"{recipe}.safetensors" in names:
            continue
        if not (folder / f"{recipe}.safetensors").is_file():
            raise ValueError(f"lesson {lesson} loads the recipe {recipe!r}, which has no weights.")
        names.add(f"{recipe}.safetensors")
        module = root / "course_utils" / "recipes" / f"{recipe}.py"
        waiting += re.findall(r'\bload\("(\w+)"\)', module.read_text(encoding="utf-8"))
    return sorted(names)


def pack(root: Path, lesson: str, needed: list[str], bits: int = EXACT) -> Parcel:
    """Make the parcel of a lesson.

    Args:
        root: the repository.
        lesson: two digits; of the exercises only this lesson's come along.
        needed: files of weights.
        bits: significant bits to keep of each weight in half precision, 2 to 11; 11 keeps all.
    """
    package = root / "course_utils"
    files = [*package.rglob("*.py"), package / "notebook" / "scoreboard.json"]
    other = re.compile(rf"exercises/lesson_(?!{lesson})")
    text = {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(files)
        if not other.search(path.as_posix())
    }
    weights = {(WEIGHTS / name).as_posix(): rounded(root / WEIGHTS / name, bits) for name in needed}
    wheel, cut = _wheel(text, weights)
    letters = base64.b85encode(_xz(wheel[:cut], FOR_TEXT) + _xz(wheel[cut:], FOR_WEIGHTS)).decode()
    lines = "\n".join(letters[k : k + LINE] for k in range(0, len(letters), LINE))
    digest = hashlib.sha256(letters.encode()).hexdigest()
    return Parcel(lines, digest, tuple(needed), bits)


def rounded(path: Path, bits: int) -> bytes:
    """A file of weights with fewer significant bits in each weight; whole again, with a new hash.

    Rounding makes a weight wrong by at most 2^-bits of itself, and the zeros in its place are
    compressed away.
    """
    if bits == EXACT or path.suffix != ".safetensors":
        return path.read_bytes()
    tensors, description = load_checkpoint(path)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, path.name)
        save_checkpoint(
            copy,
            {name: _round(x, EXACT - bits) for name, x in tensors.items()},
            **{**description, "rounded_to_bits": bits},
        )
        return copy.read_bytes()


def _round(x: Tensor, drop: int) -> Tensor:
    """Weights in half precision without their last bits; a carry runs into the exponent."""
    if x.dtype != torch.float16:
        return x
    pattern = x.contiguous().view(torch.int16).int() & 0xFFFF
    near = ((pattern + (1 << (drop - 1))) >> drop) << drop
    signed = torch.where(near > 0x7FFF, near - 0x10000, near)
    return signed.to(torch.int16).view(torch.float16)


def _wheel(text: dict[str, bytes], weights: dict[str, bytes]) -> tuple[bytes, int]:
    """A wheel that is not compressed yet, and where in it the weights begin.

    Each file of weights begins at an even distance from there, as their compression wants it.
    """
    info = f"course_utils-{__version__}.dist-info"
    text = {
        **text,
        f"{info}/METADATA": METADATA.format(version=__version__).encode(),
        f"{info}/WHEEL": WHEEL.encode(),
    }
    rows = [f"{name},{_record(content)}" for name, content in (text | weights).items()]
    text[f"{info}/RECORD"] = "\n".join([*rows, f"{info}/RECORD,,", ""]).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as file:
        for name, content in text.items():
            file.writestr(zipfile.ZipInfo(name, DATE), content)
        cut = buffer.tell()
        for name, content in weights.items():
            entry = zipfile.ZipInfo(name, DATE)
            if (buffer.tell() - cut + 30 + len(name)) % 2:  # the header has 30 bytes and the name
                entry.extra = b"\xff\xff\x01\x00\x00"  # one byte of nothing, in its frame of four
            file.writestr(entry, content)
    return buffer.getvalue(), cut


def _record(content: bytes) -> str:
    """Hash and size of a file, as a wheel lists them."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"sha256={digest},{len(content)}"


def _xz(content: bytes, filters: list[dict]) -> bytes:
    return lzma.compress(content, format=lzma.FORMAT_XZ, filters=filters)
