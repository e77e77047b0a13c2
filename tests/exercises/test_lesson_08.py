"""Lesson 08's checks: right answers of any style pass, wrong ones do not, however they are made."""

import math

import pytest
import torch
import torch.nn.functional as F
from answering import each, require_passed, require_refused

from course_utils import exercises, layers
from course_utils.exercises.checks import grade

# 08.1


def turn_by_loop(x, speeds):
    result = torch.empty_like(x)
    for t in range(len(x)):
        for p, speed in enumerate(speeds.tolist()):
            a, b = x[t, 2 * p].item(), x[t, 2 * p + 1].item()
            c, s = math.cos(t * speed), math.sin(t * speed)
            result[t, 2 * p], result[t, 2 * p + 1] = a * c - b * s, a * s + b * c
    return result


def turn_by_matrices(x, speeds):
    angles = torch.outer(torch.arange(len(x)).float(), speeds)
    c, s = angles.cos(), angles.sin()
    matrix = torch.stack([torch.stack([c, -s], -1), torch.stack([s, c], -1)], -2)  # (T, P, 2, 2)
    return (matrix @ x.unflatten(1, (-1, 2))[..., None]).flatten(1)


def turn_by_complex_numbers(x, speeds):
    return layers.rotate(x, torch.polar(torch.ones(()), torch.arange(len(x))[:, None] * speeds))


def turn_in_place(x, speeds):
    angles = torch.arange(len(x)).unsqueeze(1) * speeds
    result = torch.empty_like(x)
    result[:, ::2] = x[:, ::2] * angles.cos() - x[:, 1::2] * angles.sin()
    result[:, 1::2] = x[:, ::2] * angles.sin() + x[:, 1::2] * angles.cos()
    return result


def turn_step_by_step(x, speeds):
    """Turns all later rows once more, again and again."""
    result = x.double()
    c, s = speeds.double().cos(), speeds.double().sin()
    for t in range(1, len(x)):
        a, b = result[t:, 0::2].clone(), result[t:, 1::2].clone()
        result[t:, 0::2], result[t:, 1::2] = a * c - b * s, a * s + b * c
    return result


# 08.2


def loss_of(model, texts, **options):
    return F.cross_entropy(model(texts[:, :-1]).mT, texts[:, 1:], **options)


def pieces_by_sums(model, texts, piece_size):
    for p in model.parameters():
        p.grad = None
    count, total = texts[:, 1:].numel(), 0.0
    for start in range(0, len(texts), piece_size):
        loss = loss_of(model, texts[start : start + piece_size], reduction="sum") / count
        loss.backward()
        total += loss.item()
    return total


def pieces_scaled_at_the_end(model, texts, piece_size):
    model.zero_grad(set_to_none=False)
    total = torch.zeros(())
    for piece in texts.split(piece_size):
        loss = loss_of(model, piece, reduction="sum")
        loss.backward()
        total += loss.detach()
    for p in model.parameters():
        p.grad /= texts[:, 1:].numel()
    return total / texts[:, 1:].numel()


def pieces_by_hand(model, texts, piece_size):
    """Adds the gradients up itself."""
    weights = list(model.parameters())
    sums, total = [torch.zeros_like(p) for p in weights], 0.0
    for piece in texts.split(piece_size):
        loss = loss_of(model, piece) * (len(piece) / len(texts))
        for one, grad in zip(sums, torch.autograd.grad(loss, weights), strict=True):
            one += grad
        total += loss.item()
    for p, one in zip(weights, sums, strict=True):
        p.grad = one
    return total


def pieces_one_backward(model, texts, piece_size):
    """The numbers are right, but all graphs are kept until the end: no memory is saved."""
    model.zero_grad()
    losses = [loss_of(model, p, reduction="sum") for p in texts.split(piece_size)]
    loss = torch.stack(losses).sum() / texts[:, 1:].numel()
    loss.backward()
    return loss


def pieces_joined(model, texts, piece_size):
    """One loss of the logits of all pieces: nothing is freed before the end."""
    model.zero_grad()
    logits = torch.cat([model(piece[:, :-1]) for piece in texts.split(piece_size)])
    loss = F.cross_entropy(logits.mT, texts[:, 1:])
    loss.backward()
    return loss.item()


def pieces_looked_at_twice(model, texts, piece_size):
    """Reads each piece again for its loss, with gradients on: wasteful, and right."""
    model.zero_grad()
    total = 0.0
    for piece in texts.split(piece_size):
        (loss_of(model, piece) * len(piece) / len(texts)).backward()
        total += loss_of(model, piece).item() * len(piece) / len(texts)
    return total


def pieces_one_by_one(model, texts, piece_size):
    model.zero_grad()
    total = 0.0
    for text in texts:
        loss = loss_of(model, text[None]) / len(texts)
        loss.backward()
        total += loss.item()
    return total


# 08.3


def once_by_token(model, tokens, context_length, stride):
    """Asks for each token which window counts it."""
    nats = []
    for place in range(1, len(tokens)):
        start = 0
        while start + context_length < place:
            start += stride
        logits = model(tokens[None, start:place])[0, -1]
        nats.append(-logits.log_softmax(-1)[tokens[place]])
    return sum(nats) / len(nats)


def once_with_a_mask(model, tokens, context_length, stride):
    done, total = torch.zeros(len(tokens), dtype=torch.bool), 0.0
    for start in range(0, len(tokens), stride):
        window = tokens[start : start + context_length + 1]
        if len(window) < 2:
            continue
        places = start + torch.arange(1, len(window))
        logs = model(window[:-1].unsqueeze(0)).log_softmax(-1)[0]
        losses = -logs[torch.arange(len(window) - 1), window[1:]]
        total += losses[~done[places]].sum()
        done[places] = True
    return total / done.sum()


def once_with_ignored_targets(model, tokens, context_length, stride):
    """As libraries do it: what was counted becomes -100."""
    total, last, count = 0.0, 0, len(tokens) - 1
    for start in range(0, count, stride):
        end = min(start + context_length, count)
        targets = tokens[start + 1 : end + 1].clone()
        targets[: len(targets) - (end - last)] = -100
        logits = model(tokens[None, start:end])[0]
        losses = F.cross_entropy(logits, targets, reduction="sum", ignore_index=-100)
        total += losses.item()
        last = end
        if end == count:
            break
    return total / count


RIGHT = {
    "08.1": [
        turn_by_loop,
        turn_by_matrices,
        turn_by_complex_numbers,
        turn_in_place,
        turn_step_by_step,
    ],
    "08.2": [
        pieces_by_sums,
        pieces_scaled_at_the_end,
        pieces_by_hand,
        pieces_one_by_one,
        pieces_looked_at_twice,
    ],
    "08.3": [once_by_token, once_with_a_mask, once_with_ignored_targets],
}


def stepping(model, texts, piece_size):
    loss = pieces_by_sums(model, texts, piece_size)
    torch.optim.SGD(model.parameters(), 0.1).step()
    return loss


def with_longer_windows(model, tokens, context_length, stride):
    return once_with_a_mask(model, tokens, context_length + 1, stride)


def without_an_axis(model, tokens, context_length, stride):
    return F.cross_entropy(model(tokens[:-1]), tokens[1:])


def last_stride_of_each(model, tokens, context_length, stride):
    """Right but for a last window that counts tokens again."""
    found = []
    for start in range(0, len(tokens) - 1, stride):
        window = tokens[start : start + context_length + 1]
        losses = F.cross_entropy(model(window[None, :-1])[0], window[1:], reduction="none")
        found.append(losses if not start else losses[-stride:])
    return torch.cat(found).mean()


def with_minus_zero(model, tokens, context_length, stride):
    """losses[-0:] of a window that brings nothing new is all of it."""
    found, counted = [], 0
    for start in range(0, len(tokens) - 1, stride):
        piece = tokens[start : start + context_length + 1]
        losses = F.cross_entropy(model(piece[None, :-1])[0], piece[1:], reduction="none")
        new = start + len(losses) - counted
        found.append(losses[-new:])
        counted += new
    return torch.cat(found).mean()


WRONG = {
    "08.1": [
        lambda x, speeds: x,
        lambda x, speeds: x + torch.arange(len(x))[:, None],
        lambda x, speeds: turn_by_loop(x, 1 / (1 + speeds)),
        lambda x, speeds: turn_by_loop(x, 2 * math.pi * speeds),
        lambda x, speeds: turn_by_loop(x.flip(0), speeds),
        lambda x, speeds: turn_by_loop(x, speeds.flip(0)),
        lambda x, speeds: turn_by_loop(x, torch.logspace(0, -10, len(speeds), base=2)),
        lambda x, speeds: layers.rotate(x, layers.rotations(len(x), x.shape[1], like=x)),
        lambda x, speeds: turn_by_loop(x, speeds).view(len(x), -1, 2),
        lambda x, speeds: turn_by_loop(x, speeds) * 2,
        lambda x, speeds: x.mul_(2) / 2 + turn_by_loop(x, speeds) - x,
    ],
    "08.2": [
        stepping,
        pieces_one_backward,
        pieces_joined,
        lambda m, x, n: loss_of(m, x[:n]).item(),
        lambda m, x, n: float(pieces_by_sums(m, x, n)) * len(x),
        lambda m, x, n: pieces_by_sums(m, x.flip(0)[: len(x) // n * n], n),
        lambda m, x, n: pieces_by_sums(m, x, 2 * n),
        lambda m, x, n: pieces_by_sums(m, x, max(1, n - 1)) and None,
        lambda m, x, n: pieces_by_sums(m, x[:, :-1], n),
        lambda m, x, n: (pieces_by_sums(m, x, n), m.zero_grad())[0],
    ],
    "08.3": [
        with_longer_windows,
        without_an_axis,
        last_stride_of_each,
        with_minus_zero,
        lambda m, x, length, stride: once_by_token(m, x, length, 1),
        lambda m, x, length, stride: once_by_token(m, x, length, max(1, stride - 1)),
        lambda m, x, length, stride: once_by_token(m, x, stride, stride),
        lambda m, x, length, stride: once_by_token(m, x[:-1], length, stride),
        lambda m, x, length, stride: once_by_token(m, x[1:], length, stride),
        lambda m, x, length, stride: loss_of(m, x[None, : length + 1]),
    ],
}


@pytest.mark.parametrize(("exercise", "answer"), each(RIGHT))
def test_a_right_answer_passes(exercise, answer):
    require_passed(exercise, answer)


@pytest.mark.parametrize(("exercise", "answer"), each(WRONG))
def test_a_wrong_answer_does_not(exercise, answer):
    require_refused(exercise, answer)


@pytest.mark.parametrize("answer", [pieces_one_backward, pieces_joined])
def test_who_keeps_all_pieces_is_told_that_no_memory_is_saved(answer):
    assert "backward() on each piece" in str(grade(exercises.find("08.2"), answer))


def test_who_counts_windows_without_news_is_told():
    assert "losses[-0:]" in str(grade(exercises.find("08.3"), with_minus_zero))
