"""Everything that a history leaves to chance, from one seed."""

import math
import random
from collections.abc import Sequence
from typing import TypeVar

import attrs

T = TypeVar("T")


@attrs.frozen
class Chance:
    """A stream of draws of its own: what one part of the world draws does not disturb the others."""

    _draws: random.Random

    @classmethod
    def of(cls, seed: int, name: str) -> "Chance":
        """The stream called ``name`` of the history ``seed``: the same on every machine."""
        return cls(random.Random(f"{seed}:{name}"))  # noqa: S311 -- made to be repeated, and guards nothing

    def below(self, count: int) -> int:
        """A number from 0 to ``count`` - 1."""
        return int(self._draws.random() * count)

    def happens(self, likely: float) -> bool:
        """True with this probability."""
        return self._draws.random() < likely

    def one_of(self, choices: Sequence[T]) -> T:
        return choices[int(self._draws.random() * len(choices))]

    def between(self, least: float, most: float) -> float:
        """Evenly between both."""
        return least + (most - least) * self._draws.random()

    def spread(self, least: float, most: float) -> float:
        """Between both, each order of magnitude as likely as the next."""
        return math.exp(self.between(math.log(least), math.log(most)))
