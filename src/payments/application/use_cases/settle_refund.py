"""Settle a refund: send it if it is due for that, else ask what became of it."""

from uuid import UUID

import attrs

from payments.application.ports.providers import RefundAnswer, RefundOutcome, RefundQuestion
from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.refund_recording import others_of
from payments.application.use_cases.read_reports import ReadReports
from payments.application.use_cases.record_refund_answer import Heard, RecordRefundAnswer
from payments.application.use_cases.reserve_refund import ReserveRefund
from payments.application.use_cases.send_refund import SendRefund
from payments.domain.capture import Capture
from payments.domain.errors import PaymentNotFound
from payments.domain.payment import Payment
from payments.domain.refund import Refund
from payments.domain.refunding import capture_of, refund_of
from payments.domain.transitions import RefundStatus


@attrs.frozen
class SettleRefund:
    """Bring one refund on. The sweep, notices and operators come through here."""

    _record: RecordRefundAnswer
    _reports: ReadReports
    _reserve: ReserveRefund
    _send: SendRefund
    _unit_of_work: UnitOfWork

    async def __call__(self, payment_id: UUID, refund_id: UUID, cause: str = "operator") -> Payment:
        """The payment afterwards. One that waits for approval, or failed, is left as it is.

        A refund that succeeded is asked about all the same: it may have come back.

        Raises:
            PaymentNotFound, RefundNotFound: there is none.
        """
        payment = await self._unit_of_work.reads.payment(payment_id)
        if payment is None:
            raise PaymentNotFound
        refund = refund_of(payment, refund_id)
        if refund.status is RefundStatus.RESERVED:
            return await self._send(payment_id, refund_id, actor="system", cause=cause)
        if refund.requested_at is None or refund.status in _ASKED_NEVER:
            return payment
        capture = capture_of(payment, refund.capture_id)
        answer = await self._answer(payment, refund, capture)
        return await self._record(payment_id, refund_id, Heard(answer), cause=cause)

    async def _answer(self, payment: Payment, refund: Refund, capture: Capture) -> RefundAnswer:
        """The provider's answer; whatever goes wrong on the way is no information."""
        provider = self._reserve.provider_of(capture)
        if provider is None:
            return _nothing("provider is switched off")
        if provider.refunds is None:
            # A person handed it out and said so: there is nobody to ask.
            return _nothing("handed back by a person")
        question = RefundQuestion(
            reference=refund.reference,
            attempt=capture.paid_on,
            capture_key=capture.key,
            receipt=capture.known_receipt,
            amount=refund.amount,
            provider_reference=refund.provider_reference,
            requested_at=refund.requested_at or refund.created_at,
            known=others_of(payment, refund),
            reports=await self._reports(provider, refund.reference),
        )
        try:
            return await provider.refunds.check(question)
        except Exception as trouble:  # noqa: BLE001 -- docs/model.md section 3: any exception is no information
            return _nothing(f"{type(trouble).__name__} while asking")


_ASKED_NEVER = frozenset({RefundStatus.AWAITING_APPROVAL, RefundStatus.FAILED})


def _nothing(word: str) -> RefundAnswer:
    return RefundAnswer(outcome=RefundOutcome.NOTHING, word=word)
