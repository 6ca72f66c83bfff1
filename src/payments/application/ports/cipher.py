"""Keeping raw messages unreadable at rest."""

from abc import abstractmethod
from typing import Protocol


class Cipher(Protocol):
    """Seals bytes so that only we can read them, and notices when they were changed."""

    @abstractmethod
    def seal(self, plain: bytes) -> bytes:
        """``plain`` encrypted and authenticated under the present key."""

    @abstractmethod
    def open(self, sealed: bytes) -> bytes:
        """What was sealed, under the present or an earlier key.

        Raises:
            ValueError: it was changed, or sealed under a key we do not have.
        """
