"""Sounds against numpy and against the frequencies that they were made of."""

import math

import numpy as np
import pytest
import torch

from course_utils.data import SAMPLE_RATE, chirp, melody, pitch, pluck, tone


@pytest.mark.parametrize("frequency", [50.0, 261.63, 440.0, 1234.5, 3900.0])
@pytest.mark.parametrize("seconds", [0.5, 1.0, 2.0])
def test_a_tone_is_a_sine_and_its_pitch_is_measured(frequency, seconds):
    wave = tone(frequency, seconds)
    time = np.arange(round(seconds * 8000)) / 8000
    inner = slice(80, -80)  # between the 10 ms of fading
    assert np.allclose(wave[inner], np.sin(2 * np.pi * frequency * time)[inner], atol=1e-6)
    assert wave.dtype == torch.float32
    assert wave.abs().max() <= 1
    assert wave[0] == 0
    assert pitch(wave) == pytest.approx(frequency, abs=0.2)


def test_many_tones_at_once_equal_one_at_a_time():
    frequencies = torch.tensor([[100.0, 220.5], [333.3, 3000.0]])
    waves = tone(frequencies)
    assert waves.shape == (2, 2, SAMPLE_RATE)
    assert torch.equal(waves[1, 0], tone(frequencies[1, 0]))
    assert pitch(waves).shape == (2, 2)
    assert torch.allclose(pitch(waves), frequencies, atol=0.1)


def test_a_chirp_moves_from_start_to_stop():
    wave = chirp(300.0, 1500.0, seconds=2.0)
    pieces = wave.reshape(20, 800)  # 0.1 s each
    middles = (torch.arange(20) + 0.5) / 20
    assert torch.allclose(pitch(pieces), 300 + 1200 * middles, atol=5)


def test_a_pluck_has_a_pitch_dies_away_and_does_not_alias():
    waves = pluck(torch.tensor([110.0, 440.0, 1500.0]))
    assert torch.allclose(pitch(waves), torch.tensor([110.0, 440.0, 1500.0]), atol=0.5)
    assert torch.allclose(waves.abs().amax(-1), torch.ones(3))
    assert (waves[:, -800:].abs().amax(-1) < 0.2).all()
    # 1500 Hz has two partials below 4 kHz; the third, 4500, would come back as 3500 Hz.
    spectrum = torch.fft.rfft(waves[2] * torch.hann_window(8000)).abs()
    assert spectrum[3450:3550].max() < 1e-3 * spectrum[1500]


def test_the_melody_plays_its_notes():
    wave = melody()
    assert wave.shape == (2 * SAMPLE_RATE,)
    assert wave.abs().max() <= 1
    notes = pitch(wave[: 8 * 1520].reshape(8, 1520))
    semitones = 12 * torch.log2(notes / 440) + 9  # above middle C
    assert semitones.round().tolist() == [4, 4, 5, 7, 7, 5, 4, 2]
    assert (semitones - semitones.round()).abs().max() < 0.1


def test_pitch_survives_noise():
    noise = torch.randn(8000, generator=torch.Generator().manual_seed(0))
    assert pitch(tone(440.0) + noise) == pytest.approx(440, abs=0.5)


def test_silence_has_no_pitch():
    waves = torch.stack([torch.zeros(8000), torch.ones(8000), tone(500.0)])
    assert pitch(waves).isnan().tolist() == [True, True, False]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: tone(0.0), "above 0 and below 4000 Hz"),
        (lambda: tone(4000.0), "got 4000"),
        (lambda: tone(math.nan), "got nan"),
        (lambda: chirp(100.0, torch.tensor([200.0, 5000.0])), "below 4000 Hz"),
        (lambda: pluck(440.0, seconds=0), "at least one sample"),
        (lambda: pitch(torch.zeros(3, 8)), r"got \(3, 8\)"),
        (lambda: pitch(torch.tensor(1.0)), r"T >= 16"),
    ],
)
def test_wrong_arguments_are_explained(make, says):
    with pytest.raises(ValueError, match=says):
        make()
