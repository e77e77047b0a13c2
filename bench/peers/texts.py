"""Text peers: the nanoGPT recipe on other libraries' decoders, behind two questions.

The recipe is that of nanoGPT's small character example: AdamW (betas 0.9, 0.99; decay 0.1 on
matrices), warm-up and cosine rate, gradients clipped to 1, no dropout, batches of 16 x 128. The
learning rate was picked for this budget on a tuning seed.

Letters: B batch, T tokens, V vocabulary.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.training import warmup_cosine


class TextPeer:
    """What the benchmark asks of a language model."""

    net: nn.Module
    batch_size = 16

    def __init__(self, vocab_size: int, context_length: int, learning_rate: float) -> None:
        self.build(vocab_size, context_length)
        parameters = list(self.net.parameters())
        groups = [
            {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": 0.1},
            {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=learning_rate, betas=(0.9, 0.99), fused=True)
        self.learning_rate = learning_rate

    def build(self, vocab_size: int, context_length: int) -> None:
        """Set `net`: four layers, four heads, width 128."""
        raise NotImplementedError

    def logits(self, tokens: Tensor) -> Tensor:
        """(B, T, V) for tokens (B, T)."""
        raise NotImplementedError

    def step(self, windows: Tensor, share: float) -> None:
        """One training step on windows (B, T + 1) when `share` of the budget is spent."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate * warmup_cosine(share)
        self.net.train()
        logits = self.logits(windows[:, :-1])
        F.cross_entropy(logits.flatten(0, 1), windows[:, 1:].flatten()).backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def generate(self, prompt: Tensor, num: int) -> Tensor:
        """Tokens (B, T + num), greedy, with the library's own cache."""
        raise NotImplementedError


class Transformers(TextPeer):
    """GPT2LMHeadModel."""

    def __init__(
        self, vocab_size: int, context_length: int = 128, learning_rate: float = 3e-3
    ) -> None:
        super().__init__(vocab_size, context_length, learning_rate)

    def build(self, vocab_size: int, context_length: int) -> None:
        from transformers import GPT2Config, GPT2LMHeadModel

        self.net = GPT2LMHeadModel(
            GPT2Config(
                vocab_size=vocab_size,
                n_positions=context_length,
                n_embd=128,
                n_layer=4,
                n_head=4,
                resid_pdrop=0.0,
                embd_pdrop=0.0,
                attn_pdrop=0.0,
                bos_token_id=0,
                eos_token_id=None,
                attn_implementation="sdpa",
            )
        )

    def logits(self, tokens: Tensor) -> Tensor:
        return self.net(tokens, use_cache=False).logits

    def generate(self, prompt: Tensor, num: int) -> Tensor:
        self.net.eval()
        return self.net.generate(
            prompt,
            attention_mask=torch.ones_like(prompt),
            max_new_tokens=num,
            do_sample=False,
            use_cache=True,
            pad_token_id=0,
        )


class XTransformers(TextPeer):
    """x-transformers: TransformerWrapper and Decoder, with torch's fused attention."""

    def __init__(
        self, vocab_size: int, context_length: int = 128, learning_rate: float = 1e-3
    ) -> None:
        super().__init__(vocab_size, context_length, learning_rate)

    def build(self, vocab_size: int, context_length: int) -> None:
        from x_transformers import Decoder, TransformerWrapper

        self.net = TransformerWrapper(
            num_tokens=vocab_size,
            max_seq_len=context_length,
            attn_layers=Decoder(dim=128, depth=4, heads=4, attn_dim_head=32, attn_flash=True),
        )

    def logits(self, tokens: Tensor) -> Tensor:
        return self.net(tokens)

    def generate(self, prompt: Tensor, num: int) -> Tensor:
        from x_transformers import AutoregressiveWrapper

        self.net.eval()
        wrapped = AutoregressiveWrapper(self.net)
        return torch.cat(
            [prompt, wrapped.generate(prompt, num, temperature=0.0, cache_kv=True)], dim=1
        )


PEERS = {"transformers GPT-2": Transformers, "x-transformers": XTransformers}
