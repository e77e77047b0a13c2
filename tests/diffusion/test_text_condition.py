"""Networks that are told a text: both read it, an empty one is none, labels go on as before."""

import pytest
import torch

from course_utils.diffusion import Cosine, Denoiser, DiT, Guided, Patches, UNet, denoising_loss
from course_utils.diffusion.objective import drop_labels
from course_utils.multimodal import TextEncoder

NETS = {
    "U-Net, looks": lambda text: UNet(3, (8, 16, 16), text=text, num_heads=2),
    "U-Net, vector": lambda text: UNet(3, (8, 16, 16), text=text, look=False),
    "transformer": lambda text: DiT(
        Patches(3, 8, 2), width=16, num_layers=2, num_heads=2, text=text
    ),
}
TOKENS = torch.tensor([[1, 2, 3, -1], [4, 5, -1, -1], [1, 2, 3, 4]])


def made(name):
    torch.manual_seed(0)
    net = NETS[name](TextEncoder(9, 8, 1, 2))
    for p in net.parameters():  # what leaves a part starts at zero
        torch.nn.init.normal_(p, std=0.2)
    return net


@pytest.fixture(params=NETS)
def net(request):
    return made(request.param)


def ask(net, cond):
    x = torch.randn(3, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    return net(x, torch.full((3,), 0.5), cond)


def test_the_text_of_an_example_changes_that_example_alone(net):
    changed = TOKENS.clone()
    changed[1, 0] = 7
    moved = (ask(net, TOKENS) - ask(net, changed)).flatten(1).abs().amax(1)
    assert moved[1] > 1e-4
    assert moved[[0, 2]].max() < 1e-5


def test_no_text_is_an_empty_text_of_any_length(net):
    assert torch.allclose(ask(net, None), ask(net, torch.full((3, 5), -1)), atol=1e-5)


def test_looks_are_what_the_vector_alone_has_not():
    looks, vector = made("U-Net, looks"), made("U-Net, vector")
    assert len(looks.looks) == 4
    assert len(vector.looks) == 0


def test_before_training_nothing_is_said_and_the_text_changes_nothing():
    net = NETS["transformer"](TextEncoder(9, 8, 1, 2))
    assert not ask(net, TOKENS).any()


def test_guidance_and_hidden_texts(net):
    model = Denoiser(net, Cosine(), predicts="v")
    x = torch.randn(3, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    told = model(x, 0.5, TOKENS).x0_hat
    untold = model(x, 0.5, torch.full_like(TOKENS, -1)).x0_hat
    guided = Guided(model, 3.0)(x, 0.5, TOKENS)
    assert torch.allclose(guided.x0_hat, untold + 3 * (told - untold), atol=1e-4)
    assert guided.calls == 2
    loss = denoising_loss(model, (x, TOKENS), drop=0.5)
    loss.backward()
    assert all(p.grad is not None for p in net.parameters())


def test_a_text_is_hidden_whole():
    torch.manual_seed(0)
    dropped = drop_labels(TOKENS.repeat(100, 1), 0.5)
    hidden = (dropped == -1).all(1)
    assert 100 < hidden.sum() < 200
    assert torch.equal(dropped[~hidden], TOKENS.repeat(100, 1)[~hidden])


@pytest.mark.parametrize(
    "cond", [torch.zeros(3).long(), torch.zeros(3, 4), torch.zeros(2, 4).long()]
)
def test_what_is_no_text_is_refused(net, cond):
    with pytest.raises(ValueError, match=r"reads texts: cond must be int64 tokens \(3"):
        ask(net, cond)


def test_labels_and_a_text_are_refused():
    with pytest.raises(ValueError, match="told labels or a text, not both"):
        UNet(3, (8,), 10, text=TextEncoder(9, 8, 1, 2))
    with pytest.raises(ValueError, match="told labels or a text, not both"):
        DiT(num_classes=10, text=TextEncoder(9, 8, 1, 2))
