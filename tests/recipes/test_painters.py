"""The kept scores of painters: all are there, and the code makes what is kept."""

import pytest
import torch

from course_utils.data import draw_scenes, placed_scenes, read_caption
from course_utils.multimodal import score
from course_utils.recipes import captions, painters


def test_every_variant_is_kept_on_every_seed_at_every_mark():
    kept = painters.recorded()
    assert set(kept) == {(name, seed) for name in painters.VARIANTS for seed in painters.SEEDS}
    for (name, _), steps in kept.items():
        assert list(steps) == [m for m in painters.MARKS if m <= painters.LENGTHS[name]]
        for groups in steps.values():
            assert set(groups) == set(painters.groups())
            for parts in groups.values():
                assert set(parts) == set(painters.PARTS)
                assert all(0 <= share <= 1 for share in parts.values())
                assert parts["right"] <= min(parts[p] for p in ("colour", "shape", "place"))


def test_no_held_out_caption_is_learned():
    seen = {scene.caption for scene in captions.scenes_to_learn()}
    asked = painters.groups()
    assert not seen & {scene.caption for g in asked if g.startswith("new") for scene in asked[g]}
    assert {scene.caption for g in asked if g.startswith("seen") for scene in asked[g]} <= seen


def test_every_word_is_known_and_a_caption_is_what_its_tokens_say():
    scenes = [placed_scenes()[5], read_caption("a red circle above a blue square")]
    tokens = captions.encode(scenes)
    assert tokens.shape == (2, 8)
    said = [captions.tokenizer().decode(row[row >= 0]) for row in tokens]
    assert said == [scene.caption for scene in scenes]


def test_wrong_captions_are_the_right_ones_in_another_order():
    right = painters.VARIANTS["taught, words"].batches(0).tensors
    wrong = painters.VARIANTS["wrong captions"].batches(0).tensors
    assert torch.equal(right[0], wrong[0])
    assert not torch.equal(right[1], wrong[1])
    assert torch.equal(right[1].sort(0).values, wrong[1].sort(0).values)


@pytest.mark.parametrize("name", ["untaught, vector", "bag of words"])
def test_scores_are_kept_rounded_and_made_as_they_say(name, monkeypatch):
    monkeypatch.setattr(painters, "MARKS", (3,))
    monkeypatch.setitem(painters.LENGTHS, name, 3)
    few = {"new, one thing": painters.groups()["new, one thing"][:4]}
    monkeypatch.setattr(painters, "groups", lambda: few)
    ((step, found),) = painters.make(name, 0)
    assert step == 3
    assert found["new, one thing"]["right"] <= 0.25  # nobody draws after three steps


def test_true_drawings_would_get_full_marks():
    for scenes in painters.groups().values():
        images = draw_scenes(scenes, generator=torch.Generator().manual_seed(1))
        assert painters.shares(score(scenes, images))["right"] > 0.96
