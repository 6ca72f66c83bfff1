"""Small facts that all processes of the service share and may lose without losing money."""

from abc import abstractmethod
from typing import Protocol


class SharedState(Protocol):
    """Coalescing: the same question is not asked by everybody at once."""

    @abstractmethod
    async def first_within(self, key: str, window_s: float) -> bool:
        """Whether nobody was told True for ``key`` within the last ``window_s`` seconds.

        Of any number of simultaneous callers exactly one is told True.
        """
