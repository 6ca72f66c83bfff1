"""Approve: a second person's word about a refund that waits for it."""

from uuid import UUID

import attrs

from payments.application.ports.clock import Clock
from payments.application.ports.repository import Transaction
from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.refund_recording import record_refund
from payments.application.use_cases.send_refund import SendRefund
from payments.domain.errors import PaymentNotFound
from payments.domain.payment import Payment
from payments.domain.refund import Refund
from payments.domain.refunding import approve, refund_of
from payments.domain.transitions import RefundStatus


@attrs.frozen
class ApproveRefund:
    """Approve a refund and send it. Who asked for it cannot, nor who owes the payment."""

    _clock: Clock
    _send: SendRefund
    _unit_of_work: UnitOfWork

    async def __call__(self, payment_id: UUID, refund_id: UUID, *, approver: str) -> Refund:
        """The refund as it stands after it was sent; trouble at the provider shows in its status.

        Who approves it again is answered so, too: their first answer may have been lost.

        Raises:
            PaymentNotFound, RefundNotFound: there is none.
            RefundNotAwaiting: somebody else approved it, or it ended.
            ApprovalByRequester: ``approver`` asked for it.
            OperatorIsPayer: ``approver`` owes the payment.
        """
        await self._unit_of_work.write(_Approval(self._clock, payment_id, refund_id, approver))
        after = await self._send(payment_id, refund_id, actor=approver, cause="refund")
        return refund_of(after, refund_id)


@attrs.frozen
class _Approval:
    """One unit of work; run again, or asked for again, it finds the approval that its approver left."""

    _clock: Clock
    _payment_id: UUID
    _refund_id: UUID
    _approver: str

    async def __call__(self, transaction: Transaction) -> Payment:
        locked = await transaction.lock_payment(self._payment_id)
        if locked is None:
            raise PaymentNotFound
        refund = refund_of(locked, self._refund_id)
        if refund.approver == self._approver and refund.status is not RefundStatus.AWAITING_APPROVAL:
            return locked
        now = self._clock.now()
        change = approve(locked, self._refund_id, approver=self._approver, now=now)
        stored = record_refund(
            locked, change, self._refund_id, reviews=(), actor=self._approver, cause="refund", now=now
        )
        await transaction.save(stored)
        return stored.after
