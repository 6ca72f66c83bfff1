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
        return self._tokens.shown(await self.kept(payment_id, user_id))

    async def kept(self, payment_id: UUID, user_id: str | None) -> Payment:
        """The payment as it is kept, for who changes it; it raises alike.

        One that is shown has addresses in it that nobody may write down.
        """
        payment = await self._unit_of_work.reads.payment(payment_id)
        if payment is None or user_id not in (None, payment.payer):
            raise PaymentNotFound
        return payment
