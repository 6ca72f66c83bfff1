"""Names for new things, passed in."""

from abc import abstractmethod
from typing import Protocol
from uuid import UUID


class Identifiers(Protocol):
    """Makes identifiers that are never made twice."""

    @abstractmethod
    def unique(self) -> UUID:
        """A UUID of version 7: later ones sort later."""

    @abstractmethod
    def reference(self) -> str:
        """A reference for an attempt: ``p-`` and 26 lower-case base32 characters (130 random bits)."""

    @abstractmethod
    def token(self) -> str:
        """An unguessable token: 128 random bits, lower-case hexadecimal."""
