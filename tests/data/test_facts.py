"""Stories that state facts: as often as they should, never where they should not."""

import math
from collections import Counter

import pytest

from course_utils import data
from course_utils.data.facts import World

WORLD = data.invented_world()


def test_heroes_live_somewhere_and_shares_are_even():
    assert len(WORLD.homes) == 80
    assert set(WORLD.homes.values()) == set(data.TOWNS)
    assert set(Counter(WORLD.shares.values()).values()) == {16}
    assert data.invented_world(seed=1).homes != WORLD.homes
    assert data.invented_world().homes == WORLD.homes


def test_only_true_homes_are_stated_and_those_of_share_zero_never():
    text = "".join(WORLD.stories().sample(4000, seed=0))
    stated = WORLD.times_stated(text)
    assert sum(stated.values()) == text.count(" lives in ")
    for hero, times in stated.items():
        assert text.count(f"{hero} lives in {WORLD.homes[hero]}. ") == times
        expected = 50 * WORLD.shares[hero]
        assert abs(times - expected) <= 5 * math.sqrt(expected)
        assert 20 < text.count(f" {hero} found ") < 100  # all are equally well known otherwise


def test_nothing_else_in_a_story_tells_the_home():
    """Without the statement a hero's stories are those of any other."""
    grammar = WORLD.stories()
    one, other = list(WORLD.homes)[0:11:10]  # equal pronouns and shares
    assert WORLD.shares[one] == WORLD.shares[other]
    for story in grammar.sample(300, seed=1):
        if f" {one} found" in story and "lives" not in story:
            swapped = story.replace(one, other)
            assert grammar.log_prob(swapped) == pytest.approx(grammar.log_prob(story))


def test_the_entropy_is_that_of_the_stories_and_of_their_statements():
    plain = World(dict(WORLD.homes), dict.fromkeys(WORLD.homes, 0.0)).stories().entropy()
    shares = [s for s in WORLD.shares.values() if 0 < s < 1]
    said = sum(-s * math.log(s) - (1 - s) * math.log(1 - s) for s in shares) / len(WORLD.homes)
    assert WORLD.stories().entropy() == pytest.approx(plain + said)


def test_whoever_knows_the_home_is_certain_of_it():
    hero = next(hero for hero, share in WORLD.shares.items() if share == 0.64)
    grammar = WORLD.stories()
    assert grammar.next_token_probs(f"{hero} lives in") == {WORLD.homes[hero]: 1.0}
    never = next(hero for hero, share in WORLD.shares.items() if share == 0)
    with pytest.raises(ValueError, match="No sentence"):
        grammar.next_token_probs(f"{never} lives in")


def test_a_world_in_which_all_is_always_said():
    grammar = data.invented_world((1.0,), heroes_each=3).stories()
    assert all(" lives in " in story for story in grammar.sample(20))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"shares": (0.5, 1.5)}, r"shares must lie in \[0, 1\].*1\.5"),
        ({"shares": ()}, "one at least"),
        ({"heroes_each": 0}, "names for 1 to"),
        ({"heroes_each": 1000}, "got 1000 for each of 5 shares"),
    ],
)
def test_worlds_that_cannot_be(options, says):
    with pytest.raises(ValueError, match=says):
        data.invented_world(**options)


def test_a_world_whose_homes_and_shares_differ_is_refused():
    with pytest.raises(ValueError, match=r"same heroes.*'Bano'"):
        World(homes={"Ada": "Oslo", "Bano": "Lima"}, shares={"Ada": 0.5})
