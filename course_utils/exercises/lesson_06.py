"""Exercises of lesson 06: token prediction."""

import math
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from course_utils.exercises import Exercise, Mistake, gradient
from course_utils.language.byte_pairs import merge

Pair = tuple[int, int]
INF = float("inf")


# 06.1


def temper(scores: Tensor, temperature: float) -> Tensor:
    """softmax(scores / temperature); at 0 all probability on the best token."""
    if temperature == 0:
        return one_hot(scores.argmax(-1), scores.shape[-1]).to(scores.dtype)
    return (scores / temperature).softmax(dim=-1)


def positive(formula: Callable[[Tensor, float], Tensor]) -> Callable[[Tensor, float], Tensor]:
    """The formula, beside a right answer at temperature 0."""
    return lambda scores, temperature: (
        formula(scores, temperature) if temperature else temper(scores, 0)
    )


def normalised(weights: Tensor, **options: Any) -> Tensor:
    """Weights over their sum; the options are those of the sum."""
    return weights / weights.sum(**options)


def score_cases() -> list[tuple[Any, ...]]:
    """Mild scores of several shapes; impossible tokens; scores that overflow exp; temperature 0."""
    impossible = torch.tensor([[0.0, -INF, 2.0, -1e4], [-INF, -1.0, 0.0, -INF]])
    extreme = torch.tensor([[1e4, 1e4 - 1, -1e4], [-1e4, -1e4 - 2, -1e4 - 1]])
    return [
        (torch.randn(2, 5), 1.0),
        (3 * torch.randn(4, 4), 0.5),
        (torch.randn(1, 7), 2.0),
        (impossible, 0.7),
        (extreme, 1.5),
        (torch.randn(3, 6), 0),
        (impossible, 0),
    ]


# 06.2


def encode(piece: list[int], merges: list[Pair]) -> list[int]:
    """All merges in the order in which they were learned."""
    for number, pair in enumerate(merges):
        piece = merge(piece, pair, 256 + number)
    return list(piece)


def encode_with(join: Callable[[list[int], Pair, int], list[int]]) -> Callable[..., list[int]]:
    """The right loop over the merges around a way to join one pair."""

    def answer(piece: list[int], merges: list[Pair]) -> list[int]:
        for number, pair in enumerate(merges):
            piece = join(piece, pair, 256 + number)
        return list(piece)

    return answer


def join_overlapping(tokens: list[int], pair: Pair, new: int) -> list[int]:
    """A token may belong to two pairs: 7 7 7 becomes two new tokens."""
    hits = {i for i, two in enumerate(pairwise(tokens)) if two == pair}
    gone = {i + 1 for i in hits}
    return [new if i in hits else t for i, t in enumerate(tokens) if i in hits or i not in gone]


def join_without_skipping(tokens: list[int], pair: Pair, new: int) -> list[int]:
    """The right neighbour of a joined pair stays in the text."""
    after = [*tokens[1:], None]
    return [new if two == pair else two[0] for two in zip(tokens, after, strict=True)]


def join_first_only(tokens: list[int], pair: Pair, new: int) -> list[int]:
    """Stops after the first pair."""
    for i, two in enumerate(pairwise(tokens)):
        if two == pair:
            return [*tokens[:i], new, *tokens[i + 2 :]]
    return tokens


def join_losing_the_last(tokens: list[int], pair: Pair, new: int) -> list[int]:
    """Stops one place early, where no pair can begin, and drops what stands there."""
    joined, position = [], 0
    while position < len(tokens) - 1:
        found = tuple(tokens[position : position + 2]) == pair
        joined.append(new if found else tokens[position])
        position += 2 if found else 1
    return joined


def join_from_the_right(tokens: list[int], pair: Pair, new: int) -> list[int]:
    """In 7 7 7 the last two are joined instead of the first two."""
    return merge(tokens[::-1], pair[::-1], new)[::-1]


def encode_backwards(piece: list[int], merges: list[Pair]) -> list[int]:
    """The newest merge first."""
    for number in reversed(range(len(merges))):
        piece = merge(piece, merges[number], 256 + number)
    return list(piece)


def encode_longest(piece: list[int], merges: list[Pair]) -> list[int]:
    """At each place the longest token that fits, read from left to right."""
    pieces: list[tuple[int, ...]] = [(value,) for value in range(256)]
    for left, right in merges:
        pieces.append(pieces[left] + pieces[right])
    tokens, position = [], 0
    while position < len(piece):
        fits = [t for t, p in enumerate(pieces) if tuple(piece[position : position + len(p)]) == p]
        tokens.append(max(fits, key=lambda token: len(pieces[token])))
        position += len(pieces[tokens[-1]])
    return tokens


def encode_most_frequent(piece: list[int], merges: list[Pair]) -> list[int]:
    """Of the known pairs the one that is most frequent in this piece, again and again."""
    numbers = {pair: 256 + number for number, pair in enumerate(merges)}
    while known := Counter(pair for pair in pairwise(piece) if pair in numbers):
        best = known.most_common(1)[0][0]
        piece = merge(piece, best, numbers[best])
    return list(piece)


def encode_wrong_numbers(piece: list[int], merges: list[Pair]) -> list[int]:
    """Every new token has the number 256."""
    for pair in merges:
        piece = merge(piece, pair, 256)
    return list(piece)


def piece_cases() -> list[tuple[Any, ...]]:
    """Runs of three and four, merges of merges, competing merges, the end of a piece, no text."""
    banana = [(97, 110), (256, 256), (98, 257)]
    competing = [(101, 114), (104, 101), (116, 257), (258, 256)]  # er, he, t+he, the+er
    return [
        (list(b"banana band"), banana),
        (list(b"aaaa"), [(97, 97), (256, 256)]),
        (list(b"aaabaaaa"), [(97, 97)]),
        (list(b"there, the hero, her"), competing),
        (list(b"hererer"), competing),
        (list("für zwölf Wölfe".encode()), [(195, 182), (256, 108), (195, 188)]),
        ([1, 11, 111, 1, 1, 11], [(1, 11), (11, 1)]),
        (list(b"no pair here"), [(0, 1)]),
        (list(b"as it was"), []),
        ([], banana),
        (list(b"she sells sea shells " * 20), [(115, 104), (256, 101), (108, 108), (32, 115)]),
    ]


# 06.3


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean of -log softmax(logits) at the targets, in nats."""
    return -picked(logits.log_softmax(dim=-1), targets).mean()


def loss_and_gradient(
    cross_entropy: Callable[[Tensor, Tensor], Tensor], logits: Tensor, targets: Tensor
) -> tuple[Tensor, Tensor]:
    """The loss, and what a network would learn from it: its gradient by the logits."""
    logits = logits.clone().requires_grad_()
    loss = cross_entropy(logits, targets)
    return loss, gradient(loss, logits)


def picked(values: Tensor, targets: Tensor) -> Tensor:
    """The values (B, T, V) at the targets: (B, T)."""
    return values.gather(-1, targets.unsqueeze(-1)).squeeze(-1)


def through_one_hot(logits: Tensor, targets: Tensor) -> Tensor:
    """A sum over one-hot targets: -inf * 0 is not a number."""
    return -(logits.log_softmax(-1) * one_hot(targets, logits.shape[-1])).sum(-1).mean()


def logit_cases() -> list[tuple[Any, ...]]:
    """Few tokens, a cube of equal sides, impossible tokens, scores that overflow or vanish."""
    mild = [
        (spread * torch.randn(batch, length, vocab), torch.randint(vocab, (batch, length)))
        for batch, length, vocab, spread in ((2, 3, 5, 1.0), (4, 4, 4, 3.0), (1, 9, 12, 0.0))
    ]
    impossible = torch.tensor([[[0.0, -INF, 1.0], [2.0, 0.5, -INF]]])
    huge, tiny = torch.tensor([[[1e4, 1e4 - 1, 0.0]]]), torch.tensor([[[0.0, -1e4, 1.0, 2.0]]])
    return [
        *mild,
        (impossible, torch.tensor([[0, 1]])),
        (huge, torch.tensor([[1]])),
        (tiny, torch.tensor([[1]])),
    ]


# 06.4


def back_off(text: list[int], context: list[int], vocab_size: int, strength: float) -> Tensor:
    """From uniform over the empty context to the whole one, each level mixed into the next."""
    probs = torch.full((vocab_size,), 1 / vocab_size)
    for length in range(len(context) + 1):
        counts = followers(text, context[len(context) - length :], vocab_size)
        probs = (counts + strength * probs) / (counts.sum() + strength)
    return probs


def followers(text: list[int], context: list[int], vocab_size: int) -> Tensor:
    """(V,) how often each token comes after the context."""
    size = len(context)
    after = [text[i] for i in range(size, len(text)) if text[i - size : i] == context]
    return torch.bincount(torch.tensor(after, dtype=torch.long), minlength=vocab_size).float()


def mixed(
    contexts: Callable[[list[int]], list[list[int]]],
    mix: Callable[[Tensor, Tensor, float], Tensor] = lambda counts, probs, strength: (
        (counts + strength * probs) / (counts.sum() + strength)
    ),
    bottom: Callable[[int], Tensor] = lambda vocab_size: torch.full((vocab_size,), 1 / vocab_size),
) -> Callable[..., Tensor]:
    """An answer from the contexts it counts in their order, a mixing rule, and a lowest level."""

    def answer(text: list[int], context: list[int], vocab_size: int, strength: float) -> Tensor:
        probs = bottom(vocab_size)
        for part in contexts(context):
            probs = mix(followers(text, part, vocab_size), probs, strength)
        return probs

    return answer


def suffixes(context: list[int]) -> list[list[int]]:
    """[], the last token, the last two, ..., the whole context."""
    return [context[i:] for i in range(len(context), -1, -1)]


def back_off_counting_the_end(
    text: list[int], context: list[int], vocab_size: int, strength: float
) -> Tensor:
    """Divides by how often the context occurs, also at the end, where nothing follows."""
    probs = torch.full((vocab_size,), 1 / vocab_size)
    for part in suffixes(context):
        at_end = bool(part) and text[-len(part) :] == part
        total = followers(text, part, vocab_size).sum() + at_end
        probs = (followers(text, part, vocab_size) + strength * probs) / (total + strength)
    return probs


def back_off_adding_up(
    text: list[int], context: list[int], vocab_size: int, strength: float
) -> Tensor:
    """The counts of the shorter contexts are still in those of the longer ones."""
    probs, counts = torch.full((vocab_size,), 1 / vocab_size), torch.zeros(vocab_size)
    for part in suffixes(context):
        counts = counts + followers(text, part, vocab_size)
        probs = (counts + strength * probs) / (counts.sum() + strength)
    return probs


def count_cases() -> list[tuple[Any, ...]]:
    """Contexts seen, unseen and empty, at the end of the text, in runs; large ids; no text."""
    run = [5, 5, 5, 5, 2, 5, 5]
    long = torch.randint(3, (300,)).tolist()
    large = [11, 1, 11, 10, 1, 11, 1, 10, 11, 1, 11]
    return [
        ([0, 1, 2, 0, 1, 3, 0, 1], [0, 1], 4, 2.0),
        ([0, 1, 2, 0, 1, 2, 3, 1, 0], [3, 2], 5, 0.5),
        (run, [5, 5], 6, 1.0),
        (run, [], 6, 3.0),
        (run, [4, 5], 6, 8.0),
        (large, [1, 11], 12, 1.0),
        (large, [10, 1, 11], 14, 4.0),
        (long, long[40:44], 3, 16.0),
        ([2, 0, 2], [1, 2, 0, 2], 3, 0.25),
        ([], [1], 4, 1.0),
    ]


# 06.5


def bits_a_byte(losses: Tensor, text: str) -> Tensor:
    """The nats of all tokens, in bits, over the bytes of the text."""
    return losses.sum() / (math.log(2) * len(text.encode()))


def loss_cases() -> list[tuple[Any, ...]]:
    """Letters of one byte and of several, one token, a certain text, a long one."""
    return [
        (torch.tensor([0.5, 2.0, 1.5]), "Mia found"),
        (torch.tensor([3.0]), "Zoë"),
        (torch.tensor([4.0, 0.1, 0.0, 2.5]), "東京 🦜"),
        (torch.zeros(5), "certain"),
        (5 * torch.rand(400), "a kite and a drum, née élan. " * 30),
    ]


EXERCISES = [
    Exercise(
        id="06.1",
        title="probabilities at a temperature",
        reference=temper,
        cases=score_cases,
        tolerance=1e-3,  # a difference of large scores keeps no more digits
        mistakes=[
            Mistake(
                "temperature zero forgotten",
                lambda scores, temperature: (scores / temperature).softmax(-1),
                "Temperature 0 divides by zero. There the best token gets probability 1, by an if.",
            ),
            Mistake(
                "temperature ignored",
                positive(lambda scores, temperature: scores.softmax(-1)),
                "The temperature changes nothing. Divide the scores by it before the softmax.",
            ),
            Mistake(
                "multiplied",
                positive(lambda scores, temperature: (scores * temperature).softmax(-1)),
                "A high temperature must make the choice more even, so divide by it.",
            ),
            Mistake(
                "divided too late",
                positive(lambda scores, temperature: scores.softmax(-1) / temperature),
                "The probabilities were divided, and add up to 1 no longer. Divide the scores.",
            ),
            Mistake(
                "softmax over the texts",
                positive(lambda scores, temperature: (scores / temperature).softmax(0)),
                "The softmax ran over the texts of the batch. Run it over the vocabulary, dim=-1.",
            ),
            Mistake(
                "one sum for all texts",
                positive(
                    lambda scores, temperature: normalised(
                        (scores / temperature - scores.max() / temperature).exp()
                    )
                ),
                "All rows together add up to 1. Each row must: sum over the vocabulary only.",
            ),
            Mistake(
                "sum without keepdim",
                positive(
                    lambda scores, temperature: normalised((scores / temperature).exp(), dim=-1)
                ),
                "The sums, one a row, were laid along the columns. Keep their axis: "
                ".sum(dim=-1, keepdim=True).",
            ),
            Mistake(
                "exp overflows",
                positive(
                    lambda scores, temperature: normalised(
                        (scores / temperature).exp(), dim=-1, keepdim=True
                    )
                ),
                "exp of a large score is infinite, and inf / inf is not a number. Subtract each "
                "row's largest score first, or use torch's softmax.",
            ),
            Mistake(
                "whole numbers at zero",
                lambda scores, temperature: (
                    temper(scores, temperature)
                    if temperature
                    else one_hot(scores.argmax(-1), scores.shape[-1])
                ),
                "At temperature 0 these are whole numbers. Probabilities are floating point: "
                "add .float().",
            ),
            Mistake(
                "place of the best at zero",
                lambda scores, temperature: (
                    temper(scores, temperature) if temperature else scores.argmax(-1)
                ),
                "At temperature 0 that is the number of the best token. Return probabilities: 1 "
                "at that place, 0 at the others.",
            ),
        ],
    ),
    Exercise(
        id="06.2",
        title="a piece of text in byte-pair tokens",
        reference=encode,
        cases=piece_cases,
        mistakes=[
            Mistake(
                "nothing joined",
                lambda piece, merges: list(piece),
                "Nothing was joined. A slice of a list never equals a tuple: write "
                "tuple(piece[i : i + 2]) == pair.",
            ),
            Mistake(
                "newest merge first",
                encode_backwards,
                "The newest merge came first. Its parts do not exist yet: go in the order learned.",
            ),
            Mistake(
                "longest token first",
                encode_longest,
                "That takes the longest token that fits at each place. Byte pairs do the merges in "
                "the order learned, wherever they stand in the text.",
            ),
            Mistake(
                "most frequent pair first",
                encode_most_frequent,
                "That joins what is frequent in this text. Encoding counts nothing: the order of "
                "the merges was fixed when they were learned.",
            ),
            Mistake(
                "all new tokens alike",
                encode_wrong_numbers,
                "Every new token got the number 256. Merge number i makes token 256 + i.",
            ),
            Mistake(
                "numbers from zero",
                lambda piece, merges: [t - 256 if t >= 256 else t for t in encode(piece, merges)],
                "New tokens start at 256, after all the bytes: merge number i makes 256 + i.",
            ),
            Mistake(
                "last token lost",
                encode_with(join_losing_the_last),
                "The last token is gone. It begins no pair, but it stays in the text.",
            ),
            Mistake(
                "second token kept",
                encode_with(join_without_skipping),
                "The right half of a joined pair is still there. After a pair go on two places.",
            ),
            Mistake(
                "overlapping pairs",
                encode_with(join_overlapping),
                "A token was used twice: a a a holds one pair (a, a) and an a that is left over.",
            ),
            Mistake(
                "first pair only",
                encode_with(join_first_only),
                "Each merge joined one pair only. Go on to the end of the text.",
            ),
            Mistake(
                "from the right",
                encode_with(join_from_the_right),
                "In a a a the last two were joined. Read from left to right: the first two.",
            ),
        ],
    ),
    Exercise(
        id="06.3",
        title="cross-entropy of the next token, in nats",
        reference=cross_entropy,
        cases=logit_cases,
        probe=loss_and_gradient,
        tolerance=1e-3,  # a difference of large scores keeps no more digits
        mistakes=[
            Mistake(
                "missing minus",
                lambda logits, targets: -cross_entropy(logits, targets),
                "The sign is turned around: a log-probability is negative, a loss is positive.",
            ),
            Mistake(
                "bits",
                lambda logits, targets: cross_entropy(logits, targets) / math.log(2),
                "That is in bits, from log2. Nats need the natural logarithm.",
            ),
            Mistake(
                "softmax over the places",
                lambda logits, targets: -picked(logits.log_softmax(dim=1), targets).mean(),
                "The softmax ran over the places of the text. Run it over the vocabulary, dim=-1.",
            ),
            Mistake(
                "softmax over the batch",
                lambda logits, targets: -picked(logits.log_softmax(dim=0), targets).mean(),
                "The softmax ran over the texts of the batch. Run it over the vocabulary, dim=-1.",
            ),
            Mistake(
                "sum instead of mean",
                lambda logits, targets: cross_entropy(logits, targets) * targets.numel(),
                "That is the sum over all tokens. The loss is the mean, in nats a token.",
            ),
            Mistake(
                "mean over the batch only",
                lambda logits, targets: cross_entropy(logits, targets) * targets.shape[1],
                "That is the loss of a whole text. Divide by the number of tokens too.",
            ),
            Mistake(
                "not averaged",
                lambda logits, targets: -picked(logits.log_softmax(dim=-1), targets),
                "Right for each token. One number is asked: take the mean.",
            ),
            Mistake(
                "no softmax",
                lambda logits, targets: -picked(logits, targets).mean(),
                "Those are the logits themselves. log_softmax turns them into log-probabilities.",
            ),
            Mistake(
                "no logarithm",
                lambda logits, targets: -picked(logits.softmax(dim=-1), targets).mean(),
                "That is the mean probability. Take the logarithm of each before the mean.",
            ),
            Mistake(
                "logarithm of the mean",
                lambda logits, targets: -picked(logits.softmax(dim=-1), targets).mean().log(),
                "The logarithm came after the mean. First -log p of each token, then the mean.",
            ),
            Mistake(
                "a number without a gradient",
                lambda logits, targets: cross_entropy(logits, targets).item(),
                "The number is right, but no gradient flows from it, and a network could learn "
                "nothing. Return the tensor: leave out .item() and float().",
            ),
            Mistake(
                "softmax twice",
                lambda logits, targets: cross_entropy(logits.softmax(dim=-1), targets),
                "The softmax was taken twice. Cross-entropy takes the logits as they are.",
            ),
            Mistake(
                "averaged over the vocabulary",
                lambda logits, targets: -logits.log_softmax(dim=-1).mean(),
                "All tokens of the vocabulary count here. Pick the target's log-probability alone.",
            ),
            Mistake(
                "probability vanished",
                lambda logits, targets: -picked(logits.softmax(dim=-1), targets).log().mean(),
                "A tiny probability was rounded to 0, and its logarithm is -inf. log_softmax "
                "never leaves the logarithms.",
            ),
            Mistake(
                "exp overflows",
                lambda logits, targets: (
                    -picked(normalised(logits.exp(), dim=-1, keepdim=True), targets).log().mean()
                ),
                "exp of a large logit is infinite, and inf / inf is not a number. log_softmax "
                "subtracts the largest logit first.",
            ),
            Mistake(
                "logsumexp by hand overflows",
                lambda logits, targets: (
                    logits.exp().sum(-1).log() - picked(logits, targets)
                ).mean(),
                "exp of a large logit is infinite, and so is the loss. torch.logsumexp subtracts "
                "the largest logit first.",
            ),
            Mistake(
                "-inf * 0",
                through_one_hot,
                "An impossible token has the log-probability -inf, and -inf * 0 is not a number. "
                "Pick the target by gather instead of multiplying by one-hot rows.",
            ),
        ],
    ),
    Exercise(
        id="06.4",
        title="the next token, by counts that help each other out",
        reference=back_off,
        cases=count_cases,
        tolerance=1e-5,
        mistakes=[
            Mistake(
                "slice from -0",
                mixed(lambda context: [context[-size:] for size in range(len(context) + 1)]),
                "context[-0:] is the whole context, not the empty one. Write "
                "context[len(context) - length :].",
            ),
            Mistake(
                "from the longest to the shortest",
                mixed(lambda context: suffixes(context)[::-1]),
                "The longest context was counted first. Begin at the uniform level, so that the "
                "whole context has the last word.",
            ),
            Mistake(
                "oldest tokens kept",
                mixed(lambda context: [context[:size] for size in range(len(context) + 1)]),
                "The shorter contexts lost their newest token. Leave out the oldest one.",
            ),
            Mistake(
                "whole context only",
                mixed(lambda context: [context]),
                "Only the whole context was counted. Where it is rare, the context without its "
                "oldest token must help out, and so on.",
            ),
            Mistake(
                "empty context left out",
                mixed(lambda context: suffixes(context)[1:]),
                "The empty context was left out: how often each token occurs anywhere.",
            ),
            Mistake(
                "no uniform level",
                mixed(suffixes, bottom=torch.zeros),
                "The lowest level is missing. Begin with probability 1 / V for every token.",
            ),
            Mistake(
                "strength missing below",
                mixed(
                    suffixes,
                    lambda counts, probs, strength: (
                        (counts + strength * probs) / counts.sum().clamp(min=1)
                    ),
                ),
                "The probabilities do not add up to 1. The strength belongs under the line too.",
            ),
            Mistake(
                "shorter context only where nothing was seen",
                mixed(
                    suffixes,
                    lambda counts, probs, strength: (
                        counts / counts.sum() if counts.any() else probs
                    ),
                ),
                "One sighting of a context replaced all the shorter ones. Mix the two by the "
                "formula.",
            ),
            Mistake(
                "counts replaced by shares",
                mixed(
                    suffixes,
                    lambda counts, probs, strength: (
                        (counts / counts.sum().clamp(min=1) + strength * probs)
                        / (counts.any() + strength)
                    ),
                ),
                "A context seen once weighs as much as one seen often. Mix the counts, not shares.",
            ),
            Mistake(
                "context at the end counted",
                back_off_counting_the_end,
                "The context at the end of the text was counted, but nothing follows it. "
                "c(h) is the number of tokens that followed h.",
            ),
            Mistake(
                "counts not emptied",
                back_off_adding_up,
                "The counts of the shorter contexts are still in those of the longer ones. "
                "Start each length with zeros.",
            ),
        ],
    ),
    Exercise(
        id="06.5",
        title="bits for each byte of a text",
        reference=bits_a_byte,
        cases=loss_cases,
        mistakes=[
            Mistake(
                "characters",
                lambda losses, text: losses.sum() / (math.log(2) * len(text)),
                "That divides by characters. ë has two bytes, 東 three: len(text.encode()).",
            ),
            Mistake(
                "nats",
                lambda losses, text: losses.sum() / len(text.encode()),
                "Those are nats for each byte. A bit is log 2 = 0.69 nats.",
            ),
            Mistake(
                "log 2 on the wrong side",
                lambda losses, text: losses.sum() * math.log(2) / len(text.encode()),
                "A bit is smaller than a nat, so there are more of them: divide by log 2.",
            ),
            Mistake(
                "mean of the losses",
                lambda losses, text: losses.mean() / (math.log(2) * len(text.encode())),
                "The mean was divided by the length once more. The text costs the sum.",
            ),
            Mistake(
                "bits a token",
                lambda losses, text: losses.mean() / math.log(2),
                "Those are bits a token. Divide the bits of the whole text by its bytes.",
            ),
        ],
    ),
]
