"""The first cell of a lesson, on good and bad machines."""

import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch

from course_utils.notebook import Claims, folders, setup
from course_utils.notebook.machine import choose_threads
from course_utils.training import CheckpointError, load_checkpoint, save_checkpoint


@pytest.fixture(autouse=True)
def clean(monkeypatch, tmp_path):
    """No COURSE variables, a course of its own, torch's settings as they were."""
    for name in ("COURSE_TIER", "COURSE_MODE", "COURSE_THREADS"):
        monkeypatch.delenv(name, raising=False)
    root = tmp_path / "cours d'été"  # a space and an accent
    (root / "lessons").mkdir(parents=True)
    (root / "pyproject.toml").touch()
    monkeypatch.setattr(folders, "__file__", str(tmp_path / "a" / "b" / "c.py"))
    monkeypatch.setattr(folders.tempfile, "tempdir", str(tmp_path / "spare"))
    (tmp_path / "spare").mkdir()
    monkeypatch.chdir(root)
    folders._writable.cache_clear()
    threads, mode = torch.get_num_threads(), torch.get_deterministic_debug_mode()
    yield
    folders._writable.cache_clear()
    torch.set_num_threads(threads)
    torch.set_deterministic_debug_mode(mode)


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


def test_prints_one_short_block_and_seeds(capsys, no_gpu, tmp_path):
    course = setup("01", seed=3)
    first = torch.rand(4)
    block = capsys.readouterr().out
    assert len(block.splitlines()) == 3
    for word in ("Lesson 01", "torch", "CPU", "cpu tier", "full mode", "seed 3"):
        assert word in block
    assert str(tmp_path) not in block  # a built notebook must not tell where it was built
    assert (course.lesson, course.tier, course.mode, course.seed) == ("01", "cpu", "full", 3)
    assert course.device == torch.device("cpu")
    setup("01", seed=3)
    assert torch.equal(torch.rand(4), first)


def test_finds_the_course_from_any_folder_in_it(monkeypatch, tmp_path, no_gpu):
    root = tmp_path / "cours d'été"
    (root / "notebooks").mkdir()
    monkeypatch.chdir(root / "notebooks")
    assert setup("01").root == root
    monkeypatch.chdir(tmp_path / "spare")
    assert setup("01").root == tmp_path / "spare"


@pytest.mark.parametrize("lesson", ["1", "001", "../x", ""])
def test_refuses_a_lesson_that_is_no_number(lesson):
    with pytest.raises(ValueError, match="two digits"):
        setup(lesson)


@pytest.mark.parametrize(
    ("name", "value"),
    [("COURSE_TIER", "tpu"), ("COURSE_MODE", "quick"), ("COURSE_THREADS", "two"),
     ("COURSE_THREADS", "0"), ("COURSE_THREADS", "-1"), ("COURSE_THREADS", "1.5")],
)  # fmt: skip
def test_a_bad_variable_is_named_with_its_value(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=f"{name} must be .*; got '{value}'"):
        setup("01")


def test_gpu_tier_without_a_gpu_says_what_to_do(monkeypatch, no_gpu):
    monkeypatch.setenv("COURSE_TIER", "gpu")
    with pytest.raises(RuntimeError, match="COURSE_TIER=cpu"):
        setup("01")


def test_apple_gpu_only_when_asked_for(monkeypatch, no_gpu, capsys):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert setup("01").device.type == "cpu"
    monkeypatch.setenv("COURSE_TIER", "GPU")
    course = setup("01")
    assert (course.tier, course.device.type) == ("gpu", "mps")
    assert "Apple" in capsys.readouterr().out


def test_cuda_chooses_the_gpu_tier_but_not_for_shipped_weights(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "a GPU")
    course = setup("01")
    assert (course.tier, course.device.type) == ("gpu", "cuda")
    monkeypatch.setenv("COURSE_MODE", "fast")
    assert setup("01").tier == "cpu"
    monkeypatch.setenv("COURSE_TIER", "cpu")
    assert setup("01").device.type == "cpu"


def test_sizes_of_the_tier(no_gpu):
    course = setup("01")
    assert course.sizes(cpu={"num_steps": 2}, gpu={"num_steps": 9}).num_steps == 2
    with pytest.raises(ValueError, match="only one of them has \\['width'\\]"):
        course.sizes(cpu={"width": 1}, gpu={})


def test_checkpoints_of_the_tiers_have_their_own_files(no_gpu, monkeypatch):
    course = setup("02")
    path = course.checkpoint("ring")
    assert path == course.root / ".course" / "checkpoints" / "02_ring.safetensors"
    assert path.parent.is_dir()
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setenv("COURSE_TIER", "gpu")
    assert setup("02").checkpoint("ring").name == "02_ring_gpu.safetensors"
    for bad in ("a/b", "../x", "", "a.b"):
        with pytest.raises(ValueError, match="checkpoint's name"):
            course.checkpoint(bad)


@pytest.fixture
def shipped(no_gpu, monkeypatch, tmp_path):
    """A course in the fast mode that ships the weights of one model."""
    monkeypatch.setenv("COURSE_MODE", "fast")
    monkeypatch.setattr(folders, "WEIGHTS", tmp_path / "weights")
    course = setup("02")
    path = folders.WEIGHTS / "02_ring.safetensors"
    save_checkpoint(path, {"model.a": torch.ones(2)}, config={})
    os.utime(path, (1e9, 1e9))
    return course, path


def test_fast_mode_takes_shipped_weights_and_says_when_there_are_none(shipped, capsys):
    course, _ = shipped
    capsys.readouterr()
    copy = course.checkpoint("ring")
    assert capsys.readouterr().out == ""
    assert torch.equal(load_checkpoint(copy)[0]["model.a"], torch.ones(2))
    other = course.checkpoint("other")
    assert "No trained weights of 'other' are shipped" in capsys.readouterr().out
    assert other == course.root / ".course" / "checkpoints" / "02_other.safetensors"


def test_the_shipped_file_is_only_read_and_comes_back(shipped):
    course, path = shipped
    before, copy = path.read_bytes(), course.checkpoint("ring")
    assert copy.is_relative_to(course.root / ".course")
    save_checkpoint(copy, {"model.a": torch.zeros(2)}, config={})  # a learner's own training
    assert torch.equal(load_checkpoint(course.checkpoint("ring"))[0]["model.a"], torch.zeros(2))
    copy.unlink()
    assert load_checkpoint(course.checkpoint("ring"))[1] == {"config": {}, "shipped": True}
    assert path.read_bytes() == before


def test_newer_shipped_weights_replace_the_copy(shipped):
    course, path = shipped
    copy = course.checkpoint("ring")
    save_checkpoint(path, {"model.a": torch.zeros(2)}, config={})
    later = copy.stat().st_mtime + 5
    os.utime(path, (later, later))
    assert torch.equal(load_checkpoint(course.checkpoint("ring"))[0]["model.a"], torch.zeros(2))


def test_a_damaged_shipped_file_is_named(shipped):
    course, path = shipped
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match=r"02_ring\.safetensors is truncated"):
        course.checkpoint("ring")


def test_no_write_access_warns_once_and_loses_nothing(no_gpu, tmp_path):
    course = setup("01")
    (course.root / ".course").touch()  # a file where the folder should be
    with pytest.warns(UserWarning, match="Remedy"):
        path = course.checkpoint("ring")
    assert path.is_relative_to(tmp_path / "spare")
    path.write_bytes(b"weights")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert course.checkpoint("ring") == path


def test_with_nowhere_to_write_both_folders_are_named(no_gpu, tmp_path):
    course = setup("01")
    (course.root / ".course").touch()
    shutil.rmtree(tmp_path / "spare")
    (tmp_path / "spare").touch()
    with pytest.raises(OSError, match=r"neither .*\.course nor .*spare.* can be written.*Remedy"):
        course.checkpoint("ring")


def test_a_folder_deleted_meanwhile_is_made_again(no_gpu):
    course = setup("01")
    shutil.rmtree(course.checkpoint("ring").parents[1])
    assert course.checkpoint("ring").parent.is_dir()
    shutil.rmtree(course.root / ".course")
    claims = Claims("01")
    claims.check("it is written", True, "==", True)
    claims.verdicts()
    assert (course.root / ".course" / "claims" / "01.json").is_file()


@pytest.mark.parametrize(
    ("cores", "threads"), [(1, 1), (2, 1), (3, 1), (4, 2), (8, 4), (16, 4), (96, 4)]
)
def test_half_the_cores_at_most_four(cores, threads):
    assert choose_threads(cores) == threads


def test_threads_can_be_chosen(monkeypatch, no_gpu):
    monkeypatch.setenv("COURSE_THREADS", " 2 ")
    assert setup("01").threads == 2 == torch.get_num_threads()


@pytest.mark.parametrize("home", ["~/course", "sub/course", "/abs/course"])
def test_course_home_knows_the_users_home_and_the_courses_folder(no_gpu, monkeypatch, home):
    root = setup("01").root
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.setenv("USERPROFILE", "/home/someone")
    monkeypatch.setenv("COURSE_HOME", home)
    expected = {
        "~": Path("/home/someone/course"),
        "s": root / "sub/course",
        "/": Path("/abs/course"),
    }
    assert folders.chosen_folder() == expected[home[0]]


def test_setup_does_not_load_torchs_compiler():
    script = (
        "import sys; from course_utils.notebook import setup; setup('01');"
        "print([name for name in ('torch._dynamo', 'torch._inductor') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "[]"
