"""Time, passed in."""

from abc import abstractmethod
from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time. Durations come from :meth:`monotonic`; correctness never depends on :meth:`now`."""

    @abstractmethod
    def now(self) -> datetime:
        """The present instant, aware, in UTC."""

    @abstractmethod
    def monotonic(self) -> float:
        """Seconds on a clock that never goes back."""

    @abstractmethod
    async def sleep(self, seconds: float) -> None:
        """Return after ``seconds``."""
