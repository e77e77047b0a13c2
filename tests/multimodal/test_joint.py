"""One transformer with two losses: who sees whom, what leaks, and that both sides learn."""

import pytest
import torch
from torch import nn

from course_utils.diffusion import Cosine, Denoiser, Patches, UNet, denoising_loss
from course_utils.language import WordTokenizer
from course_utils.multimodal import (
    JointTransformer,
    caption_loss,
    describe,
    joint_loss,
    joint_mask,
)

WORDS = WordTokenizer(["a", "b", "c", "d"])
CAPTIONS = torch.tensor([[0, 1, 2], [3, 2, -1]])


def made(seed=0):
    torch.manual_seed(seed)
    net = JointTransformer(4, Patches(3, 8, 4), width=16, num_layers=2, num_heads=2)
    for p in net.parameters():  # outputs start at zero
        nn.init.normal_(p, std=0.25)
    return net


def images(seed=1):
    return torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(seed))


def test_the_mask_is_written_out():
    kinds = torch.tensor([[0, 1, 1, 0, 2, 2, -1]])
    assert joint_mask(kinds)[0].int().tolist() == [
        [1, 0, 0, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0, 0],
        [1, 1, 1, 1, 0, 0, 0],
        [1, 1, 1, 1, 1, 1, 0],
        [1, 1, 1, 1, 1, 1, 0],
        [1, 1, 1, 1, 1, 1, 1],
    ]


@pytest.mark.parametrize("kinds", [torch.zeros(3).long(), torch.zeros(2, 3), torch.tensor([[-2]])])
def test_kinds_that_are_none_are_refused(kinds):
    with pytest.raises(ValueError, match="kinds"):
        joint_mask(kinds)


def test_a_word_sees_the_image_and_the_words_before_alone():
    net, x = made(), images()
    logits = net.write(x, CAPTIONS)
    assert logits.shape == (2, 4, 6)
    for place in range(3):
        other = CAPTIONS.clone()
        other[0, place] = (other[0, place] + 1) % 4
        moved = (net.write(x, other) - logits)[0].abs().amax(-1)
        assert moved[: place + 1].max() < 1e-5
        assert moved[place + 1] > 1e-4
    brighter = x.clone()
    brighter[0, :, 7, 7] += 1
    assert (net.write(brighter, CAPTIONS) - logits)[0].abs().amax(-1).min() > 1e-5


def test_every_patch_sees_all_patches_and_the_caption():
    net, x, t = made(), images(), torch.full((2,), 0.5)
    said = net(x, t, CAPTIONS)
    assert said.shape == x.shape
    brighter = x.clone()
    brighter[0, :, 7, 7] += 1
    moved = (net(brighter, t, CAPTIONS) - said).abs().amax(1)
    assert moved[0, :4, :4].max() > 1e-5  # the first patch noticed the last one
    assert moved[1].max() < 1e-5
    other = CAPTIONS.clone()
    other[0, 2] = 3
    assert (net(x, t, other) - said)[0].abs().max() > 1e-5


def test_padding_changes_nothing_and_no_caption_is_an_empty_one():
    net, x, t = made(), images(), torch.full((2,), 0.5)
    longer = torch.cat([CAPTIONS, torch.full((2, 2), -1)], dim=1)
    assert torch.allclose(net.write(x, longer)[:, :3], net.write(x, CAPTIONS)[:, :3], atol=1e-5)
    assert torch.allclose(net(x, t), net(x, t, torch.full((2, 1), -1)), atol=1e-6)


def test_the_loss_is_both():
    model = Denoiser(made(), Cosine(), predicts="v")
    batch = (images(), CAPTIONS)
    torch.manual_seed(0)
    written = caption_loss(model, batch)
    drawn = denoising_loss(model, batch, drop=0.1)
    torch.manual_seed(0)
    assert joint_loss(model, batch, weight=5.0).item() == pytest.approx(
        (written + 5 * drawn).item(), rel=1e-5
    )


def test_the_caption_loss_by_hand():
    net = made()
    model = Denoiser(net, Cosine(), predicts="v")
    logs = net.write(images(), CAPTIONS).log_softmax(-1)
    targets = [[0, 1, 2, 5], [3, 2, 5]]  # 5 stops
    said = [-logs[row, k, t] for row, line in enumerate(targets) for k, t in enumerate(line)]
    found = caption_loss(model, (images(), CAPTIONS), hide=0.0)
    assert found.item() == pytest.approx(torch.stack(said).mean().item(), rel=1e-5)


def test_both_sides_learn_and_all_weights_get_a_gradient():
    torch.manual_seed(0)
    net = JointTransformer(4, Patches(3, 8, 4), width=16, num_layers=1, num_heads=2)
    model = Denoiser(net, Cosine(), predicts="v")
    pictures = torch.zeros(2, 3, 8, 8)
    pictures[0, 0], pictures[1, 1] = 1.0, 1.0
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(150):
        optimizer.zero_grad()
        joint_loss(model, (pictures, CAPTIONS)).backward()
        optimizer.step()
    assert all(p.grad is not None for p in model.parameters())
    assert describe(model.eval(), WORDS, pictures, most=3) == ["a b c", "d c"]


def test_what_does_not_fit_is_refused():
    model, x = Denoiser(made(), Cosine(), predicts="v"), images()
    with pytest.raises(ValueError, match="one for each image"):
        model.net.write(x, CAPTIONS[:1])
    with pytest.raises(ValueError, match="captions hold words 0"):
        model.net.write(x, CAPTIONS + 4)
    with pytest.raises(ValueError, match=r"t must have shape \(2,\)"):
        model.net(x, torch.zeros(3), CAPTIONS)
    with pytest.raises(ValueError, match="each image needs its one caption"):
        caption_loss(model, (x[:1], CAPTIONS))
    with pytest.raises(ValueError, match="hide must lie in"):
        caption_loss(model, (x, CAPTIONS), hide=1.5)
    with pytest.raises(ValueError, match="weight must be"):
        joint_loss(model, (x, CAPTIONS), weight=-1.0)
    with pytest.raises(ValueError, match="JointTransformer; got UNet"):
        describe(Denoiser(UNet(3, (8,)), Cosine()), WORDS, x)


@pytest.mark.parametrize("row", [[1, -1, 2], [-1, 1, 2], [1, "start", 2]])
def test_captions_with_gaps_or_a_start_are_not_learned(row):
    model = Denoiser(made(), Cosine(), predicts="v")
    captions = torch.tensor([[model.net.start if word == "start" else word for word in row]] * 2)
    with pytest.raises(ValueError, match="behind their last word only, and no start"):
        caption_loss(model, (images()[:2], captions))


def test_images_of_nan_are_not_described():
    words = WordTokenizer.train("a red circle")
    with pytest.raises(ValueError, match="images hold NaN"):
        describe(
            Denoiser(made(), Cosine(), predicts="v"),
            words,
            torch.full_like(images()[:1], float("nan")),
        )


@pytest.mark.parametrize("weight", [-1.0, float("inf"), float("nan")])
def test_weights_that_are_none_are_refused(weight):
    with pytest.raises(ValueError, match="weight must be >= 0 and finite"):
        joint_loss(
            Denoiser(made(), Cosine(), predicts="v"),
            (images()[:2], torch.tensor([[1], [2]])),
            weight=weight,
        )
