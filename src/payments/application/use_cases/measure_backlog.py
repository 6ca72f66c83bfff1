"""Measure the backlog: how much work waits, for metrics and readiness."""

import attrs

from payments.application.ports.clock import Clock
from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.records import Backlog


@attrs.frozen
class MeasureBacklog:
    """Count what waits in inbox, outbox and the review queue."""

    _clock: Clock
    _unit_of_work: UnitOfWork

    async def __call__(self) -> Backlog:
        """The backlog now.

        Raises:
            StorageUnavailable: the database gave no answer.
        """
        return await self._unit_of_work.reads.backlog(self._clock.now())
