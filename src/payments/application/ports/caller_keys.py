"""The public keys that callers' tokens are signed with."""

from abc import abstractmethod
from typing import Any, Protocol


class CallerKeys(Protocol):
    """The keys of whoever issues our callers' tokens; the issuer may change them at any time."""

    @abstractmethod
    async def named(self, key_id: str) -> Any | None:
        """The public key called ``key_id``, opaque here; None when the issuer has no such key.

        Raises:
            IdentityUnavailable: the issuer gives no answer, and what it said before does not decide it.
        """
