"""Exercise 08.2: the gradient of a large batch, read in pieces."""

from collections.abc import Callable
from typing import Any
from weakref import WeakSet

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.exercises import Exercise, Mistake, WrongAnswer


def read_in_pieces(model: nn.Module, texts: Tensor, piece_size: int) -> float:
    """The gradient of the mean loss, piece by piece."""
    return _pieces(model, texts, piece_size, lambda piece: len(piece) / len(texts))


def _pieces(
    model: nn.Module,
    texts: Tensor,
    piece_size: int,
    share: Callable[[Tensor], float],
    *,
    clear_first: bool = True,
    clear_each: bool = False,
    keep_rest: bool = True,
    backward: bool = True,
) -> float:
    """The loop, with each of its steps as something that can go wrong."""
    if clear_first:
        model.zero_grad()
    total = 0.0
    for piece in texts.split(piece_size):
        if len(piece) < piece_size and not keep_rest and len(texts) > piece_size:
            break
        if clear_each:
            model.zero_grad()
        loss = _loss(model, piece) * share(piece)
        if backward:
            loss.backward()
        total += loss.item()
    return total


def _loss(model: nn.Module, texts: Tensor) -> Tensor:
    return F.cross_entropy(model(texts[:, :-1]).flatten(0, 1), texts[:, 1:].flatten())


def _whole(model: nn.Module, texts: Tensor, piece_size: int) -> float:
    """All at once."""
    model.zero_grad()
    loss = _loss(model, texts)
    loss.backward()
    return loss.item()


def _last_loss(model: nn.Module, texts: Tensor, piece_size: int) -> float:
    """The right gradient, and the loss of the last piece."""
    read_in_pieces(model, texts, piece_size)
    with torch.no_grad():
        return _loss(model, texts.split(piece_size)[-1]).item()


class Texts:
    """Some texts that were read; it lives as long as anything is kept for their backward pass."""

    def __init__(self, size: int) -> None:
        self.size = size


class Counting(nn.Module):
    """A small model that notes how many texts it was shown, and has to keep, at once."""

    def __init__(self, vocab_size: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocab_size, 5)
        self.logits = nn.Linear(5, vocab_size)
        self.most = self.kept = 0
        self.open: WeakSet[Texts] = WeakSet()  # read, and kept for a backward pass

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits (B, T, V) from the mean of all embeddings so far."""
        self.most = max(self.most, len(tokens))
        self.kept = max(self.kept, len(tokens) + sum(texts.size for texts in self.open))
        texts = Texts(len(tokens))
        self.open.add(texts)
        count = torch.arange(1, tokens.shape[1] + 1)[:, None]
        with torch.autograd.graph.saved_tensors_hooks(lambda x: (texts, x), lambda pair: pair[1]):
            return self.logits(self.embed(tokens).cumsum(1) / count)


def gradients(
    answer: Callable[[nn.Module, Tensor, int], Any],
    vocab_size: int,
    texts: Tensor,
    piece_size: int,
) -> tuple[Any, list[Tensor]]:
    """What the function returns, and the gradients that it leaves behind."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = Counting(vocab_size)
        before = [p.detach().clone() for p in model.parameters()]
        for p in model.parameters():
            p.grad = torch.randn_like(p)  # of an earlier step
    loss = answer(model, texts, piece_size)
    if model.most > piece_size:
        raise WrongAnswer(
            f"{model.most} texts were read at once, with room for {piece_size} only. "
            "texts.split(piece_size) gives the pieces."
        )
    # Twice: the piece before may still have a name when the next one is read.
    if model.kept > 2 * piece_size:
        raise WrongAnswer(
            f"{model.kept} texts are kept at once for a backward pass, with room for {piece_size}. "
            "Call backward() on each piece before the next is read: that frees it."
        )
    if not all(map(torch.equal, before, model.parameters())):
        raise WrongAnswer("the weights have changed. Leave the gradients only; no step is asked.")
    if isinstance(loss, Tensor) and loss.requires_grad:
        loss = loss.detach()
    missing = torch.zeros(())
    return loss, [missing if p.grad is None else p.grad for p in model.parameters()]


def texts_cases() -> list[tuple[Any, ...]]:
    """Pieces that fit, a rest, a rest of one, one piece, pieces of one, more room than texts."""
    return [
        (7, torch.randint(7, (6, 5)), 2),
        (7, torch.randint(7, (7, 4)), 3),
        (11, torch.randint(11, (10, 9)), 4),
        (5, torch.randint(5, (3, 6)), 1),
        (9, torch.randint(9, (4, 3)), 4),
        (4, torch.randint(4, (2, 8)), 5),
    ]


PIECES = Exercise(
    id="08.2",
    title="the gradient of a batch, read in pieces",
    reference=read_in_pieces,
    cases=texts_cases,
    probe=gradients,
    mistakes=[
        Mistake(
            "the sum of the means",
            lambda m, x, n: _pieces(m, x, n, lambda piece: 1.0),
            "The means of the pieces are added up, so the gradient is too large by the number of "
            "pieces. Weigh each by its share of the texts.",
        ),
        Mistake(
            "the mean of the means",
            lambda m, x, n: _pieces(m, x, n, lambda piece: 1 / -(-len(x) // n)),
            "All pieces count alike. A short last piece must count less: weigh each by "
            "len(piece) / len(texts).",
        ),
        Mistake(
            "divided by the room",
            lambda m, x, n: _pieces(m, x, n, lambda piece: n / len(x)),
            "Each piece counts as if it were full. The last may be shorter: "
            "len(piece) / len(texts).",
        ),
        Mistake(
            "sums instead of means",
            lambda m, x, n: _pieces(m, x, n, lambda piece: piece[:, 1:].numel()),
            "This is the sum over all tokens. Divide by their number.",
        ),
        Mistake(
            "old gradients stay",
            lambda m, x, n: _pieces(m, x, n, lambda piece: len(piece) / len(x), clear_first=False),
            "The gradients of an earlier step are still in it. Clear them once, before the first "
            "piece.",
        ),
        Mistake(
            "cleared before each piece",
            lambda m, x, n: _pieces(m, x, n, lambda piece: len(piece) / len(x), clear_each=True),
            "Only the last piece is left in the gradient: it is cleared before each. Clear it "
            "once, before the first.",
        ),
        Mistake(
            "the rest left out",
            lambda m, x, n: _pieces(
                m, x, n, lambda piece: len(piece) / (len(x) - len(x) % n or len(x)), keep_rest=False
            ),
            "A last piece that is smaller is left out. It counts too.",
        ),
        Mistake(
            "no backward",
            lambda m, x, n: _pieces(m, x, n, lambda piece: len(piece) / len(x), backward=False),
            "The loss is right, but the gradients are zero: call backward() on each piece, and "
            "clear old gradients only before the first.",
        ),
        Mistake(
            "the loss of the last piece",
            _last_loss,
            "The gradients are right. The loss that you return is that of the last piece; add up "
            "all of them, each times its share.",
        ),
        Mistake(
            "all at once",
            _whole,
            "All texts are read at once, and there is room for piece_size only. "
            "texts.split(piece_size) gives the pieces.",
        ),
    ],
)
