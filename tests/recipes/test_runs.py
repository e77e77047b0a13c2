"""The kept losses are those of the runs, and each variant differs in what its name says."""

import json
import platform

import pytest
import torch
from torch import nn

from course_utils.measure import count_parameters
from course_utils.recipes import names, runs, variants
from course_utils.recipes.runs import Run
from course_utils.training import Muon

KEPT = json.loads(runs.PATH.read_text(encoding="utf-8"))
here_as_there = pytest.mark.skipif(
    KEPT["made_with"]["python"] != platform.python_version(),
    reason="measured on the documentation of another Python",
)


def made(variant, width=32):
    torch.manual_seed(0)
    return variants.VARIANTS[variant](50, width, 0.01)


def test_every_run_is_kept_once_and_the_runs_are_no_recipe():
    assert list(runs.recorded()) == list(runs.ALL)
    assert len(KEPT["runs"]) == len(runs.ALL) == len(set(runs.ALL))
    assert all(0.5 < loss < 3.5 for loss in runs.recorded().values())
    assert "runs" not in names()


@here_as_there
@pytest.mark.parametrize(
    "run", [Run(width=16, num_steps=100), Run(width=24, num_steps=100, seed=1)]
)
def test_a_run_made_again_ends_at_the_kept_loss(run):
    assert run.make() == pytest.approx(runs.recorded()[run], rel=5e-3)


def test_seed_width_and_length_decide_a_run():
    kept = runs.recorded()
    around = [
        Run(width=16, num_steps=100, seed=0),
        Run(width=16, num_steps=100, seed=1),
        Run(width=16, num_steps=200, seed=0),
        Run(width=24, num_steps=100, seed=0),
    ]
    assert len({round(kept[run], 3) for run in around}) == 4
    assert Run(num_steps=100).num_tokens == 100 * 8 * 128


def test_each_variant_trains_every_weight_that_it_has():
    tokens = torch.randint(50, (2, 20), generator=torch.Generator().manual_seed(0))
    for variant in variants.VARIANTS:
        model, optimizer = made(variant)
        held = {id(p) for group in optimizer.param_groups for p in group["params"]}
        assert held == {id(p) for p in model.parameters() if p.requires_grad}, variant
        for p in model.parameters():
            if p.requires_grad and p.ndim == 2 and not p.any():
                nn.init.normal_(p, std=0.1)  # a zero before it would hide a gradient
        model(tokens).square().sum().backward()
        assert all(p.grad is not None for p in model.parameters() if p.requires_grad), variant


def test_the_variants_are_what_they_are_called():
    base = made("all")[0]
    size = count_parameters(base)
    assert isinstance(made("all")[1], Muon)
    assert not isinstance(made("AdamW")[1], Muon)
    assert count_parameters(made("no look at the token before")[0]) == size - 32
    assert count_parameters(made("learned positions")[0]) == size + 128 * 32
    assert not base.logits.weight.any()
    first = made("first weights as in GPT-2")[0]
    assert first.logits.weight.std().item() == pytest.approx(0.02, rel=0.1)
    assert first.blocks[0].mlp[2].weight.std().item() == pytest.approx(0.01, rel=0.1)
    outputs = made("outputs that start at random")[0]
    for p in (outputs.logits.weight, outputs.blocks[1].mlp[2].weight):
        assert p.std().item() == pytest.approx((3 * p.shape[1]) ** -0.5, rel=0.1)
    assert torch.equal(outputs.embed.weight, base.embed.weight)
    narrow = made("four narrow layers", 64)[0]
    assert len(narrow.blocks) == 4
    assert count_parameters(narrow) == pytest.approx(count_parameters(made("all", 64)[0]), rel=0.1)
    assert [type(made(v)[0].blocks[1].mlp[1]) for v in ("all", "GELU")] == [nn.ReLU, nn.GELU]


@pytest.mark.parametrize("wrong", [{"variant": "x"}, {"parts": 0}, {"num_steps": 0}])
def test_a_run_that_cannot_be_made_is_refused(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} must be"):
        Run(**wrong)


@pytest.mark.parametrize(
    ("variant", "feels"), [("no positions", False), ("learned positions", True)]
)
def test_only_positions_tell_the_order_to_a_single_layer(variant, feels):
    """Without them and without the look back, the past may be shuffled below one layer."""
    model = made(variant)[0]
    model.blocks = model.blocks[:1]
    for p in model.parameters():
        nn.init.normal_(p, std=0.3)
    nn.init.zeros_(model.previous)
    one, other = torch.tensor([[1, 2, 3, 4, 9], [3, 1, 4, 2, 9]])
    moved = (model(one[None]) - model(other[None]))[0, -1].detach().abs().max()
    assert bool(moved > 1e-3) is feels
