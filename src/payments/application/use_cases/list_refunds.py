"""List refunds: those of one payment, for people who may give money back."""

from uuid import UUID

import attrs

from payments.application.ports.unit_of_work import UnitOfWork
from payments.domain.errors import PaymentNotFound
from payments.domain.refund import Refund


@attrs.frozen
class ListRefunds:
    """Read the refunds of one payment, whoever owes it."""

    _unit_of_work: UnitOfWork

    async def __call__(self, payment_id: UUID) -> tuple[Refund, ...]:
        """All of them, oldest first.

        Raises:
            PaymentNotFound: there is none.
        """
        payment = await self._unit_of_work.reads.payment(payment_id)
        if payment is None:
            raise PaymentNotFound
        return payment.refunds
