"""One transformer with two losses: the next token for text, the noise for patches of an image.

Letters: B batch, L words of a caption, P patches, T places of a sequence, D width, V vocabulary.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.diffusion import Patches
from course_utils.layers import (
    Attention,
    Block,
    check_heads,
    check_sizes,
    rotations,
    time_embedding,
    zero,
)
from course_utils.multimodal.text import NOTHING


def joint_mask(kinds: Tensor) -> Tensor:
    """Who may look at whom: text at what came before, a patch also at all of its own image.

    Args:
        kinds: (B, T) int64: 0 is text, 1 and above the number of an image, -1 padding.

    Returns:
        (B, T, T) bool, row i says what place i sees. Nobody sees padding, but padding sees itself:
        a row that sees nothing has no softmax.

    Raises:
        ValueError: the kinds are not (B, T) whole numbers from -1 up.

    Source: Zhou et al. 2024 (Transfusion), section 3.1 and figure 4, arXiv:2408.11039.
    """
    if kinds.ndim != 2 or kinds.dtype != torch.int64:
        raise ValueError(
            f"kinds must be int64 (B, T); got {kinds.dtype} of shape {tuple(kinds.shape)}."
        )
    if kinds.device.type == "cpu" and kinds.numel() and int(kinds.min()) < -1:
        raise ValueError(f"kinds are -1, 0, 1, ...; got {int(kinds.min())}.")
    num = kinds.shape[1]
    before = torch.ones(num, num, dtype=torch.bool, device=kinds.device).tril()
    same = (kinds[:, :, None] == kinds[:, None, :]) & (kinds > 0)[:, None, :]
    itself = torch.eye(num, dtype=torch.bool, device=kinds.device)
    return ((before | same) & (kinds >= 0)[:, None, :]) | itself


class JointTransformer(nn.Module):
    """Reads captions and images in one sequence; draws, and writes.

    As `forward(x_t, t, cond)` it is a network for `diffusion.Denoiser`: the caption stands before
    the noisy patches. As `write(images, captions)` it is a language model: clean patches stand
    before the caption. Both ways use the same blocks and `joint_mask`.

    Args:
        vocab_size: V words; a start and a stop are added as V and V + 1.
        tokens: how an image is cut; squares of 4 pixels of (3, 16, 16) if None.
        width: D, divisible by 2 num_heads.
        num_layers: blocks.
        num_heads: of each.

    Attributes:
        start: the token before a caption.
        stop: the token after it.

    Raises:
        ValueError: a size is out of its range.

    Source: Zhou et al. 2024, arXiv:2408.11039, section 3.2. A patch is a linear map of its pixels,
    plus what a small convolutional network sees there; its time is added.
    """

    edges = ("enter", "see", "leave", "embed", "logits")

    def __init__(
        self,
        vocab_size: int,
        tokens: Patches | None = None,
        *,
        width: int = 64,
        num_layers: int = 3,
        num_heads: int = 2,
    ) -> None:
        super().__init__()
        check_sizes(vocab_size=vocab_size, num_layers=num_layers)
        check_heads(width, num_heads, rotary=True)
        self.tokens = tokens = Patches(3, 16, 4) if tokens is None else tokens
        self.width, self.head_width = width, width // num_heads
        self.start, self.stop = vocab_size, vocab_size + 1
        self.embed = nn.Embedding(vocab_size + 2, width)
        self.enter = nn.Linear(tokens.size, width)
        self.see = nn.Conv2d(tokens.shape[0], 16, 3, padding=1)
        self.deeper = nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(32, width, tokens.block[-1], stride=tokens.block[-1]),
        )
        self.positions = nn.Parameter(tokens.waves(width))
        self.time = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.blocks = nn.ModuleList(
            Block(width, num_heads, causal=False) for _ in range(num_layers)
        )
        self.norm = nn.LayerNorm(width, bias=False)
        self.leave = zero(nn.Linear(width, tokens.size))
        self.logits = zero(nn.Linear(width, vocab_size + 2, bias=False))

    def forward(self, x: Tensor, t: Tensor, cond: Tensor | None = None) -> Tensor:
        """What the network says of noisy images x (B, C, S, S) at times t (B,).

        Args:
            x: the noisy images.
            t: their times.
            cond: (B, L) captions, -1 where there is no word; None for none.

        Raises:
            ValueError: images, times or captions do not fit each other or this network.
        """
        if cond is None:
            cond = torch.full((len(x), 1), NOTHING, device=x.device)
        words, kinds = self._words(cond, len(x))
        patches = self._patches(x, t)
        ones = kinds.new_ones(len(x), patches.shape[1])
        h = self.mix(torch.cat([words, patches], 1), torch.cat([kinds, ones], 1))
        return self.tokens.join(self.leave(h[:, words.shape[1] :]))

    def write(self, images: Tensor, captions: Tensor) -> Tensor:
        """Logits (B, L + 1, V + 2) for the word after the start, and after each word of a caption.

        Args:
            images: (B, C, S, S), clean.
            captions: (B, L) int64, -1 behind the last word, `start` for a word that is hidden.

        Raises:
            ValueError: images or captions do not fit each other or this network.
        """
        words, kinds = self._words(captions, len(images))
        patches = self._patches(images, images.new_zeros(len(images)))
        num = patches.shape[1]
        ones = kinds.new_ones(len(images), num)
        h = self.mix(torch.cat([patches, words], 1), torch.cat([ones, kinds], 1))
        return self.logits(h[:, num:])

    def _words(self, captions: Tensor, num: int) -> tuple[Tensor, Tensor]:
        """Start and words (B, L + 1, D), and their kinds (B, L + 1)."""
        if captions.ndim != 2 or captions.dtype != torch.int64 or len(captions) != num:
            raise ValueError(
                f"captions must be int64 ({num}, L), one for each image, -1 where there is no "
                f"word; got {captions.dtype} of shape {tuple(captions.shape)}."
            )
        if captions.device.type == "cpu" and captions.numel():
            low, high = (int(end) for end in captions.aminmax())
            if low < NOTHING or high > self.start:
                raise ValueError(
                    f"captions hold words 0 ... {self.start - 1}, {self.start} for a hidden word, "
                    f"or -1; got {low} to {high}."
                )
        tokens = F.pad(captions, (1, 0), value=self.start)
        return self.embed(tokens.clamp(min=0)), torch.where(tokens == NOTHING, -1, 0)

    def _patches(self, x: Tensor, t: Tensor) -> Tensor:
        """(B, P, D): patches, where they stand, and how noisy they are."""
        cut = self.enter(self.tokens.cut(x)) + self.positions
        cut = cut + self.deeper(self.see(x)).flatten(2).mT
        if t.shape != x.shape[:1]:
            raise ValueError(f"t must have shape ({len(x)},); got {tuple(t.shape)}.")
        time = time_embedding(t, self.width, dtype=self.enter.weight.dtype)
        return cut + self.time(time)[:, None]

    def mix(self, x: Tensor, kinds: Tensor) -> Tensor:
        """The blocks over a sequence (B, T, D) of these kinds (B, T)."""
        mask = joint_mask(kinds)[:, None]  # (B, 1, T, T)
        turns = rotations(x.shape[1], self.head_width, like=self.embed.weight)
        for block in self.blocks:
            assert isinstance(block, Block)
            x = x + _attend(block.attention, block.norm_attention(x), turns, mask)
            x = x + block.mlp(block.norm_mlp(x))
        return self.norm(x)


def _attend(layer: Attention, x: Tensor, turns: Tensor, mask: Tensor) -> Tensor:
    """Self-attention of x (B, T, D) under a mask (B, 1, T, T)."""
    mixed = F.scaled_dot_product_attention(*layer.split(x, turns), attn_mask=mask)
    return layer.project(mixed.transpose(1, 2).flatten(2))
