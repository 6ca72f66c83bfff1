"""A design fault, where it is planted, and the one test that must catch it."""

from pathlib import Path
from typing import Final

import attrs

ROOT: Final = Path(__file__).resolve().parents[2]
SOURCES: Final = ROOT / "src" / "payments"


class SourceMoved(Exception):
    """The piece of source that a fault replaces is not there exactly once: the table is behind the code."""


@attrs.frozen
class Fault:
    """One piece of one file, and what a careless change would make of it."""

    name: str
    """A sentence that says what is wrong; it is what a red run shows."""
    file: str
    """Below ``src/payments``."""
    old: str
    """What stands there, exactly once."""
    new: str
    caught_by: str
    """The test, as pytest names it; of a parametrised one all rows are run."""
    seen_as: str = ""
    """Where the test goes red by an error of ours that comes out, its class; else by what it asserts."""

    @property
    def path(self) -> Path:
        """The file it is planted in."""
        return SOURCES / self.file

    @property
    def slug(self) -> str:
        """The name as pytest can show it."""
        return "-".join(self.name.lower().replace(",", "").replace("'", "").split())

    def planted(self) -> str:
        """The text of the file with the fault in it.

        Raises:
            SourceMoved: what it replaces is not there, or more than once.
        """
        text = self.path.read_text(encoding="utf-8")
        count = text.count(self.old)
        if count != 1:
            raise SourceMoved(f"{self.name!r}: {self.file} holds {count} times, not once:\n{self.old}")
        return text.replace(self.old, self.new)
