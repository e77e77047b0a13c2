"""The GPT of the course with one part exchanged: what `runs` compares."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from torch import Tensor, nn
from torch.optim import Optimizer

from course_utils.language import GPT, GPTConfig
from course_utils.training import adamw, muon

LENGTH = 128  # of the context


def plain(vocab_size: int, width: int, num_layers: int = 2, kind: type[GPT] = GPT) -> GPT:
    """An untrained GPT with two heads."""
    config = GPTConfig(
        vocab_size, context_length=LENGTH, num_layers=num_layers, num_heads=2, width=width
    )
    return kind(config)


class NoPlaces(GPT):
    """A GPT without rotary positions, that still looks at the token before."""

    def _turns(self, *_: object) -> None:
        return None


class LearnedPlaces(NoPlaces):
    """A GPT with a learned vector for each position, as GPT-2 has."""

    edges = (*GPT.edges, "place")

    def __init__(self, config: GPTConfig) -> None:
        super().__init__(config)
        self.place = nn.Embedding(config.context_length, config.width)
        nn.init.normal_(self.place.weight, std=0.02)
        self.embed.register_forward_hook(self.placed)

    def placed(self, _: nn.Module, __: object, vectors: Tensor) -> Tensor:
        """The embeddings (B, T, D) with those of their positions added."""
        return vectors + self.place.weight[: vectors.shape[1]]


def no_look_back(vocab_size: int, width: int) -> GPT:
    """A GPT that does not join an embedding with the one before."""
    model = plain(vocab_size, width)
    assert model.previous is not None
    model.previous.requires_grad_(False)  # it stays at zero
    return model


def as_gpt2(vocab_size: int, width: int) -> GPT:
    """A GPT that starts as GPT-2 does: small random weights, in the outputs too."""
    model = plain(vocab_size, width)
    for name, p in model.named_parameters():
        if p.ndim == 2:
            leaves = name.endswith(("project.weight", "mlp.2.weight"))
            nn.init.normal_(p, std=0.02 / math.sqrt(2 * len(model.blocks)) if leaves else 0.02)
    return model


def random_outputs(vocab_size: int, width: int) -> GPT:
    """A GPT whose outputs start as torch fills a linear map, not at zero."""
    model = plain(vocab_size, width)
    for name, p in model.named_parameters():
        if name.endswith(("project.weight", "mlp.2.weight", "logits.weight")):
            nn.init.kaiming_uniform_(p, a=math.sqrt(5))
    return model


def with_gelu(vocab_size: int, width: int) -> GPT:
    """A GPT with GELU in place of ReLU."""
    model = plain(vocab_size, width)
    for block in model.blocks:
        mlp = block.get_submodule("mlp")
        assert isinstance(mlp, nn.Sequential)
        mlp[1] = nn.GELU()
    return model


def narrow(vocab_size: int, width: int) -> GPT:
    """A GPT of four layers with about as many weights as two of this width."""
    return plain(vocab_size, 4 * round(width / math.sqrt(2) / 4), num_layers=4)


Maker = Callable[[int, int, float], tuple[GPT, Optimizer]]


def under(
    make: Callable[[int, int], GPT], optimizer: Callable[[nn.Module, float], Optimizer] = muon
) -> Maker:
    """A network and its optimizer, for a vocabulary, a width and a rate."""

    def made(vocab_size: int, width: int, rate: float) -> tuple[GPT, Optimizer]:
        model = make(vocab_size, width)
        return model, optimizer(model, rate)

    return made


VARIANTS: Mapping[str, Maker] = {
    "all": under(plain),
    "AdamW": under(plain, adamw),
    "no look at the token before": under(no_look_back),
    "no positions": under(lambda v, d: plain(v, d, kind=NoPlaces)),
    "learned positions": under(lambda v, d: plain(v, d, kind=LearnedPlaces)),
    "first weights as in GPT-2": under(as_gpt2),
    "outputs that start at random": under(random_outputs),
    "four narrow layers": under(narrow),
    "GELU": under(with_gelu),
}
