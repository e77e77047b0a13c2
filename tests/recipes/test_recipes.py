"""The trainings that lessons start from: what is shipped is what the recipe makes."""

import dataclasses
import platform
import re

import pytest
import torch

from course_utils import recipes
from course_utils.data import python_docs
from course_utils.recipes import docs
from course_utils.recipes import recipe as room
from course_utils.training import CheckpointError, load_checkpoint, save_checkpoint, train_steps

each_recipe = pytest.mark.parametrize("name", recipes.names())


@each_recipe
def test_the_first_steps_from_the_same_seed_have_the_recorded_losses(name):
    recipe = recipes.find(name)
    tensors, description = load_checkpoint(room.WEIGHTS / f"{name}.safetensors")
    recorded, python = tensors["loss"], description["made_with"]["python"]
    if name == "docs" and python != platform.python_version():
        pytest.skip(f"trained on the documentation of Python {python}")
    assert len(recorded) == recipe.num_steps
    model = recipe.untrained()
    steps = train_steps(
        model,
        recipe.batches(),
        recipe.loss,
        num_steps=recipe.num_steps,
        optimizer=recipe.optimizer(model),
    )
    losses = torch.stack([next(steps).loss for _ in range(6)])
    torch.testing.assert_close(losses, recorded[:6], rtol=2e-3, atol=0)
    assert len({round(loss, 4) for loss in losses.tolist()}) == 6  # else anything would agree


@each_recipe
def test_a_loaded_model_is_trained_frozen_and_costs_no_random_number(name):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    model = recipes.load(name)
    assert torch.equal(torch.rand(3), expected)
    assert not model.training
    assert not any(p.requires_grad for p in model.parameters())
    assert all(p.dtype == torch.float32 for p in model.parameters())
    recipe = recipes.find(name)
    before = recipe.untrained()
    batch = recipe.batches()[10**6]

    def loss(model):
        torch.manual_seed(0)
        return recipe.loss(model, batch).item()

    assert loss(model) < 0.7 * loss(before)


def test_an_unknown_recipe_is_told_what_there_is():
    with pytest.raises(ValueError, match=r"no recipe 'digit'. The recipes are: .*digits"):
        recipes.load("digit")


def test_weights_of_another_network_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(room, "WEIGHTS", tmp_path)
    save_checkpoint(tmp_path / "digits.safetensors", {"model.a": torch.zeros(2)})
    with pytest.raises(CheckpointError, match=r"another network.*make checkpoints ONLY=digits"):
        recipes.load("digits")


def test_an_interrupted_training_goes_on_to_the_same_end(tmp_path, monkeypatch):
    short = dataclasses.replace(recipes.find("digits"), num_steps=4)
    whole, history = short.train()
    path = tmp_path / "digits.safetensors"
    loss, calls = short.loss, []

    def stopped(model, batch):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return loss(model, batch)

    monkeypatch.setattr("course_utils.training.fitting.SAVE_EVERY", 0.0)
    monkeypatch.setattr("course_utils.training.fitting.configuration", lambda *a, **k: k)
    with pytest.raises(KeyboardInterrupt):
        dataclasses.replace(short, loss=stopped).train(path)
    resumed, again = short.train(path)
    assert again.loss == history.loss
    for ours, theirs in zip(resumed.parameters(), whole.parameters(), strict=True):
        assert torch.equal(ours, theirs)


@each_recipe
def test_a_recipe_is_named_as_its_module_and_its_name_is_no_lesson(name):
    assert recipes.find(name).name == name
    assert not re.match(r"\d\d", name)


def test_the_recipe_on_documentation_knows_its_characters_and_reads_no_held_out_text():
    train, held_out = docs.parts()
    assert train.isascii() or set(train) <= set(docs.tokenizer().characters)
    assert len(held_out) == pytest.approx(len(train) / 9, rel=0.05)
    whole = python_docs()
    kept = "".join(c for c in whole if c in docs.tokenizer().characters)
    assert train + held_out == kept
    assert len(kept) > 0.999 * len(whole)
    assert docs.tokenizer().decode(docs.batches().tokens.tolist()) == train
