"""Read reports: what a provider reported to the secret address of an attempt or a refund."""

from typing import Final

import attrs

from payments.application.ports.cipher import Cipher
from payments.application.ports.providers import Callback, Provider
from payments.application.ports.unit_of_work import UnitOfWork

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
        reads = self._unit_of_work.reads
        read = []
        for notice in await reads.newest_notices(reference, provider.name, MOST_READ):
            try:
                body = self._cipher.open(notice.sealed)
            except ValueError:
                continue
            read.append(provider.callbacks.read(body))
        return tuple(read)
