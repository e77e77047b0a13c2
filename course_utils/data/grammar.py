"""A probabilistic grammar: a small language of which everything is known exactly.

A language model trained on its sentences can be told how far it is from perfect, because the
entropy, and the probability of every sentence and every next token, are computed, not estimated.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property

import numpy as np

from course_utils.data.reading import END, Alternative, Reader
from course_utils.data.rules import SYMBOL, expand, parse_rule, split

_SPACE_TO_DROP = re.compile(r" (?=[.,;:!?\n])|(?<=\n) ")


class Grammar:
    r"""A probabilistic context-free grammar, written as one line of text for each symbol.

    `Grammar({"thing": "a <colour> circle [3] | a square", "colour": "red | green"})` says "a
    square" once in four times. `<name>` is a symbol, `|` separates alternatives, `[3]` at the end
    of one is its weight (1 without it). A sentence starts from the first symbol. Its tokens, words,
    punctuation and line breaks, are joined by spaces except before `.,;:!?` and around line breaks.

    The brackets `<`, `>`, `[` and `]` serve for this alone and can be no tokens.

    A symbol may come back inside itself, but not as the first part (left recursion).

    Args:
        rules: The alternatives of every symbol.

    Raises:
        ValueError: If a rule is empty, names an undefined symbol, has a weight that is not a
            positive number or a bracket without its other half, is left-recursive, or makes
            sentences that never end.
    """

    def __init__(self, rules: Mapping[str, str]) -> None:
        if not rules:
            raise ValueError(
                'A grammar needs a rule at least, as {"greeting": "hello | good day"}.'
            )
        self.rules = {f"<{name}>": parse_rule(name, text) for name, text in rules.items()}
        self.start = next(iter(self.rules))
        undefined = {part for part in self._parts() if SYMBOL.fullmatch(part)} - set(self.rules)
        if undefined:
            raise ValueError(
                f"No rule defines {', '.join(sorted(undefined))}; there are rules for "
                f"{', '.join(self.rules)}. Add the rule or correct the name."
            )
        self._reader = Reader(self.rules, self.start)
        if max(abs(np.linalg.eigvals(self._children))) > 1 - 1e-9:
            raise ValueError(
                "These rules make sentences that never end: on average a symbol brings itself back "
                "at least once. Give the alternatives without it more weight."
            )

    @cached_property
    def vocabulary(self) -> tuple[str, ...]:
        """All tokens, sorted."""
        return tuple(sorted(self._parts() - set(self.rules)))

    def entropy(self) -> float:
        """Entropy of a derivation in nats, exact; of a sentence too if none has two derivations.

        `H(A) = sum_r p(r) (-log p(r) + sum of H(B) over the symbols B in r)`, for all symbols A.
        """
        return self._expected(lambda alternative: -math.log(alternative.prob))

    def expected_length(self) -> float:
        """The mean number of tokens in a sentence, exact, by the same recursion as the entropy."""
        return self._expected(lambda alt: sum(part not in self.rules for part in alt.parts))

    def sample(self, num_sentences: int, *, seed: int = 0) -> list[str]:
        """Draw sentences; the same seed gives the same ones on every machine.

        Raises:
            ValueError: If the number is below 0.
        """
        if num_sentences < 0:
            raise ValueError(f"num_sentences must be at least 0; got {num_sentences}.")
        choices = random.Random(seed).choices
        rules = {
            symbol: ([alt.parts[::-1] for alt in rule], [alt.prob for alt in rule])
            for symbol, rule in self.rules.items()
        }
        sentences = []
        for _ in range(num_sentences):
            tokens, stack = [], [self.start]
            while stack:
                part = stack.pop()
                if part in rules:
                    stack.extend(choices(*rules[part])[0])
                else:
                    tokens.append(part)
            sentences.append(self.join(tokens))
        return sentences

    def sentences(self, most: int = 100_000) -> dict[str, float]:
        """Every sentence with its probability.

        Raises:
            ValueError: There are more than `most`, or infinitely many.
        """
        found = expand(self.rules, self.start, most)
        return {self.join(tokens): prob for tokens, prob in found.items()}

    @staticmethod
    def split(sentence: str) -> list[str]:
        """The tokens of a sentence: words, punctuation marks and line breaks."""
        return split(sentence)

    @staticmethod
    def join(tokens: Sequence[str]) -> str:
        """The sentence made of these tokens; `split` undoes it."""
        return _SPACE_TO_DROP.sub("", " ".join(tokens))

    def log_prob(self, sentence: str) -> float:
        """Give log p(sentence) in nats, over all derivations; -inf for what cannot be said."""
        return self._reader.log_prob(self.split(sentence))

    def is_valid(self, sentence: str) -> bool:
        """Whether the grammar can say this sentence, with its spaces in the right places."""
        return self.join(self.split(sentence)) == sentence and self.log_prob(sentence) > -math.inf

    def next_token_probs(self, prefix: str | Sequence[str] = "") -> dict[str, float]:
        """The exact p(next token | prefix): what a perfect language model would answer.

        Args:
            prefix: The beginning of a sentence, as text or as a sequence of tokens.

        Returns:
            The probability of every token that can come next, summing to 1; `END` (the empty
            string) stands for the end of the sentence.

        Raises:
            ValueError: If no sentence begins like that.
        """
        tokens = self.split(prefix) if isinstance(prefix, str) else prefix
        states = self._reader.read(tokens)
        if not states:
            raise ValueError(
                f"No sentence of this grammar begins with {self.join(tokens)!r}. "
                "Give the beginning of a sentence that is_valid."
            )
        return self._reader.next_probs(states)

    def conditionals(self, sentence: str) -> Iterator[tuple[str, dict[str, float]]]:
        """Every token of a sentence, `END` the last, with `next_token_probs` of what is before it.

        Raises:
            ValueError: If the grammar cannot say the sentence.
        """
        tokens = self.split(sentence)
        states = self._reader.read(())
        for position, token in enumerate([*tokens, END]):
            probs = self._reader.next_probs(states)
            if token not in probs:
                raise ValueError(
                    f"{token!r} cannot follow {self.join(tokens[:position])!r} in this grammar; "
                    f"expected one of {sorted(probs)} (an empty one is the end)."
                )
            yield token, probs
            states = self._reader.step(states, token)
            scale = sum(states.values())  # a long sentence would be too unlikely for a float
            states = {state: prob / scale for state, prob in states.items()} if scale else states

    def _parts(self) -> set[str]:
        return {part for rule in self.rules.values() for alt in rule for part in alt.parts}

    @cached_property
    def _children(self) -> np.ndarray:
        """(S, S): how often each symbol is expected in one replacement of each symbol."""
        return np.array(
            [
                [sum(alt.prob * alt.parts.count(child) for alt in rule) for child in self.rules]
                for rule in self.rules.values()
            ]
        )

    def _expected(self, value: Callable[[Alternative], float]) -> float:
        """The expected sum of `value` over all replacements in the derivation of a sentence."""
        own = [sum(alt.prob * value(alt) for alt in rule) for rule in self.rules.values()]
        return float(np.linalg.solve(np.eye(len(own)) - self._children, own)[0])
