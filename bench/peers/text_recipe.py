"""What the recipe, the optimizer and the code of the course buy for text, each taken away alone.

Peers' decoders, in the shape of ours (two layers of 176, two heads, rotary positions, ReLU, no
biases, branches that start at zero, and the look at the token before where the library has one),
are trained by the whole recipe of the course: Muon, batches of 8 x 128, a rate that falls to zero.
Ours is trained with AdamW instead. `recipe` does the same for images.
"""

from __future__ import annotations

from functools import partial

from torch import Tensor, nn

from course_utils import training
from course_utils.layers import zero
from peers.borrowed import Borrowed
from peers.ours import Writer

WIDTH, LAYERS, HEADS = 176, 2, 2


class Writing(Borrowed):
    """A decoder asked as ours is, net(tokens) -> logits; its last layer starts at zero."""

    def __init__(self, net: nn.Module, first: str, last: str) -> None:
        super().__init__(net, first, last)
        zero(net.get_submodule(last))


class XTransformersNet(Writing):
    """x-transformers with all that it has of our GPT; it shifts half of the features instead."""

    def __init__(self, vocab_size: int, context_length: int) -> None:
        from x_transformers import Decoder, TransformerWrapper

        layers = Decoder(
            dim=WIDTH,
            depth=LAYERS,
            heads=HEADS,
            attn_dim_head=WIDTH // HEADS,
            attn_flash=True,
            rotary_pos_emb=True,
            rotary_emb_dim=WIDTH // HEADS,
            shift_tokens=1,
            zero_init_branch_output=True,
            ff_custom_activation=nn.ReLU(),
            ff_no_bias=True,
        )
        net = TransformerWrapper(
            num_tokens=vocab_size, max_seq_len=context_length, attn_layers=layers
        )
        super().__init__(net, "token_emb.emb", "to_logits")

    def forward(self, tokens: Tensor) -> Tensor:
        return self.net(tokens)


class NeoXNet(Writing):
    """transformers' GPT-NeoX, which is ours without the look at the token before."""

    def __init__(self, vocab_size: int, context_length: int) -> None:
        from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

        config = GPTNeoXConfig(
            vocab_size=vocab_size,
            max_position_embeddings=context_length,
            hidden_size=WIDTH,
            num_hidden_layers=LAYERS,
            num_attention_heads=HEADS,
            intermediate_size=4 * WIDTH,
            hidden_act="relu",
            rotary_pct=1.0,
            attention_bias=False,
            use_parallel_residual=False,
            bos_token_id=0,
            eos_token_id=None,
            attn_implementation="sdpa",
        )
        super().__init__(GPTNeoXForCausalLM(config), "gpt_neox.embed_in", "lm_head")
        for layer in self.net.gpt_neox.layers:
            zero(layer.attention.dense)
            zero(layer.mlp.dense_4h_to_h)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.net(tokens, use_cache=False).logits


# The rate was the best of 2e-3, 4e-3, 8e-3 and 1.6e-2 after 20 CPU s on a tuning seed.
WITH_ADAMW = {"ours, AdamW": partial(Writer, optimizer=training.adamw, learning_rate=4e-3)}
TAUGHT = {
    "x-transformers, our recipe": partial(Writer, network=XTransformersNet),
    "transformers GPT-NeoX, our recipe": partial(Writer, network=NeoXNet),
}
