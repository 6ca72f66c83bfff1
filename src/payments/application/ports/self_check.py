"""What a part of the service finds when it looks after itself (``payments doctor``)."""

import enum
from abc import abstractmethod
from typing import Protocol

import attrs


class State(enum.Enum):
    """How bad a finding is."""

    FINE = "ok"
    WARNING = "warning"
    """The service runs, but not as a shop would want it."""
    WRONG = "wrong"


@attrs.frozen(kw_only=True)
class Finding:
    """One thing that was looked at. Neither sentence holds a secret."""

    part: str
    """What it is about, in a word: ``database``, ``chapa``."""
    state: State
    what: str
    remedy: str = ""
    """What to do about it; empty where all is well."""
    ahead_s: float | None = None
    """How far the part's clock is ahead of ours, in seconds, where it told the time."""


class SelfCheck(Protocol):
    """Looks at one part, asking only what changes nothing."""

    @abstractmethod
    async def look(self) -> tuple[Finding, ...]:
        """What was found, good and bad. Trouble is a finding and is never raised."""
