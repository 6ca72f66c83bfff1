"""Refuse: end a refund that waits for approval, and free its amount."""

from uuid import UUID

import attrs

from payments.application.ports.clock import Clock
from payments.application.ports.repository import Transaction
from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.reasons import said_reason
from payments.application.refund_recording import record_refund
from payments.domain.errors import PaymentNotFound, RefundNotAwaiting
from payments.domain.persons import refuse_payer
from payments.domain.refund import Refund
from payments.domain.refunding import refund_of, refuse
from payments.domain.transitions import RefundStatus


@attrs.frozen
class RefuseRefund:
    """Say no to a refund that was never sent. A question that it answered is open again."""

    _clock: Clock
    _unit_of_work: UnitOfWork

    async def __call__(self, payment_id: UUID, refund_id: UUID, *, actor: str, reason: str) -> Refund:
        """The refund, failed. Refusing it again with the same words answers the same.

        Raises:
            PaymentNotFound, RefundNotFound: there is none.
            RefundNotAwaiting: it was approved, or ended.
            OperatorIsPayer: ``actor`` owes the payment.
            InvalidRequest: the reason is none.
        """
        word = f"refused by {actor}: {said_reason(reason)}"

        async def write(transaction: Transaction) -> Refund:
            locked = await transaction.lock_payment(payment_id)
            if locked is None:
                raise PaymentNotFound
            refund = refund_of(locked, refund_id)
            refuse_payer(locked, actor)
            if refund.status is RefundStatus.FAILED and refund.detail == word:
                return refund
            if refund.status is not RefundStatus.AWAITING_APPROVAL:
                raise RefundNotAwaiting
            now = self._clock.now()
            change = refuse(locked, refund, word=word, now=now)
            reviews = await transaction.reviews_of(payment_id)
            stored = record_refund(
                locked, change, refund_id, reviews=reviews, actor=actor, cause="refund", now=now
            )
            await transaction.save(stored)
            return refund_of(stored.after, refund_id)

        return await self._unit_of_work.write(write)
