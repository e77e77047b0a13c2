"""Lesson 12's checks: right answers of any style pass, wrong ones do not, however they are made."""

import math

import pytest
import torch
import torch.nn.functional as F
from answering import each, require_passed, require_refused

# 12.1


def recall_by_loop(similarities, k):
    right = 0
    for i, row in enumerate(similarities.tolist()):
        right += sum(value >= row[i] for value in row) <= k
    return right / len(similarities)


def recall_by_rank(similarities, k):
    own = torch.diagonal(similarities)
    others = (similarities >= own.unsqueeze(1)).sum(dim=1) - 1
    return (others < k).float().mean()


def recall_by_sorting(similarities, k):
    ordered = similarities.sort(descending=True).values
    if k == len(similarities):
        return 1.0
    return float((similarities.diagonal() > ordered[:, k]).float().mean())


def recall_of_ones(similarities, k):
    return 1.0


def recall_nearest(similarities, k):
    return (similarities.argmax(1) == torch.arange(len(similarities))).float().mean().item()


def recall_above_mean(similarities, k):
    return (similarities.diagonal() > similarities.mean(1)).float().mean().item()


# 12.2


def pairs_by_loop(images, texts, same, scale, bias):
    total = 0.0
    for i in range(len(images)):
        for j in range(len(texts)):
            z = scale * (images[i] * texts[j]).sum() + bias
            total = total + F.softplus(-z if same[i, j] else z)
    return total / len(images)


def pairs_by_library(images, texts, same, scale, bias):
    logits = scale * images @ texts.T + bias
    each = F.binary_cross_entropy_with_logits(logits, same.float(), reduction="none")
    return each.sum() / len(images)


def pairs_by_softplus(images, texts, same, scale, bias):
    logits = scale * images @ texts.T + bias
    return F.softplus((1 - 2 * same.float()) * logits).sum(dim=1).mean()


def pairs_detached(images, texts, same, scale, bias):
    return pairs_by_library(images, texts, same, scale, bias).detach()


def pairs_clamped(images, texts, same, scale, bias):
    logits = (scale * images @ texts.T + bias).clamp(-20, 20)
    return F.softplus((1 - 2 * same.float()) * logits).sum(dim=1).mean()


def pairs_exchanged(images, texts, same, scale, bias):
    return pairs_by_library(texts, images, same, scale, bias)


def pairs_softmax(images, texts, same, scale, bias):
    logits = scale * images @ texts.T + bias
    return F.cross_entropy(logits, torch.arange(len(images)))


# 12.3


def look_by_einsum(x, words, seen, w_q, w_k, w_v, num_heads):
    b, c, h, w = x.shape
    q = torch.einsum("bchw,cd->bhwd", x, w_q).reshape(b, h * w, num_heads, c // num_heads)
    k = (words @ w_k).reshape(b, -1, num_heads, c // num_heads)
    v = (words @ w_v).reshape(b, -1, num_heads, c // num_heads)
    scores = torch.einsum("bnhk,blhk->bhnl", q, k) / (c // num_heads) ** 0.5
    scores = scores.masked_fill(~seen[:, None, None, :], -math.inf)
    weights = torch.where(seen.any(1)[:, None, None, None], scores.softmax(-1), 0.0)
    found = torch.einsum("bhnl,blhk->bnhk", weights, v).reshape(b, h, w, c)
    return x + found.permute(0, 3, 1, 2)


def look_by_torch(x, words, seen, w_q, w_k, w_v, num_heads):
    places = x.flatten(2).transpose(1, 2)
    q, k, v = (
        p.view(len(x), -1, num_heads, x.shape[1] // num_heads).transpose(1, 2)
        for p in (places @ w_q, words @ w_k, words @ w_v)
    )
    mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=seen[:, None, None, :])
    mixed = torch.where(seen.any(1)[:, None, None, None], mixed, torch.zeros(()))
    return x + mixed.transpose(1, 2).reshape(places.shape).transpose(1, 2).reshape(x.shape)


def look_by_loop(x, words, seen, w_q, w_k, w_v, num_heads):
    out = x.clone()
    width = x.shape[1] // num_heads
    for b in range(len(x)):
        there = words[b][seen[b]]
        if not len(there):
            continue
        for head in range(num_heads):
            part = slice(head * width, (head + 1) * width)
            q = x[b].flatten(1).T @ w_q[:, part]
            k, v = there @ w_k[:, part], there @ w_v[:, part]
            found = (q @ k.T / math.sqrt(width)).softmax(1) @ v
            out[b, part] += found.T.reshape(width, *x.shape[2:])
    return out


def look_with_nan(x, words, seen, w_q, w_k, w_v, num_heads):
    places = x.flatten(2).mT
    q, k, v = (
        p.unflatten(-1, (num_heads, -1)).transpose(1, 2)
        for p in (places @ w_q, words @ w_k, words @ w_v)
    )
    scores = (q @ k.mT / math.sqrt(q.shape[-1])).masked_fill(~seen[:, None, None], -math.inf)
    return x + (scores.softmax(-1) @ v).transpose(1, 2).flatten(2).mT.unflatten(2, x.shape[2:])


def look_transposed_back(x, words, seen, w_q, w_k, w_v, num_heads):
    right = look_by_loop(x, words, seen, w_q, w_k, w_v, num_heads) - x
    return x + right.flatten(2).mT.reshape(x.shape)


def look_fifty_lower(x, words, seen, w_q, w_k, w_v, num_heads):
    places = x.flatten(2).mT
    q, k, v = (
        p.unflatten(-1, (num_heads, -1)).transpose(1, 2)
        for p in (places @ w_q, words @ w_k, words @ w_v)
    )
    scores = q @ k.mT / math.sqrt(q.shape[-1])
    weights = scores.masked_fill(~seen[:, None, None], -50.0).softmax(-1)
    weights = weights * seen.any(1)[:, None, None, None]
    return x + (weights @ v).transpose(1, 2).flatten(2).mT.unflatten(2, x.shape[2:])


def look_at_nothing(x, *_):
    return x


RIGHT = {
    "12.1": [recall_by_loop, recall_by_rank, recall_by_sorting],
    "12.2": [pairs_by_loop, pairs_by_library, pairs_by_softplus],
    "12.3": [look_by_einsum, look_by_torch, look_by_loop],
}
WRONG = {
    "12.1": [recall_of_ones, recall_nearest, recall_above_mean],
    "12.2": [pairs_detached, pairs_clamped, pairs_exchanged, pairs_softmax],
    "12.3": [look_with_nan, look_transposed_back, look_fifty_lower, look_at_nothing],
}


@pytest.mark.parametrize(("exercise", "answer"), each(RIGHT))
def test_right_answers_of_other_styles_pass(exercise, answer):
    require_passed(exercise, answer)


@pytest.mark.parametrize(("exercise", "answer"), each(WRONG))
def test_wrong_answers_do_not(exercise, answer):
    require_refused(exercise, answer)
