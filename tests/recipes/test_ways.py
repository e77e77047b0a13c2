"""Ways to write, and pixels as tokens: what they refuse, and that tokens give the image back."""

import pytest
import torch

from course_utils.recipes import pixels, ways


@pytest.mark.parametrize(("way", "passes"), [("blocks of 5", 10), ("left to right", 5)])
def test_passes_that_blocks_cannot_share_are_refused(way, passes):
    with pytest.raises(ValueError, match="Take a multiple of"):
        ways.write(ways.model(way, width=16), way, 2, passes)


@pytest.mark.parametrize("way", ways.WAYS)
def test_every_way_writes_twenty_tokens(way):
    texts = ways.write(ways.model(way, width=16).eval(), way, 3)
    assert texts.shape == (3, ways.LENGTH)
    assert not (texts == ways.MASK).any() or way == "left to right"


def test_tokens_give_the_greys_back():
    greys = torch.tensor([-1, -1 / 3, 1 / 3, 1])[torch.randint(4, (5, 1, 16, 16))]
    tokens = pixels.to_tokens(greys, torch.arange(5))
    assert tokens[:, 0].tolist() == [4, 5, 6, 7, 8]
    assert torch.allclose(pixels.to_images(tokens), greys)


@pytest.mark.parametrize("labels", [torch.tensor([12]), torch.tensor([-5]), torch.tensor([1.0])])
def test_labels_that_are_none_are_refused(labels):
    with pytest.raises(ValueError, match="labels must be whole numbers 0"):
        pixels.to_tokens(torch.zeros(1, 1, 16, 16), labels)


def test_images_of_nan_or_another_size_are_refused():
    with pytest.raises(ValueError, match="hold NaN"):
        pixels.to_tokens(torch.full((1, 1, 16, 16), torch.nan), torch.tensor([1]))
    with pytest.raises(ValueError, match="Use load_digits"):
        pixels.to_tokens(torch.zeros(1, 1, 8, 8), torch.tensor([1]))
