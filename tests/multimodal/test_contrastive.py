"""The two losses against loops over pairs, and retrieval where the truth is known."""

import math

import pytest
import torch
from torch import nn

from course_utils.multimodal import (
    ImageEncoder,
    TextEncoder,
    TwoTowers,
    retrieval,
    same_texts,
    sigmoid_loss,
    softmax_loss,
)


class Known(nn.Module):
    """Two towers whose similarities are given."""

    def __init__(self, logits, bias=0.0):
        super().__init__()
        self.logits, self.bias = logits, torch.tensor(bias)

    def similarities(self, images, tokens):
        return self.logits


def towers():
    torch.manual_seed(0)
    return TwoTowers(TextEncoder(9, 16, 1, 2), ImageEncoder(3, 8, 24), 12)


def batch(num=5):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(num, 3, 8, 8, generator=generator), torch.arange(num)[:, None].repeat(1, 2)


def test_the_softmax_loss_is_two_cross_entropies():
    logits = torch.randn(5, 5, generator=torch.Generator().manual_seed(1))
    rows = [-math.log(math.exp(logits[k, k]) / sum(map(math.exp, logits[k]))) for k in range(5)]
    columns = [
        -math.log(math.exp(logits[k, k]) / sum(map(math.exp, logits[:, k]))) for k in range(5)
    ]
    found = softmax_loss(Known(logits), batch())
    assert found.item() == pytest.approx((sum(rows) + sum(columns)) / 10, abs=1e-5)


def test_the_sigmoid_loss_asks_about_each_pair():
    logits, bias = torch.randn(4, 4, generator=torch.Generator().manual_seed(1)), -0.7
    total = 0.0
    for i in range(4):
        for j in range(4):
            z = (1 if i == j else -1) * (float(logits[i, j]) + bias)
            total += math.log(1 + math.exp(-z))
    found = sigmoid_loss(Known(logits, bias), batch(4))
    assert found.item() == pytest.approx(total / 4, abs=1e-5)


def test_who_knows_nothing_pays_log_b():
    assert softmax_loss(Known(torch.zeros(6, 6)), batch(6)).item() == pytest.approx(math.log(6))


def test_equal_captions_are_both_right():
    images, tokens = batch(3)
    tokens[1] = tokens[0]
    assert same_texts(tokens).tolist() == [[1, 1, 0], [1, 1, 0], [0, 0, 1]]
    sure = torch.tensor([[9.0, 9, 0], [9, 9, 0], [0, 0, 9]])
    assert softmax_loss(Known(sure), (images, tokens)).item() == pytest.approx(
        2 / 3 * math.log(2), abs=1e-3
    )
    assert sigmoid_loss(Known(2 * sure, -9.0), (images, tokens)) < 1e-3
    assert retrieval(Known(sure), images, tokens) == (1.0, 1.0)


def test_retrieval_counts_both_ways():
    logits = torch.tensor([[5.0, 0, 0], [6, 1, 2], [0, 0, 3]])  # rows are images
    images, tokens = batch(3)
    found = retrieval(Known(logits), images, tokens)
    assert found.text_of_image == pytest.approx(2 / 3)
    assert found.image_of_text == pytest.approx(2 / 3)


def test_retrieval_among_nan_or_none_is_refused():
    images, tokens = batch(3)
    logits = torch.tensor([[5.0, 0, 0], [6, float("nan"), 2], [0, 0, 3]])
    with pytest.raises(ValueError, match="similarity is NaN"):
        retrieval(Known(logits), images, tokens)
    with pytest.raises(ValueError, match="at least one"):
        retrieval(Known(logits[:0, :0]), images[:0], tokens[:0])


def test_vectors_have_length_one_and_similarities_are_their_cosines():
    model, (images, tokens) = towers(), batch()
    a, b = model.embed_images(images), model.embed_texts(tokens)
    assert a.shape == b.shape == (5, 12)
    assert torch.allclose(a.norm(dim=1), torch.ones(5), atol=1e-5)
    assert torch.allclose(model.similarities(images, tokens), 10 * a @ b.T, atol=1e-4)


@pytest.mark.parametrize("loss", [softmax_loss, sigmoid_loss])
def test_one_batch_is_learned_and_all_weights_get_a_gradient(loss):
    model, pairs = towers(), batch()
    optimizer = torch.optim.Adam(model.parameters(), 0.02)
    for _ in range(150):
        optimizer.zero_grad()
        loss(model, pairs).backward()
        optimizer.step()
    unused = {"bias"} if loss is softmax_loss else set()
    assert {n for n, p in model.named_parameters() if p.grad is None} == unused
    assert retrieval(model, *pairs) == (1.0, 1.0)


@pytest.mark.parametrize("loss", [softmax_loss, sigmoid_loss])
def test_two_captions_and_one_image_are_refused(loss):
    images, tokens = batch()
    with pytest.raises(ValueError, match="each image needs its one caption; got 1 images and 2"):
        loss(towers(), (images[:1], tokens[:2]))
    with pytest.raises(ValueError, match="got 5 images and 4"):
        retrieval(towers(), images, tokens[:4])
    with pytest.raises(ValueError, match="got 1 parts"):
        loss(towers(), (images,))


def test_images_of_another_shape_are_refused():
    with pytest.raises(ValueError, match="images must have shape"):
        ImageEncoder(3, 8)(torch.zeros(2, 3, 16, 16))
    with pytest.raises(ValueError, match="divisible by 4"):
        ImageEncoder(3, 10)
