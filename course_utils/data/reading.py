"""Reading a sentence of a grammar from left to right, with exact probabilities.

After some tokens a grammar can be in several states. A state is the tuple of parts that are still
to be said; its probability is that of all derivations that said the tokens and left just this to be
said. Reading a token replaces the first part of every state by what that part leaves behind when it
opens with the token. Summed over the states, the probabilities are those of the prefix.

Source: Jelinek and Lafferty 1991, "Computation of the probability of initial substring generation
by stochastic context-free grammars", here for grammars without left recursion.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

END = ""  # stands among the next tokens for "the sentence is over"

States = dict[tuple[str, ...], float]


class Alternative(NamedTuple):
    """One way to replace a symbol: its probability, and the symbols and tokens to put there."""

    prob: float
    parts: tuple[str, ...]


class Reader:
    """Keeps what every symbol can begin with, and so can read any sentence.

    Args:
        rules: The alternatives of every symbol; parts that are no key of it are tokens.
        start: The symbol that stands for a sentence.

    Raises:
        ValueError: If a symbol can begin with itself.
    """

    def __init__(self, rules: Mapping[str, Sequence[Alternative]], start: str) -> None:
        self.rules, self.start = rules, start
        self._openings: dict[str, dict[str, States]] = {}
        for symbol in rules:
            self._open(symbol)

    def read(self, tokens: Iterable[str]) -> States:
        """The states after a prefix of a sentence; none if no sentence begins like that."""
        states: States = {(self.start,): 1.0}
        for token in tokens:
            states = self.step(states, token)
        return states

    def step(self, states: States, token: str) -> States:
        """The states after one more token. The state `()` means that the sentence is over."""
        after: States = defaultdict(float)
        for state, prob in states.items():
            for left, opening in self._open(state[0]).get(token, {}).items() if state else ():
                after[left + state[1:]] += prob * opening
        return dict(after)

    def log_prob(self, tokens: Iterable[str]) -> float:
        """The log-probability of a whole sentence; -inf for what cannot be said."""
        states, total = self.read(()), 0.0
        for token in tokens:
            states = self.step(states, token)
            scale = sum(states.values())  # a long sentence would be too unlikely for a float
            if not scale:
                return -math.inf
            states = {state: prob / scale for state, prob in states.items()}
            total += math.log(scale)
        return total + math.log(states[()]) if () in states else -math.inf

    def next_probs(self, states: States) -> dict[str, float]:
        """The probability of every token that can come now, summing to 1."""
        probs: dict[str, float] = defaultdict(float)
        for state, prob in states.items():
            for token, left in (self._open(state[0]) if state else {END: {(): 1.0}}).items():
                probs[token] += prob * sum(left.values())
        total = sum(states.values())
        return {token: prob / total for token, prob in probs.items()}

    def _open(self, part: str, above: tuple[str, ...] = ()) -> dict[str, States]:
        """What `part` can begin with: token -> what is then left to be said -> its probability."""
        if part not in self.rules:
            return {part: {(): 1.0}}
        if part in above:
            raise ValueError(
                f"Left recursion: {' begins with '.join((*above, part))}, which never reaches a "
                "token. Write a token before the symbol that comes back."
            )
        if part not in self._openings:
            openings: dict[str, States] = defaultdict(lambda: defaultdict(float))
            for prob, parts in self.rules[part]:
                for token, states in self._open(parts[0], (*above, part)).items():
                    for left, opening in states.items():
                        openings[token][left + parts[1:]] += prob * opening
            self._openings[part] = openings
        return self._openings[part]
