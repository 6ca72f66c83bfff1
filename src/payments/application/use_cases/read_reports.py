"""Read reports: what a provider reported to the secret address of an attempt or a refund."""

from typing import Final

import attrs

from payments.application.ports.cipher import Cipher
from payments.application.ports.providers import Callback, Provider
from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.records import Claim, Notice

MOST_READ: Final = 50
"""The newest so many: a provider that repeats itself has said it all by then."""


@attrs.frozen
class ReadReports:
    """Open the stored callbacks about one reference. What cannot be opened any more is passed over."""

    _cipher: Cipher
    _unit_of_work: UnitOfWork

    async def __call__(self, provider: Provider | None, reference: str) -> tuple[Callback, ...]:
        """What ``provider`` said of ``reference``, oldest first; nothing for one that signs what it sends."""
        if provider is None or provider.callbacks is None:
            return ()
        opened = await self._opened(provider, reference)
        return tuple(provider.callbacks.read(body) for _, body in opened if body is not None)

    async def whole(self, provider: Provider | None, reference: str) -> tuple[Callback, ...] | None:
        """The same; None if the provider is switched off, or a report of money is erased or lost its key."""
        if provider is None:
            return None
        if provider.callbacks is None:
            return ()
        opened = await self._opened(provider, reference)
        if any(body is None and notice.claim is Claim.PAID for notice, body in opened):
            return None
        return tuple(provider.callbacks.read(body) for _, body in opened if body is not None)

    async def _opened(self, provider: Provider, reference: str) -> list[tuple[Notice, bytes | None]]:
        notices = await self._unit_of_work.reads.newest_notices(reference, provider.name, MOST_READ)
        return [(notice, self._body(notice)) for notice in notices]

    def _body(self, notice: Notice) -> bytes | None:
        try:
            return self._cipher.open(notice.sealed)
        except ValueError:
            return None
