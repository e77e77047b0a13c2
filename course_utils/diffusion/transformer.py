"""A transformer for whatever is cut into tokens. Letters: B batch, T tokens, D width."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.diffusion.inputs import check_labels, check_one_condition, embed_labels
from course_utils.diffusion.tokens import Patches, Tokens
from course_utils.layers import (
    Block,
    Look,
    TextReader,
    check_sizes,
    modulate,
    read_text,
    time_embedding,
    zero,
)


class DiT(nn.Module):
    """A small diffusion transformer: tokens that all see each other.

    Args:
        tokens: how the data is cut: `Patches` of images (the default: 16 x 16 pixels in squares of
            2), `Frames` of sounds, `Clip`, or `Points`. A cloud of points has no order, so its
            tokens get no positions: points in another order give the same answer in that order.
        width: D, even, at least 4, and divisible by `num_heads`. A target that holds the noise
            needs a D of at least the numbers in a token, or not all of it gets through.
        num_layers: number of blocks, at least 1.
        num_heads: attention heads of each, at least 1.
        num_classes: 0 for none; otherwise labels 0 ... num_classes - 1 can be given as
            `cond`, and -1 for an example of which none is known.
        text: a text encoder; `cond` then is int64 tokens (B, L), -1 where there is no word. All
            tokens of all layers look at its words.

    Raises:
        ValueError: a size is out of its range, or `width` is not divisible by `num_heads`.

    Source: Peebles & Xie 2023, arXiv:2212.09748; positions begin as its sines and cosines, and are
    learned, as in a ViT.
    """

    edges = ("enter", "leave")  # not hidden: `training.muon` leaves them to AdamW

    def __init__(
        self,
        tokens: Tokens | None = None,
        *,
        width: int = 128,
        num_layers: int = 4,
        num_heads: int = 4,
        num_classes: int = 0,
        text: TextReader | None = None,
    ) -> None:
        super().__init__()
        check_sizes(num_layers=num_layers)
        check_one_condition(num_classes, text)
        if width < 4 or width % 2:
            raise ValueError(f"width must be even, at least 4; got {width}.")
        self.tokens = tokens = Patches() if tokens is None else tokens
        self.width = width
        self.time = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.label = nn.Embedding(num_classes, width) if num_classes else None
        self.text = text
        self.vector = zero(nn.Linear(text.width, width)) if text is not None else None
        self.looks = nn.ModuleList(
            Look(width, text.width, num_heads) for _ in range(num_layers) if text is not None
        )
        self.enter = nn.Linear(tokens.size, width)
        self.positions = nn.Parameter(tokens.waves(width)) if tokens.ordered else None
        self.blocks = nn.ModuleList(
            Block(width, num_heads, causal=False, conditioned=True) for _ in range(num_layers)
        )
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.modulation = zero(nn.Linear(width, 2 * width))
        self.leave = zero(nn.Linear(width, tokens.size))

    def forward(self, x: Tensor, t: Tensor, cond: Tensor | None = None) -> Tensor:
        """Map x (B, ...), times t (B,), and labels (B,) or texts (B, L), to the shape of x.

        Args:
            x: in the precision of the weights, of the shape that `tokens` cuts.
            t: float32 or float64, whatever x is.
            cond: labels in 0 ... num_classes - 1, or tokens of texts; None says that nothing is
                known.

        Raises:
            ValueError: the data, the times, the labels or the texts do not suit this network.
        """
        h = self.enter(self.tokens.cut(x))  # (B, T, D)
        if t.shape != x.shape[:1]:
            raise ValueError(
                f"t must have shape ({len(x)},), one time per example; got {tuple(t.shape)}."
            )
        text = read_text(self.text, cond, len(x))
        if text is None:
            check_labels(cond, 0 if self.label is None else self.label.num_embeddings, len(x))
        if text is None or self.vector is None:
            known = embed_labels(self.label, cond)
        else:
            known = self.vector(text.vector)
        time = time_embedding(t, self.width, dtype=self.enter.weight.dtype)
        told = F.silu(self.time(time) + known)  # (B, D)
        if self.positions is not None:
            h = h + self.positions
        for index, block in enumerate(self.blocks):
            h = block(h, told)
            if text is not None:
                h = self.looks[index](h, text)
        h = modulate(self.norm(h), *self.modulation(told)[:, None].chunk(2, dim=-1))
        return self.tokens.join(self.leave(h))  # (B, ...)
