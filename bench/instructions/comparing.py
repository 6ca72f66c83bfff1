"""What counts are held against, and what the difference says."""

import enum
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

import attrs

TOLERANCE: Final = 0.05
"""How far a path may move before somebody has to look; counting twice moves it by a tenth of that."""


class Ruling(enum.Enum):
    """What a path's difference asks for."""

    SAME = "as before"
    SLOWER = "SLOWER"
    FASTER = "faster: please accept it"
    NEW = "NEW: nothing to hold it against"
    GONE = "GONE: no longer counted"


FAILING: Final = frozenset({Ruling.SLOWER, Ruling.NEW, Ruling.GONE})
"""A path that nothing is held against would let everything pass."""


@attrs.frozen(kw_only=True)
class Counts:
    """Instructions of one repetition of each path, and with what they were counted."""

    made_with: Mapping[str, str]
    instructions: Mapping[str, int]

    @classmethod
    def read(cls, path: Path) -> Self:
        """What :meth:`write` wrote."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))

    def write(self, path: Path) -> None:
        """Keep them in ``path``."""
        path.write_text(json.dumps(attrs.asdict(self), indent=2) + "\n", encoding="utf-8")

    def unlike(self, other: Self) -> tuple[str, ...]:
        """In what they cannot be compared: ``python: 3.11.7 ... there, 3.12.1 ... here``."""
        names = sorted({*self.made_with, *other.made_with})
        pairs = ((name, self.made_with.get(name), other.made_with.get(name)) for name in names)
        return tuple(f"{name}: {was} there, {present} here" for name, was, present in pairs if was != present)


@attrs.frozen(kw_only=True)
class Difference:
    """One path before and now; None where it was not counted."""

    path: str
    before: int | None
    now: int | None

    @property
    def change(self) -> float:
        """By which part of itself it moved: 0.06 is 6 % more."""
        return 0.0 if self.before is None or self.now is None else self.now / self.before - 1

    @property
    def ruling(self) -> Ruling:
        """What that asks for."""
        if self.before is None:
            return Ruling.NEW
        if self.now is None:
            return Ruling.GONE
        if abs(self.change) <= TOLERANCE:
            return Ruling.SAME
        return Ruling.SLOWER if self.change > 0 else Ruling.FASTER

    def __str__(self) -> str:
        before, now = ("-" if count is None else f"{count:,}" for count in (self.before, self.now))
        return f"{self.path:24}{before:>14}{now:>14}{self.change:>+9.1%}  {self.ruling.value}"


def compare(before: Counts, now: Counts) -> tuple[Difference, ...]:
    """Each path that was or is counted, in the order of ``now``."""
    return tuple(
        Difference(path=path, before=before.instructions.get(path), now=now.instructions.get(path))
        for path in {**now.instructions, **before.instructions}
    )
