"""Cancel: stop a live attempt that nobody has paid (docs/model.md section 5)."""

from uuid import UUID

import attrs

from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.tokens import Tokens
from payments.application.use_cases.close_checkout import CloseCheckout
from payments.application.use_cases.get_payment import GetPayment
from payments.application.use_cases.replace_attempt import ReplaceAttempt
from payments.domain.errors import PaymentInReview, PaymentSettled
from payments.domain.events import Reason
from payments.domain.payment import Payment


@attrs.frozen
class CancelPayment:
    """Close what could still be paid. A payment without a live attempt is answered unchanged."""

    _close: CloseCheckout
    _get: GetPayment
    _replace: ReplaceAttempt
    _tokens: Tokens
    _unit_of_work: UnitOfWork

    async def __call__(self, payment_id: UUID, user_id: str | None, actor: str) -> Payment:
        """The payment afterwards; ``user_id`` None means that an operator asks.

        Raises:
            PaymentNotFound: absent, or somebody else's.
            PaymentSettled: it is paid.
            PaymentInReview: money of it is held.
            AttemptInFlight, PaymentInFlight: the payer may be paying at this moment; repeat later.
        """
        payment = await self._get.kept(payment_id, user_id)
        reason = Reason.CANCELLED_BY_PAYER
        return self._tokens.shown(
            await self.live_attempt(payment, reason=reason, actor=actor, cause="cancel")
        )

    async def live_attempt(self, payment: Payment, *, reason: Reason, actor: str, cause: str) -> Payment:
        """The payment with its live attempt asked about and closed for ``reason``; it raises alike."""
        _refuse_settled(payment)
        live = payment.live_attempt
        if live is None:
            return payment
        asked = await self._replace(payment, live, cause)
        _refuse_settled(asked)
        present = asked.attempt(live.reference)
        if not present.live:
            return asked
        closed = await self._close(asked, present, reason=reason, actor=actor, cause=cause)
        _refuse_settled(closed)
        if not closed.attempt(live.reference).live:
            return closed
        # It was said to be paid meanwhile: asked about once more, which proves it or refuses.
        return await self.live_attempt(closed, reason=reason, actor=actor, cause=cause)


def _refuse_settled(payment: Payment) -> None:
    facts = {"payment_id": str(payment.payment_id)}
    if payment.settling_capture:
        raise PaymentSettled(facts=facts)
    if payment.held_captures:
        raise PaymentInReview(facts=facts)
