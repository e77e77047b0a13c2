"""Exercises of lesson 05: right answers in many hands pass, wrong ones do not."""

import pytest
import torch

from course_utils.diffusion import Clip
from course_utils.exercises import find
from course_utils.exercises.checks import grade
from course_utils.measure import track

# 05.1


def by_named_axes(tokens, shape, span, patch):
    f, c, h, w = shape
    x = tokens.view(len(tokens), f // span, h // patch, w // patch, span, c, patch, patch)
    return x.permute(0, 1, 4, 5, 2, 6, 3, 7).reshape(len(tokens), f, c, h, w)


def by_loops(tokens, shape, span, patch):
    f, c, h, w = shape
    clips, number = torch.empty(len(tokens), f, c, h, w), 0
    for i in range(0, f, span):
        for j in range(0, h, patch):
            for k in range(0, w, patch):
                piece = tokens[:, number].reshape(-1, span, c, patch, patch)
                clips[:, i : i + span, :, j : j + patch, k : k + patch] = piece
                number += 1
    return clips


def by_concatenation(tokens, shape, span, patch):
    f, c, h, w = shape
    pieces = tokens.unflatten(2, (span, c, patch, patch))
    pieces = pieces.unflatten(1, (f // span, h // patch, w // patch))
    rows = torch.cat(pieces.unbind(3), dim=-1)  # along the columns
    sheets = torch.cat(rows.unbind(2), dim=-2)
    return torch.cat(sheets.unbind(1), dim=1)


def by_two_transposes(tokens, shape, span, patch):
    f, c, h, w = shape
    x = tokens.reshape(-1, f // span, h // patch, w // patch, span * c, patch, patch)
    x = x.movedim(4, 2).transpose(4, 5)  # B f kc h p w q
    return x.reshape(-1, *shape)


def by_einsum(tokens, shape, span, patch):
    f, c, h, w = shape
    x = tokens.reshape(-1, f // span, h // patch, w // patch, span, c, patch, patch)
    return torch.einsum("nfhwkcpq->nfkchpwq", x).reshape(len(tokens), *shape)


def by_pixel_shuffle(tokens, shape, span, patch):
    f, _c, h, w = shape
    x = tokens.unflatten(1, (f // span, -1)).flatten(0, 1)  # (B f, hw, K)
    x = x.transpose(1, 2).unflatten(2, (h // patch, w // patch))
    return torch.nn.functional.pixel_shuffle(x, patch).reshape(-1, *shape)


def only_square(tokens, shape, span, patch):
    f, c, _h, _w = shape
    side = round((tokens.shape[1] / (f // span)) ** 0.5)
    x = tokens.reshape(-1, f // span, side, side, span, c, patch, patch)
    return x.permute(0, 1, 4, 5, 2, 6, 3, 7).reshape(len(tokens), f, c, side * patch, -1)


def one_channel(tokens, shape, span, patch):
    f, _, h, w = shape
    x = tokens.reshape(-1, f // span, h // patch, w // patch, span, 1, patch, patch)
    return x.permute(0, 1, 4, 5, 2, 6, 3, 7).reshape(-1, f, 1, h, w)


def each_frame_alone(tokens, shape, span, patch):
    return by_named_axes(tokens, shape, 1, patch)


def flat(tokens, shape, span, patch):
    return tokens.reshape(-1, *shape)


def spatial_first(tokens, shape, span, patch):
    f, c, h, w = shape
    x = tokens.reshape(-1, h // patch, w // patch, f // span, span, c, patch, patch)
    return x.permute(0, 3, 4, 5, 1, 6, 2, 7).reshape(-1, *shape)


def wrong_shape_order(tokens, shape, span, patch):
    return by_named_axes(tokens, shape, span, patch).transpose(1, 2)


# 05.2


def by_two_sums(frames):
    ink = frames.squeeze(2).add(1).div(2)
    total = ink.sum(dim=(-1, -2))
    x = torch.einsum("bfhw,w->bf", ink, torch.arange(ink.shape[-1], dtype=ink.dtype)) / total
    y = torch.einsum("bfhw,h->bf", ink, torch.arange(ink.shape[-2], dtype=ink.dtype)) / total
    return torch.stack((x, y), -1)


def by_grid(frames):
    ink = (frames[:, :, 0] + 1) / 2
    down, right = torch.meshgrid(
        torch.arange(ink.shape[2]), torch.arange(ink.shape[3]), indexing="ij"
    )
    places = torch.stack([right, down], dim=-1).float()  # (H, W, 2)
    weighted = (ink[..., None] * places).sum((2, 3))
    return weighted / ink.sum((2, 3))[..., None]


def by_share(frames):
    ink = ((frames + 1) / 2)[:, :, 0].flatten(2)
    share = ink / ink.sum(2, keepdim=True)
    number = torch.arange(share.shape[2])
    width = frames.shape[-1]
    return torch.stack([(share * (number % width)).sum(2), (share * (number // width)).sum(2)], 2)


def frame_by_frame(frames):
    found = torch.full((*frames.shape[:2], 2), float("nan"))
    for b, clip in enumerate(frames):
        for f, (frame,) in enumerate(clip):
            ink = (frame + 1) / 2
            if ink.sum() > 0:
                found[b, f, 0] = (ink.sum(0) @ torch.arange(frame.shape[1]).float()) / ink.sum()
                found[b, f, 1] = (ink.sum(1) @ torch.arange(frame.shape[0]).float()) / ink.sum()
    return found


def without_half(frames):  # the half cancels
    ink = frames[:, :, 0] + 1
    right, down = (torch.arange(n).float() for n in (ink.shape[3], ink.shape[2]))
    total = ink.sum((2, 3))
    return torch.stack([(ink.sum(2) @ right) / total, (ink.sum(3) @ down) / total], dim=2)


def swapped(frames):
    return by_two_sums(frames).flip(-1)


def raw_values(frames):
    return by_two_sums(2 * frames - 1)


def with_epsilon(frames):
    ink = (frames[:, :, 0] + 1) / 2
    total = ink.sum((2, 3)) + 1e-6
    right, down = (torch.arange(n).float() for n in (ink.shape[3], ink.shape[2]))
    return torch.stack([(ink.sum(2) @ right) / total, (ink.sum(3) @ down) / total], dim=2)


def square_only(frames):
    ink = (frames[:, :, 0] + 1) / 2
    line = torch.arange(ink.shape[3]).float()
    total = ink.sum((2, 3))
    down = (ink.sum(3)[..., : len(line)] @ line[: ink.shape[2]]) / total
    return torch.stack([(ink.sum(2) @ line) / total, down], dim=2)


def thresholded(frames):
    return by_two_sums((frames > 0).float() * 2 - 1)


def middle_of_the_box(frames):
    ink = frames[:, :, 0] > -1
    found = []
    for axis in (2, 3):
        seen = ink.any(axis).float()
        line = torch.arange(seen.shape[2]).float()
        last, first = (seen * line).amax(2), (line + 99 * (1 - seen)).amin(2)
        found.append((first + last) / 2)
    return torch.stack(found, dim=2)


# 05.3


def by_counts(denoise, x, window, hop):
    starts = [*range(0, x.shape[1] - window, hop), x.shape[1] - window]
    total, count = torch.zeros_like(x), torch.zeros_like(x)
    for s in starts:
        total[:, s : s + window] = total[:, s : s + window] + denoise(x[:, s : s + window])
        count[:, s : s + window] += 1
    return total / count


def by_padding_guesses(denoise, x, window, hop):
    length, guesses, seen = x.shape[1], [], []
    starts = list(range(0, length - window + 1, hop))
    if (length - window) % hop:
        starts += [length - window]
    for s in starts:
        around = (s, length - window - s)
        said = denoise(x[:, s : s + window])
        guesses.append(torch.nn.functional.pad(said, around))
        seen.append(torch.nn.functional.pad(torch.ones_like(said), around))
    return sum(guesses) / sum(seen)


def by_nanmean(denoise, x, window, hop):
    starts = sorted({*range(0, x.shape[1] - window + 1, hop), x.shape[1] - window})
    said = torch.full((len(starts), *x.shape), float("nan"))
    for k, s in enumerate(starts):
        said[k, :, s : s + window] = denoise(x[:, s : s + window])
    return said.nanmean(0)


def by_while(denoise, x, window, hop):
    total, count, start = 0 * x, 0 * x, 0
    while True:
        start = min(start, x.shape[1] - window)
        total[:, start : start + window] += denoise(x[:, start : start + window].clone())
        count[:, start : start + window] += 1
        if start + window == x.shape[1]:
            return total / count
        start += hop


def in_one_batch(denoise, x, window, hop):
    starts = sorted({*range(0, x.shape[1] - window + 1, hop), x.shape[1] - window})
    said = denoise(torch.cat([x[:, s : s + window] for s in starts])).chunk(len(starts))
    total, count = torch.zeros_like(x), torch.zeros(x.shape[1])
    for s, guess in zip(starts, said, strict=True):
        total[:, s : s + window] += guess
        count[s : s + window] += 1
    return total / count


def no_end(denoise, x, window, hop):
    total, count = torch.zeros_like(x), torch.zeros(x.shape[1])
    for s in range(0, x.shape[1] - window + 1, hop):
        total[:, s : s + window] += denoise(x[:, s : s + window])
        count[s : s + window] += 1
    return total / count.clamp(min=1)


def copies_the_rest(denoise, x, window, hop):
    said = no_end(denoise, x, window, hop)
    rest = (x.shape[1] - window) % hop
    return torch.cat([said[:, : x.shape[1] - rest], x[:, x.shape[1] - rest :]], dim=1)


def half_overlap(denoise, x, window, hop):
    return by_counts(denoise, x, window, max(1, window // 2))


def changes_x(denoise, x, window, hop):
    for s in sorted({*range(0, x.shape[1] - window + 1, hop), x.shape[1] - window}):
        x[:, s : s + window] = denoise(x[:, s : s + window])
    return x


def short_window(denoise, x, window, hop):
    total, count = torch.zeros_like(x), torch.zeros(x.shape[1])
    for s in range(0, x.shape[1], hop):
        total[:, s : s + window] += denoise(x[:, s : s + window])
        count[s : s + window] += 1
    return total / count


def takes_the_middle(denoise, x, window, hop):
    said = by_counts(denoise, x, window, hop)
    edge = (window - hop) // 2
    for s in range(0, x.shape[1] - window + 1, hop):
        guess = denoise(x[:, s : s + window])
        said[:, s + edge : s + window - edge] = guess[:, edge : window - edge]
    return said


RIGHT = [
    *[("05.1", f) for f in (by_named_axes, by_loops, by_concatenation, by_two_transposes)],
    *[("05.1", f) for f in (by_einsum, by_pixel_shuffle)],
    *[("05.2", f) for f in (by_two_sums, by_grid, by_share, frame_by_frame, without_half)],
    *[("05.3", f) for f in (by_counts, by_padding_guesses, by_nanmean, by_while, in_one_batch)],
]
WRONG = [
    *[("05.1", f) for f in (only_square, one_channel, each_frame_alone, flat, spatial_first)],
    ("05.1", wrong_shape_order),
    *[("05.2", f) for f in (swapped, raw_values, with_epsilon, square_only, thresholded)],
    ("05.2", middle_of_the_box),
    *[("05.3", f) for f in (no_end, copies_the_rest, half_overlap, changes_x, short_window)],
    ("05.3", takes_the_middle),
]


def name(case):
    return case if isinstance(case, str) else case.__name__


@pytest.mark.parametrize(("exercise", "answer"), RIGHT, ids=name)
def test_right_answers_pass(exercise, answer):
    mark = grade(find(exercise), answer)
    assert mark.verdict == "passed", mark


@pytest.mark.parametrize(("exercise", "answer"), WRONG, ids=name)
def test_wrong_answers_do_not(exercise, answer):
    assert grade(find(exercise), answer).verdict == "not right yet"


def test_the_references_do_what_the_package_does():
    tokens, clips = Clip(4, 8, 4, 2), torch.randn(3, 4, 1, 8, 8)
    joined = find("05.1").reference(tokens.cut(clips), (4, 1, 8, 8), 2, 4)
    assert torch.equal(joined, clips)
    frames = 2 * torch.rand(2, 5, 1, 6, 7) - 1
    places = find("05.2").reference(frames)
    assert torch.allclose(places.double(), track(frames, threshold=0).places, atol=1e-5)
    x = torch.randn(2, 40)
    assert torch.allclose(find("05.3").reference(lambda window: 2 * window, x, 16, 5), 2 * x)
