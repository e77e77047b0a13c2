"""Notes against the frequencies of equal temperament, and the circle that they lie on."""

import math

import pytest
import torch

from course_utils.data import NOTE_NAMES, note_frequency, pitch, random_notes, tone


def notes(num=400, seconds=0.064, seed=0):
    return random_notes(num, seconds, generator=torch.Generator().manual_seed(seed))


def test_the_frequencies_are_those_of_a_piano():
    known = [261.626, 293.665, 329.628, 349.228, 391.995, 440.0, 493.883, 523.251]
    assert note_frequency(torch.arange(8)).tolist() == pytest.approx(known, abs=0.01)
    assert float(note_frequency(5)) == pytest.approx(440)
    assert len(NOTE_NAMES) == 8


def test_each_sound_has_the_pitch_of_its_label():
    waves, labels = notes()
    assert waves.shape == (400, 512)
    assert waves.abs().max() <= 1
    cents = 1200 * (pitch(waves) / note_frequency(labels)).log2()
    assert cents.abs().max() < 5  # a semitone is 100
    assert set(labels.tolist()) == set(range(8))


def test_the_sounds_of_a_note_fill_a_circle_in_a_plane():
    waves, labels = notes()
    mine = waves[labels == 3].double()
    frequency = note_frequency(3)
    plane = torch.stack([tone(frequency, 0.064), tone(frequency, 0.064, phase=math.pi / 2)])
    plane = plane.double()
    found = torch.linalg.lstsq(plane.T, mine.T).solution.T  # (n, 2) sine and cosine
    assert torch.allclose(found @ plane, mine, atol=1e-5)
    assert torch.allclose(found.norm(dim=1), torch.ones(len(mine)).double(), atol=1e-5)
    quarters = torch.atan2(found[:, 1], found[:, 0]).div(math.pi / 2).floor()
    assert all((quarters == k).sum() > 4 for k in range(-2, 2))


def test_a_phase_moves_the_start():
    assert torch.allclose(tone(500.0, 0.1, phase=math.pi), -tone(500.0, 0.1), atol=1e-6)
    both = tone(torch.tensor([300.0, 300.0]), 0.1, phase=torch.tensor([0.0, 2 * math.pi]))
    assert torch.allclose(both[0], both[1], atol=1e-6)


def test_same_seed_same_sounds():
    assert torch.equal(notes(10).waves, notes(10).waves)
    assert not torch.equal(notes(10).waves, notes(10, seed=1).waves)


@pytest.mark.parametrize("label", [8, -1, 2.0])
def test_notes_that_do_not_exist_are_refused(label):
    with pytest.raises(ValueError, match=r"whole number in 0 \.\.\. 7"):
        note_frequency(torch.tensor(label))


def test_a_length_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one sample"):
        notes(2, seconds=0)


def test_there_is_at_least_one_note():
    with pytest.raises(ValueError, match="at least 1; got -1"):
        random_notes(-1, generator=torch.Generator())
    with pytest.raises(ValueError, match="a note is a whole number"):
        note_frequency(torch.tensor([True]))
