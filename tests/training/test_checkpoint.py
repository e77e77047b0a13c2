import os
import stat

import pytest
import torch
from safetensors.torch import save_file

from course_utils.training import CheckpointError, load_checkpoint, save_checkpoint
from course_utils.training.checkpoint import differences

TENSORS = {"a": torch.randn(4, 3), "b": torch.arange(5), "c": torch.zeros(0)}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "new folder" / "é.safetensors"
    save_checkpoint(path, TENSORS, step=7, config={"width": 8})
    return path


def test_round_trip(path):
    tensors, description = load_checkpoint(path)
    assert description == {"step": 7, "config": {"width": 8}}
    assert tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[name], TENSORS[name]) for name in TENSORS)


def test_any_altered_byte_is_noticed(path):
    content = path.read_bytes()
    for position in range(len(content)):
        altered = bytearray(content)
        altered[position] ^= 1
        path.write_bytes(altered)
        with pytest.raises(CheckpointError, match=r"é\.safetensors .*Delete"):
            load_checkpoint(path)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_a_truncated_file_is_noticed(path, share):
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(CheckpointError, match="truncated or damaged"):
        load_checkpoint(path)


def test_a_good_file_of_another_tool_is_not_to_be_deleted(path):
    for metadata in (None, {"format": "pt"}):
        save_file({"weight": torch.zeros(2)}, path, metadata=metadata)
        with pytest.raises(CheckpointError, match="another tool.*load_file") as caught:
            load_checkpoint(path)
        assert "Delete" not in str(caught.value)


def test_differences_are_listed_and_not_too_many():
    assert differences({"width": 8, "depth": 2}, {"width": 8, "depth": 2}) == ""
    text = differences({"width": 8, "depth": 2}, {"width": 16, "depth": 2, "new": None, "b": 1})
    assert text == "b: None in the file, 1 here; width: 8 in the file, 16 here"
    many = differences(dict.fromkeys("abcdef", 1), dict.fromkeys("abcdef", 2))
    assert many.endswith("d: 1 in the file, 2 here; and 2 more")


def test_views_and_channels_last_are_saved_whole(tmp_path):
    image = torch.randn(2, 3, 4, 5).contiguous(memory_format=torch.channels_last)
    save_checkpoint(tmp_path / "x", {"image": image, "view": image[0], "same": image})
    tensors, _ = load_checkpoint(tmp_path / "x")
    assert torch.equal(tensors["image"], image)
    assert torch.equal(tensors["view"], image[0])


def test_a_failed_write_leaves_the_old_file(path, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    before = path.read_bytes()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        save_checkpoint(path, {"a": torch.ones(2)}, step=8)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "taken").write_text("a file, where a folder is needed", encoding="utf-8")
    with pytest.raises(OSError, match=r"cannot write to .*taken.*Make the folder writable"):
        save_checkpoint(tmp_path / "taken" / "x.safetensors", TENSORS)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_others_may_read_the_file(path):
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
