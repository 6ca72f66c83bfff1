"""Sweep refunds: send what was left reserved, and ask about what has not ended."""

from datetime import timedelta
from typing import Final

import attrs

from payments.application.ports.clock import Clock
from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.together import all_of
from payments.application.use_cases.settle_refund import SettleRefund

LEASE: Final = timedelta(seconds=60)
BATCH: Final = 20


@attrs.frozen
class SweepRefunds:
    """Leave no refund lying: what a crash, an approval, a policy or a review left is brought on from here."""

    _clock: Clock
    _settle: SettleRefund
    _unit_of_work: UnitOfWork

    async def __call__(self, limit: int = BATCH) -> int:
        """How many refunds were looked after, at most ``limit``; 0 when none is due."""
        now = self._clock.now()
        due = await self._unit_of_work.single.lease_refunds(now, until=now + LEASE, limit=limit)
        await all_of(self._settle(payment_id, refund_id, "sweep") for payment_id, refund_id in due)
        return len(due)
