"""The kept scores of partners, and what parser and captioner have read."""

import pytest
import torch

from course_utils import recipes
from course_utils.data import draw_scenes, read_caption
from course_utils.multimodal import describe, parse, same_picture
from course_utils.recipes import captions, painters, parser, partners


def test_every_training_is_kept_on_every_seed():
    kept = partners.recorded()
    assert set(kept) == {(name, seed) for name in partners.MAKERS for seed in partners.SEEDS}
    for (name, _), steps in kept.items():
        if name in partners.SIZES:
            assert list(steps) == list(partners.MARKS)
        assert all(0 <= share <= 1 for found in steps.values() for share in found.values())


def test_the_parser_has_read_no_held_out_scene():
    _, meant = parser.texts(3000)
    known = [read_caption(caption) for caption in meant if caption]
    assert not any(scene.held_out for scene in known)
    assert 0.2 < meant.count(None) / len(meant) < 0.3


def test_one_for_both_has_about_the_weights_of_two():
    sizes = {
        name: sum(p.numel() for p in partners.joint_model(name).parameters())
        for name in partners.SIZES
    }
    two = sizes["draws only"] + sizes["writes only"]
    assert sizes["one for both"] == pytest.approx(two, rel=0.15)


def test_the_shipped_parser_and_captioner_do_as_is_kept():
    scenes = partners.new_scenes()[::4]
    asked = partners.requests(scenes, 3, new=True)
    said = parse(recipes.load("parser"), parser.tokenizer(), asked)
    right = [same_picture(one, scene) for one, scene in zip(said, scenes, strict=True)]
    assert sum(right) > 0.8 * len(right)
    images = draw_scenes(scenes, generator=torch.Generator().manual_seed(5))
    said = describe(recipes.load("captioner"), captions.tokenizer(), images)
    right = [same_picture(one, scene) for one, scene in zip(said, scenes, strict=True)]
    assert sum(right) > 0.8 * len(right)


def test_new_scenes_are_those_of_the_painters():
    assert {scene.caption for scene in partners.new_scenes()} <= {
        scene.caption for group in painters.groups().values() for scene in group
    }
