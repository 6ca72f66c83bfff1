"""Get: one payment, for its payer or an operator."""

from uuid import UUID

import attrs

from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.tokens import Tokens
from payments.domain.errors import PaymentNotFound
from payments.domain.payment import Payment


@attrs.frozen
class GetPayment:
    """Read one payment, whole."""

    _tokens: Tokens
    _unit_of_work: UnitOfWork

    async def __call__(self, payment_id: UUID, user_id: str | None) -> Payment:
        """The payment; ``user_id`` None means that an operator asks.

        Raises:
            PaymentNotFound: absent, or somebody else's: nobody can tell which.
        """
        payment = await self._unit_of_work.reads.payment(payment_id)
        if payment is None or user_id not in (None, payment.payer):
            raise PaymentNotFound
        return self._tokens.shown(payment)
