"""Two PostgreSQL nodes that a fail-over can be tried on, whoever promotes."""

import time
from abc import abstractmethod
from typing import Protocol

import attrs

from tests.postgres_pair import Pair


@attrs.frozen
class Takeover:
    """One fail-over in seconds."""

    promoted_after_s: float
    """From the primary's death until the standby took writes."""
    served_after_s: float
    """From then until a client's write was acknowledged."""


class Nodes(Protocol):
    """A primary and a standby."""

    @property
    @abstractmethod
    def url(self) -> str:
        """Where both are, as the service is told."""

    @property
    @abstractmethod
    def synchronous(self) -> bool:
        """Whether a commit is confirmed only when both have it."""

    @abstractmethod
    def lose_the_primary(self) -> float:
        """``kill -9`` for all of it; returns when the other takes writes, with the seconds that took."""

    @abstractmethod
    def mend(self) -> None:
        """Have whoever died follow the other one; returns when both are in step."""


@attrs.frozen
class OwnNodes(Nodes):
    """We promote the standby ourselves, at once."""

    _pair: Pair

    @property
    def url(self) -> str:
        return self._pair.url

    @property
    def synchronous(self) -> bool:
        return self._pair.synchronous

    def lose_the_primary(self) -> float:
        began = time.monotonic()
        self._pair.primary.kill()
        self._pair.fail_over()
        return time.monotonic() - began

    def mend(self) -> None:
        self._pair.attach()
