"""Small facts that all processes of the service share and may lose without losing money."""

from abc import abstractmethod
from typing import Protocol


class SharedState(Protocol):
    """Coalescing, budgets and short-lived values."""

    @abstractmethod
    async def first_within(self, key: str, window_s: float) -> bool:
        """Whether nobody was told True for ``key`` within the last ``window_s`` seconds.

        Of any number of simultaneous callers exactly one is told True.
        """

    @abstractmethod
    async def spend(self, key: str, *, most: int, window_s: float) -> float:
        """Take one of ``most`` uses of ``key`` per ``window_s``: 0.0, or in how many seconds to ask again.

        In no span of ``window_s`` seconds, wherever it begins, are more than ``most`` taken by all callers of
        all processes together.
        """

    @abstractmethod
    async def remember(self, key: str, value: bytes, *, lifetime_s: float) -> None:
        """Keep ``value`` for everybody, in place of what was under ``key``; secrets are sealed before.

        With a lifetime of 0.0 nothing is under ``key`` from now on.
        """

    @abstractmethod
    async def recall(self, key: str) -> bytes | None:
        """What is kept under ``key``; None when nothing is, or its lifetime is over."""
