"""Keeping raw messages unreadable at rest, and making secrets that need not be kept."""

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

    @property
    @abstractmethod
    def key_id(self) -> str:
        """The name of the present key: 8 lower-case hexadecimal digits."""

    @abstractmethod
    def derive(self, name: str, key_id: str) -> bytes:
        """32 bytes that nobody can guess who lacks the key, always the same for ``name`` and ``key_id``.

        Raises:
            ValueError: we do not have that key.
        """
