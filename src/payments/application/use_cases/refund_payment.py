"""Refund: set money of one capture aside, then send it back (docs/model.md section 9)."""

from uuid import UUID

import attrs

from payments.application.ports.clock import Clock
from payments.application.ports.identifiers import Identifiers
from payments.application.ports.providers import Flow
from payments.application.ports.repository import Transaction
from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.reasons import said_reason
from payments.application.refund_recording import record_refund
from payments.application.use_cases.reserve_refund import ReserveRefund
from payments.application.use_cases.send_refund import SendRefund
from payments.domain.errors import IdempotencyKeyReused, PaymentNotFound
from payments.domain.money import Money
from payments.domain.payment import Change, Payment
from payments.domain.persons import refuse_payer
from payments.domain.refund import Refund
from payments.domain.refund_rules import RefundRules
from payments.domain.refunding import Wanted, by_hand, capture_of, refund_of, reserve
from payments.domain.transitions import RefundStatus


@attrs.frozen
class RefundPayment:
    """Give money of a payment back, whole or in part, at most once. Who owes the payment cannot."""

    _clock: Clock
    _identifiers: Identifiers
    _reserve: ReserveRefund
    _rules: RefundRules
    _send: SendRefund
    _unit_of_work: UnitOfWork

    async def __call__(
        self,
        payment_id: UUID,
        *,
        amount: str | Money,
        reason: str,
        actor: str,
        capture_id: UUID | None = None,
        refund_id: UUID | None = None,
    ) -> Refund:
        """The refund as it stands after it was sent, or while it waits for approval.

        ``amount`` is a decimal text in the capture's currency, or money. The same ``refund_id`` again is the
        same refund: nothing is set aside or sent twice. Trouble at the provider shows in its status.

        Raises:
            PaymentNotFound: there is none.
            OperatorIsPayer: ``actor`` owes it.
            NothingToRefund, RefundTooLarge, ReceiptPending: not now.
            InvalidRequest, InvalidMoney, UnsupportedAmount, UnsupportedProvider: not like this.
            IdempotencyKeyReused: ``refund_id`` names another refund.
        """
        payment = await self._unit_of_work.reads.payment(payment_id)
        if payment is None:
            raise PaymentNotFound
        refuse_payer(payment, actor)
        capture = capture_of(payment, capture_id)
        money = amount if isinstance(amount, Money) else Money.of(amount, capture.amount.currency)
        wanted = self._reserve.wanted(
            capture.provider,
            refund_id=refund_id or self._identifiers.unique(),
            amount=money,
            reason=said_reason(reason),
            actor=actor,
            capture_id=capture.capture_id,
            awaiting_approval=self._rules.needs_approval(money),
        )
        request_id = self._identifiers.unique()

        async def write(transaction: Transaction) -> Payment:
            locked = await transaction.lock_payment(payment_id)
            if locked is None:
                raise PaymentNotFound
            known = next((r for r in locked.refunds if r.refund_id == wanted.refund_id), None)
            if known is not None:
                return _the_same(locked, known, wanted)
            now = self._clock.now()
            change = reserve(locked, wanted, now=now)
            provider = self._reserve.refuse_impossible(capture_of(locked, capture.capture_id), money)
            if provider.flow is Flow.CASH and not wanted.awaiting_approval:
                new = refund_of(change.payment, wanted.refund_id)
                done = by_hand(change.payment, new, request_id=request_id, now=now)
                change = Change(done.payment, (*change.events, *done.events))
            stored = record_refund(
                locked,
                change,
                wanted.refund_id,
                reviews=await transaction.reviews_of(payment_id),
                actor=actor,
                cause="refund",
                now=now,
            )
            await transaction.save(stored)
            return stored.after

        after = await self._unit_of_work.write(write)
        refund = refund_of(after, wanted.refund_id)
        if refund.status is RefundStatus.RESERVED:
            after = await self._send(payment_id, refund.refund_id, actor=actor, cause="refund")
        return refund_of(after, refund.refund_id)


def _the_same(payment: Payment, known: Refund, wanted: Wanted) -> Payment:
    same = (known.capture_id, known.amount, known.reason, known.actor)
    if same != (wanted.capture_id, wanted.amount, wanted.reason, wanted.actor):
        raise IdempotencyKeyReused
    return payment
