"""Erase what is old: raw notices, what names a payer, and answers that ran out (docs/adr/0026)."""

from typing import Final

import attrs

from payments.application.ports.clock import Clock
from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.retention import Retention

BATCH: Final = 100
"""Rows of one kind in one transaction: nobody who waits for the database waits long for this."""


@attrs.frozen
class EraseOld:
    """Take out what is kept for a while only. Records, digests, audit trails and sums stay as they are."""

    _clock: Clock
    _retention: Retention
    _unit_of_work: UnitOfWork

    async def __call__(self, limit: int = BATCH) -> int:
        """How much was erased; 0 when nothing is old enough. Whoever is cut off runs it again."""
        now = self._clock.now()
        notices_end, people_end = now - self._retention.notices_for, now - self._retention.people_for
        write = self._unit_of_work.write
        return (
            await write(lambda transaction: transaction.erase_notices(notices_end, limit=limit))
            + await write(lambda transaction: transaction.erase_people(people_end, limit=limit))
            + await write(lambda transaction: transaction.forget_answers(now, limit=limit))
        )
