"""The instruments for sound: on tones that are known, and on fakes."""

import math

import pytest
import torch

from course_utils import measure
from course_utils.data import SAMPLE_RATE, pitch, tone


def waves(hertz, loudness=1.0, phase=0.3, samples=512):
    time = torch.arange(samples) / SAMPLE_RATE
    return loudness * torch.sin(2 * math.pi * torch.as_tensor(hertz)[..., None] * time + phase)


def fit(sounds, hertz, **options):
    return measure.fit_tones(sounds, hertz, sample_rate=SAMPLE_RATE, **options)


def test_cents_of_known_intervals():
    asked = torch.full((4,), 440.0)
    got = measure.cents(torch.tensor([880.0, 440.0, 440 * 2 ** (1 / 12), math.nan]), asked)
    assert got[:3].tolist() == pytest.approx([1200, 0, 100], abs=1e-3)
    assert got[3].isnan()  # silence: the caller counts it as a miss
    with pytest.raises(ValueError, match=r"one shape; got \(4,\) and \(2,\)"):
        measure.cents(asked, asked[:2])
    with pytest.raises(ValueError, match="above 0 hertz"):
        measure.cents(asked, 0 * asked)


def test_loudness_phase_and_purity_of_a_tone():
    hertz = torch.tensor([300.0, 523.25, 1234.5])
    found = fit(waves(hertz, loudness=0.7, phase=-1.2), hertz)
    assert found.purity.tolist() == pytest.approx([1, 1, 1], abs=1e-6)
    assert found.loudness.tolist() == pytest.approx([0.7] * 3, abs=1e-4)
    assert found.phase.tolist() == pytest.approx([-1.2] * 3, abs=1e-4)


def test_a_faded_tone_is_pure_under_its_envelope():
    hertz = torch.tensor([392.0])
    faded = tone(hertz, 0.064, phase=1.0)
    envelope = (torch.minimum(torch.arange(512), 511 - torch.arange(512)) / 80).clamp(max=1)
    assert fit(faded, hertz, envelope=envelope).purity == pytest.approx(1, abs=1e-6)
    assert fit(faded, hertz).purity < 0.99


def test_purity_of_a_mixture_is_its_share_of_the_energy():
    hertz = torch.tensor([500.0])  # 32 and 64 whole cycles in 512 samples: orthogonal
    mixed = waves(hertz) + 0.5 * waves(2 * hertz)
    assert fit(mixed, hertz).purity == pytest.approx(0.8, abs=1e-4)


def test_fakes():
    random, hertz = torch.Generator().manual_seed(0), torch.full((64,), 440.0)
    noise = torch.randn(64, 512, generator=random)
    assert fit(noise, hertz).purity.max() < 0.1
    assert (measure.cents(pitch(noise), hertz).abs() > 100).float().mean() > 0.9
    silence = fit(torch.zeros(64, 512), hertz)
    assert not silence.purity.any()
    assert not silence.loudness.any()
    assert bool(silence.phase.isnan().all())
    assert fit(waves(hertz * 2 ** (1 / 12)), hertz).purity.max() < 0.75  # a semitone off
    frames = waves(hertz, phase=2 * math.pi * torch.rand(64, 1, generator=random))
    order = torch.rand(64, 16, generator=random).argsort(dim=0)  # frames of different sounds
    mixed = frames.unflatten(1, (16, 32)).gather(0, order[..., None].expand(-1, -1, 32))
    assert fit(mixed.flatten(1), hertz).purity.mean() < 0.2
    again = fit(waves(hertz), hertz)  # pure, and one sound again and again
    assert again.purity.min() > 0.99
    assert measure.gathered(again.phase) == pytest.approx(1, abs=1e-5)
    assert measure.gathered(fit(frames, hertz).phase) < 0.35


def test_gathered_phases():
    two = torch.tensor([0.4, 0.4 + math.pi]).repeat(50)
    assert float(measure.gathered(two)) == pytest.approx(0, abs=1e-5)
    assert float(measure.gathered(two, turns=2)) == pytest.approx(1, abs=1e-5)
    many = 2 * math.pi * torch.rand(25, 2000, generator=torch.Generator().manual_seed(0))
    expected = math.sqrt(math.pi) / 2 / 5  # of a Rayleigh variable, at 25 phases
    assert measure.gathered(many).shape == (2000,)
    assert float(measure.gathered(many).mean()) == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize(("phase", "turns"), [((), 1), ((0, 3), 1), ((4,), 0), ((4,), 1.5)])
def test_phases_and_turns_have_their_ranges(phase, turns):
    with pytest.raises(ValueError, match="N >= 1, and turns be a whole number"):
        measure.gathered(torch.zeros(phase), turns)


@pytest.mark.parametrize(
    ("sounds", "hertz", "options", "says"),
    [
        (torch.zeros(2, 100), torch.ones(3), {}, r"got \(2, 100\) and \(3,\)"),
        (torch.zeros(100), torch.ones(1), {}, r"got \(100,\)"),
        (torch.zeros(1, 100), torch.tensor([4000.0]), {}, "below 4000"),
        (torch.zeros(1, 100), torch.tensor([0.0]), {}, "above 0"),
        (torch.full((1, 100), math.nan), torch.ones(1), {}, "must be finite"),
        (torch.zeros(1, 100), torch.ones(1), {"envelope": torch.ones(9)}, r"\(100,\); got \(9,\)"),
    ],
)
def test_wrong_arguments_are_explained(sounds, hertz, options, says):
    with pytest.raises(ValueError, match=says):
        fit(sounds, hertz, **options)
