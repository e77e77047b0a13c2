"""Blocks: one block is text by diffusion, blocks of one token are next-token prediction."""

from functools import partial

import pytest
import torch
from test_masked import model

from course_utils.layers import KeyValues
from course_utils.masked import block_loss, masked_loss, sample_blocks
from course_utils.masked.blocks import block_logits, read_block, visible_blocks
from course_utils.masked.objective import surprise
from course_utils.records import last

TEXT = torch.randint(5, (3, 8), generator=torch.Generator().manual_seed(0))


def test_what_is_seen_is_written_out():
    seen = visible_blocks(4, 2).int().tolist()
    assert seen == [
        [1, 1, 0, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0, 0, 0],
        [0, 0, 1, 1, 1, 1, 0, 0],
        [0, 0, 1, 1, 1, 1, 0, 0],
        [0, 0, 0, 0, 1, 1, 0, 0],
        [0, 0, 0, 0, 1, 1, 0, 0],
        [0, 0, 0, 0, 1, 1, 1, 1],
        [0, 0, 0, 0, 1, 1, 1, 1],
    ]


def test_one_block_is_text_by_diffusion():
    found = model()
    torch.manual_seed(1)
    whole = masked_loss(found, (TEXT,))
    torch.manual_seed(1)
    assert block_loss(found, (TEXT,), block_size=8).item() == pytest.approx(whole.item(), abs=1e-5)


def test_blocks_of_one_token_predict_the_next_from_those_before():
    found = model()
    hidden = torch.full_like(TEXT, 5)
    logits = block_logits(found, hidden, TEXT, 1)
    for place in range(8):
        other = TEXT.clone()
        other[:, place] = (other[:, place] + 1) % 5
        moved = (block_logits(found, hidden, other, 1) - logits)[..., :5].abs().amax((0, 2))
        assert moved[: place + 1].max() < 1e-5
        assert place == 7 or moved[place + 1 :].max() > 1e-4
    exact = surprise(logits, TEXT).mean().item()
    torch.manual_seed(0)
    with torch.no_grad():
        losses = [block_loss(found, (TEXT.repeat(40, 1),), block_size=1) for _ in range(30)]
    assert torch.stack(losses).mean().item() == pytest.approx(exact, rel=0.02)


@pytest.mark.parametrize("block_size", [1, 2, 4, 8])
def test_a_block_read_alone_is_the_block_read_with_all(block_size):
    found = model()
    masked = TEXT.clone()
    masked[:, ::3] = 5
    together = block_logits(found, masked, TEXT, block_size)
    kept = [KeyValues(8) for _ in found.net.blocks]
    for start in range(0, 8, block_size):
        part = slice(start, start + block_size)
        alone = read_block(found, masked[:, part], kept, keep=False)
        assert torch.allclose(alone, together[:, part], atol=1e-5)
        read_block(found, TEXT[:, part], kept, keep=True)


@pytest.mark.parametrize(("block_size", "steps"), [(1, 1), (2, 1), (4, 3), (8, 8), (8, 2)])
def test_the_cache_writes_the_same_text(block_size, steps):
    texts = [
        last(
            sample_blocks(
                model(),
                3,
                8,
                block_size=block_size,
                steps_per_block=steps,
                use_cache=use_cache,
                generator=torch.Generator().manual_seed(4),
            )
        )
        for use_cache in (True, False)
    ]
    assert torch.equal(texts[0].state, texts[1].state)
    assert texts[0].calls == 8 // block_size * steps
    assert texts[0].t == 0
    assert (texts[0].state != 5).all()


def test_blocks_come_from_left_to_right():
    steps = list(sample_blocks(model(), 2, 8, block_size=4, steps_per_block=2))
    hidden = [(step.state[0] == 5).int().tolist() for step in steps]
    assert [sum(row) for row in hidden] == [6, 4, 2, 0]
    assert hidden[0][4:] == [1] * 4
    assert hidden[1] == [0] * 4 + [1] * 4
    assert [step.t for step in steps] == pytest.approx([0.75, 0.5, 0.25, 0])


def test_every_weight_gets_a_gradient():
    found = model()
    partial(block_loss, block_size=2)(found, (TEXT,)).backward()
    assert all(p.grad is not None and p.grad.any() for p in found.parameters())


@pytest.mark.parametrize("block_size", [0, 3, 16])
def test_blocks_that_do_not_fill_the_text_are_refused(block_size):
    with pytest.raises(ValueError, match="block"):
        block_loss(model(), (TEXT,), block_size=block_size)
    with pytest.raises(ValueError, match="block"):
        sample_blocks(model(), 2, 8, block_size=block_size)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"block_size": 4, "steps_per_block": 5}, "at most 4 passes"),
        ({"block_size": 4, "steps_per_block": 0}, "steps_per_block must be"),
        ({"block_size": 4, "temperature": -1}, "temperature must be"),
    ],
)
def test_settings_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        sample_blocks(model(), 2, 8, **options)


def test_a_text_longer_than_the_context_is_refused():
    with pytest.raises(ValueError, match="at most 16 tokens"):
        sample_blocks(model(), 2, 32, block_size=4)
