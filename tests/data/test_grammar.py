"""Grammars against brute-force enumeration, closed forms and Monte Carlo."""

import math
from collections import defaultdict
from functools import cache

import pytest

from course_utils.data import END, Grammar, captions, stories

TINY = Grammar(
    {
        "sentence": "<who> <does> [3] | <who> <does> and <sentence2> [2] | hush!",
        "sentence2": "<who> <does> | all <does> [0.5]",
        "who": "a <animal> | <animal> [2]",
        "animal": "cat | dog [1.5]",
        "does": "sleeps, | runs to a <animal>.\n [4]",
    }
)
FIRST_CAPTION = "a small blue square at the bottom right and a small green square at the top left"
AMBIGUOUS = Grammar({"s": "<a> <b> | red red fox [2]", "a": "red | red red", "b": "fox | red fox"})


def enumerate_derivations(grammar: Grammar) -> list[tuple[float, tuple[str, ...]]]:
    """(probability, tokens) of every derivation, by expanding the leftmost symbol."""
    done, open_ones = [], [(1.0, (grammar.start,))]
    while open_ones:
        prob, parts = open_ones.pop()
        place = next((i for i, part in enumerate(parts) if part in grammar.rules), None)
        if place is None:
            done.append((prob, parts))
        else:
            open_ones += [
                (prob * p, parts[:place] + new + parts[place + 1 :])
                for p, new in grammar.rules[parts[place]]
            ]
    return done


def strings(grammar: Grammar) -> dict[tuple[str, ...], float]:
    probs = defaultdict(float)
    for prob, tokens in enumerate_derivations(grammar):
        probs[tokens] += prob
    return dict(probs)


def count_derivations(grammar: Grammar, tokens: list[str]) -> int:
    """How many derivations a sentence has, by a chart over all spans."""

    @cache
    def ways(parts: tuple[str, ...], start: int, stop: int) -> int:
        if not parts:
            return int(start == stop)
        if stop - start < len(parts):
            return 0
        first, rest = parts[0], parts[1:]
        if first not in grammar.rules:
            return ways(rest, start + 1, stop) if tokens[start] == first else 0
        middles = range(start + 1, stop + 1) if rest else [stop]
        return sum(
            left * ways(rest, middle, stop)
            for middle in middles
            if (left := sum(ways(new, start, middle) for _, new in grammar.rules[first]))
        )

    return ways((grammar.start,), 0, len(tokens))


@pytest.mark.parametrize("grammar", [TINY, AMBIGUOUS], ids=["tiny", "ambiguous"])
def test_entropy_length_and_probabilities_equal_those_of_the_enumeration(grammar):
    derivations = enumerate_derivations(grammar)
    assert math.fsum(p for p, _ in derivations) == pytest.approx(1)
    entropy = math.fsum(-p * math.log(p) for p, _ in derivations)
    assert grammar.entropy() == pytest.approx(entropy, rel=1e-12)
    length = math.fsum(p * len(tokens) for p, tokens in derivations)
    assert grammar.expected_length() == pytest.approx(length, rel=1e-12)
    for tokens, prob in strings(grammar).items():
        assert grammar.log_prob(grammar.join(tokens)) == pytest.approx(math.log(prob))


@pytest.mark.parametrize("grammar", [TINY, AMBIGUOUS], ids=["tiny", "ambiguous"])
def test_next_token_probabilities_equal_those_of_the_enumeration(grammar):
    mass: dict[tuple[str, ...], dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for tokens, prob in strings(grammar).items():
        for place, token in enumerate((*tokens, END)):
            mass[tokens[:place]][token] += prob
    assert len(mass) >= 7
    for prefix, following in mass.items():
        total = math.fsum(following.values())
        expected = {token: prob / total for token, prob in following.items()}
        assert grammar.next_token_probs(prefix) == pytest.approx(expected)
        assert grammar.next_token_probs(grammar.join(prefix)) == pytest.approx(expected)


def test_recursion_equals_its_closed_form():
    repeated = Grammar({"s": "a <s> | b"})  # geometric: n times "a" with probability 2^-(n+1)
    assert repeated.entropy() == pytest.approx(2 * math.log(2))
    assert repeated.expected_length() == pytest.approx(2)
    nested = Grammar({"s": "a <s> b | c [3]"})  # a^n c b^n with probability 3/4 4^-n
    assert nested.log_prob("a a c b b") == pytest.approx(math.log(3 / 4 / 16))
    assert nested.log_prob("a a c b") == -math.inf
    assert nested.next_token_probs("a a") == pytest.approx({"a": 0.25, "c": 0.75})
    assert nested.next_token_probs("a a c b") == {"b": 1.0}
    assert nested.next_token_probs("a c b") == {END: 1.0}


NESTED = Grammar({"s": "a <s> b | <t> [3]", "t": "x <t> | y [2]"})


@pytest.mark.parametrize(
    "grammar", [captions(), stories(), TINY, NESTED], ids=["captions", "stories", "tiny", "nested"]
)
def test_samples_agree_with_the_exact_entropy_and_length(grammar):
    sentences = grammar.sample(3000, seed=1)
    for values, exact in (
        ([-grammar.log_prob(sentence) for sentence in sentences], grammar.entropy()),
        ([len(grammar.split(sentence)) for sentence in sentences], grammar.expected_length()),
    ):
        mean = sum(values) / len(values)
        variance = sum((value - mean) ** 2 for value in values) / (len(values) - 1)
        assert abs(mean - exact) <= 4 * math.sqrt(variance / len(values)) + 1e-9


@pytest.mark.parametrize("grammar", [captions(), stories()], ids=["captions", "stories"])
def test_the_course_grammars_are_unambiguous_and_their_sentences_are_valid(grammar):
    for sentence in grammar.sample(40, seed=2):
        tokens = grammar.split(sentence)
        assert grammar.join(tokens) == sentence
        assert set(tokens) <= set(grammar.vocabulary)
        assert grammar.is_valid(sentence)
        assert count_derivations(grammar, tokens) == 1
    assert count_derivations(AMBIGUOUS, ["red", "red", "fox"]) == 3  # the counter can count


def test_captions_are_enumerated_completely():
    probs = strings(captions())
    assert len(probs) == 96 + 12 * 24**2
    entropy = -math.fsum(p * math.log(p) for p in probs.values())
    assert captions().entropy() == pytest.approx(entropy)


@pytest.mark.parametrize("grammar", [captions(), stories()], ids=["captions", "stories"])
def test_the_conditionals_multiply_to_the_probability_of_the_sentence(grammar):
    for sentence in grammar.sample(20, seed=3):
        steps = list(grammar.conditionals(sentence))
        assert [token for token, _ in steps] == [*grammar.split(sentence), END]
        total = sum(math.log(probs[token]) for token, probs in steps)
        assert total == pytest.approx(grammar.log_prob(sentence))
        assert all(sum(probs.values()) == pytest.approx(1) for _, probs in steps)


def test_a_story_comes_back_to_its_hero_and_treasure():
    from course_utils.data.text import HEROES, TREASURES

    for story in stories().sample(300, seed=4):
        assert story.endswith(".\n")
        assert story.count(".") == 3
        tokens = stories().split(story)
        for names in (HEROES, TREASURES):
            first, second = (i for i, token in enumerate(tokens) if token in names)
            assert tokens[first] == tokens[second]
            assert second - first >= 12
        hero = next(token for token in tokens if token in HEROES)
        assert f", and {HEROES[hero]} " in story


def test_at_its_return_the_hero_is_certain_and_another_is_impossible():
    grammar, heroes = stories(), {"Mia", "Ada", "Nora", "Tom", "Leo", "Finn"}
    story = grammar.sample(1, seed=5)[0]
    asked = [probs for token, probs in grammar.conditionals(story) if token in heroes]
    assert asked[0] == pytest.approx(dict.fromkeys(heroes, 1 / 6))
    assert len(asked[1]) == 1
    hero = next(iter(asked[1]))
    last = story.rindex(hero)
    other = (heroes - {hero}).pop()
    assert not grammar.is_valid(story[:last] + other + story[last + len(hero) :])


@pytest.mark.parametrize(
    "sentence",
    ["", "hush", "hush !", "Hush!", "cat  sleeps,", "cat sleeps, and", "hush! hush!", "<who>"],
)
def test_what_the_grammar_cannot_say_is_invalid(sentence):
    assert not TINY.is_valid(sentence)
    assert TINY.is_valid("hush!")


def test_samples_depend_on_the_seed_only():
    assert captions().sample(5, seed=7) == captions().sample(6, seed=7)[:5]
    assert captions().sample(5, seed=7) != captions().sample(5, seed=8)
    assert captions().sample(1, seed=0) == [FIRST_CAPTION]


def test_frequencies_follow_the_weights():
    sentences = Grammar({"s": "a [3] | b | c [0.5]"}).sample(9000)
    for token, share in (("a", 6 / 9), ("b", 2 / 9), ("c", 1 / 9)):
        error = math.sqrt(share * (1 - share) / 9000)
        assert abs(sentences.count(token) / 9000 - share) < 4 * error


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        ({}, "needs a rule"),
        ({"s": "a <colour>"}, "No rule defines <colour>; there are rules for <s>"),
        ({"s": "a [0] | b"}, r"\[0\] must be a weight above 0"),
        ({"s": "a [-1] | b"}, r"\[-1\]"),
        ({"s": "a [inf] | b"}, r"\[inf\]"),
        ({"s": "a [many] | b"}, r"\[many\]"),
        ({"s": "a | | b"}, "empty alternative"),
        ({"s": ""}, "empty alternative"),
        ({"s": "a [] | b"}, r"\[\] must be a weight above 0"),
        ({"s": "a <colour | b"}, "In the rule of <s>, '<' at position 2 belongs to no <symbol>"),
        ({"s": "a | b colour>"}, "'>' at position 12"),
        ({"s": "a <co lour>"}, "'<' at position 2.*letters, digits and underscores"),
        ({"s": "a | b [3"}, r"'\[' at position 6.*no \[weight\]"),
        ({"s": "a 3] | b"}, r"'\]' at position 3"),
        ({"s": "a [3] b | c"}, r"'\[' at position 2.*at the end of an alternative"),
        ({"s": "a [2][3] | b"}, r"'\[' at position 2"),
        ({"two words": "a"}, "letters, digits and underscores; got 'two words'"),
        ({"s": "<s> a | b"}, "Left recursion: <s> begins with <s>"),
        ({"s": "<t> a | b", "t": "<s> c"}, "<s> begins with <t> begins with <s>"),
        ({"s": "a <s>"}, "never end"),
        ({"s": "a <s> <s> | b"}, "never end"),
        ({"s": "a | b <t>", "t": "c <t>"}, "never end"),
    ],
)
def test_wrong_rules_are_explained(rules, says):
    with pytest.raises(ValueError, match=says):
        Grammar(rules)


def test_a_number_of_sentences_below_zero_is_explained():
    assert TINY.sample(0) == []
    with pytest.raises(ValueError, match="num_sentences must be at least 0; got -1"):
        TINY.sample(-1)


def test_impossible_prefixes_are_explained():
    with pytest.raises(ValueError, match=r"begins with 'a hush'.*is_valid"):
        TINY.next_token_probs("a hush")
    with pytest.raises(ValueError, match=r"'hush' cannot follow 'a'.*'cat', 'dog'"):
        list(TINY.conditionals("a hush!"))


def test_marks_stay_with_what_they_stand_on():
    grammar = Grammar({"s": "नमस्ते <who>!", "who": "दुनिया"})
    assert grammar.vocabulary == ("!", "दुनिया", "नमस्ते")
    assert grammar.is_valid("नमस्ते दुनिया!")
