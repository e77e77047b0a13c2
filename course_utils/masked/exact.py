"""The masked model known in closed form: the best that any network can do on a known language.

It answers like a trained `MaskedLM`, so every order, sampler and bound works on it.
Letters: B batch, T tokens, N texts, V vocabulary.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.language.inputs import check_batch, check_length, check_vocabulary


class ExactMaskedLM(nn.Module):
    """The exact p(token | what is seen) for each hidden token of a finite language.

    Of all texts it keeps those that fit what is seen, each as likely as it was, and asks what they
    say at the hidden places. If none fits, since words were drawn that cannot stand together, it
    takes those with the fewest misfits.

    Args:
        texts: (N, T) int64, all texts of the language; none holds the mask.
        probs: (N,) how likely each is, above 0; normalised here.
        mask_id: what stands for a hidden token; the vocabulary is that of the texts and the mask.

    Raises:
        ValueError: shapes do not match, a probability is not above 0, or a text holds the mask.

    Source: the counterpart of `diffusion.GaussianMixtureDenoiser`; Bayes' rule.
    """

    MISFIT = 40.0  # nats for each seen token that a text does not have: e^-40 is as good as never

    def __init__(self, texts: Tensor, probs: Tensor, mask_id: int) -> None:
        super().__init__()
        check_batch(texts)
        if probs.shape != texts.shape[:1] or not bool((probs > 0).all()):
            raise ValueError(
                f"probs must be above 0, one for each of {len(texts)} texts; got shape "
                f"{tuple(probs.shape)}. Leave out what cannot be said."
            )
        if mask_id < 0 or bool((texts == mask_id).any()):
            raise ValueError(f"mask_id must be a token that no text holds; got {mask_id}.")
        self.mask_id, self.context_length = mask_id, texts.shape[1]
        self.vocab_size = max(mask_id, int(texts.max())) + 1
        self.says: Tensor
        self.log_probs: Tensor
        self.register_buffer("says", F.one_hot(texts, self.vocab_size).float().flatten(1))
        self.register_buffer("log_probs", (probs / probs.sum()).log().float())

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits (B, T, V), the log of the probability of each token at each place.

        Raises:
            ValueError: tokens (B, T) have another length than the texts, or one is unknown.
        """
        check_batch(tokens)
        check_vocabulary(tokens, self.vocab_size)
        check_length(tokens.shape[1], self.context_length)
        if tokens.shape[1] != self.context_length:
            raise ValueError(
                f"each text of this language has {self.context_length} tokens; got "
                f"{tokens.shape[1]}. Hide what is missing."
            )
        seen = tokens != self.mask_id  # (B, T)
        asked = F.one_hot(tokens, self.vocab_size).float() * seen[..., None]  # (B, T, V)
        misfits = seen.sum(1, keepdim=True) - asked.flatten(1) @ self.says.T  # (B, N)
        weights = (self.log_probs - self.MISFIT * misfits).softmax(-1)  # (B, N)
        return (weights @ self.says).view(*tokens.shape, -1).log()

    def check_text(self, tokens: Tensor) -> None:
        """Raise ValueError if a text (B, T) that is to be hidden holds the mask already."""
        if bool((tokens == self.mask_id).any()):
            raise ValueError(f"the text holds token {self.mask_id}, the mask: give whole texts.")
