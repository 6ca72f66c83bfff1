"""Send: ask the provider for one reserved refund, at most once."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import attrs

from payments.application.ports.clock import Clock
from payments.application.ports.identifiers import Identifiers
from payments.application.ports.providers import (
    Flow,
    Provider,
    RefundAnswer,
    RefundOutcome,
    RefundQuestion,
    RefundRequest,
    Refunds,
)
from payments.application.ports.repository import Transaction
from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.refund_recording import others_of, record_refund
from payments.application.tokens import Tokens, hash_of
from payments.application.use_cases.read_reports import ReadReports
from payments.application.use_cases.record_refund_answer import Heard, RecordRefundAnswer
from payments.application.use_cases.reserve_refund import ReserveRefund
from payments.domain.errors import (
    OutcomeUnknown,
    PaymentNotFound,
    ProviderRejected,
    ProviderUnavailable,
)
from payments.domain.payment import Change, Payment
from payments.domain.refund import Refund
from payments.domain.refunding import by_hand, capture_of, refund_of, requested
from payments.domain.transitions import RefundStatus

LEFT_BEHIND: Final = timedelta(seconds=60)
"""A refund that waited this long is looked for at the provider before it is sent."""


@attrs.frozen
class SendRefund:
    """Commit that a refund is asked for, ask, record. Only the process that committed it asks, and once."""

    _clock: Clock
    _identifiers: Identifiers
    _record: RecordRefundAnswer
    _reports: ReadReports
    _reserve: ReserveRefund
    _tokens: Tokens
    _unit_of_work: UnitOfWork

    async def __call__(self, payment_id: UUID, refund_id: UUID, *, actor: str, cause: str) -> Payment:
        """The payment afterwards; unchanged where the refund is not reserved, or cannot be sent now.

        Trouble at the provider is an answer, too: it shows in the refund and is never raised.

        Raises:
            PaymentNotFound, RefundNotFound: there is none.
        """
        payment = await self._unit_of_work.reads.payment(payment_id)
        if payment is None:
            raise PaymentNotFound
        refund = refund_of(payment, refund_id)
        capture = capture_of(payment, refund.capture_id)
        provider = self._reserve.provider_of(capture)
        if refund.status is not RefundStatus.RESERVED:
            return payment
        if provider is None or (provider.refunds_by_receipt and capture.known_receipt is None):
            # Nothing is asked. Recording that puts it before a person once it has waited for long.
            waits = RefundAnswer(outcome=RefundOutcome.NOTHING, word="cannot be sent yet")
            return await self._record(payment_id, refund_id, Heard(waits), cause=cause)
        if provider.refunds is None and provider.flow is not Flow.CASH:
            # Nobody's word yet that the money went: a person sends it at the provider, and records that.
            by_a_person = RefundAnswer(
                outcome=RefundOutcome.NEEDS_ATTENTION,
                word="somebody has to send it at the provider and record it here",
            )
            return await self._record(payment_id, refund_id, Heard(by_a_person), cause=cause)
        before = await self._sent_before(provider, payment, refund)
        if before is not None and before.answer.outcome is RefundOutcome.NOTHING:
            # It may have been sent before the database was restored, and nobody could be asked: not now.
            return await self._record(payment_id, refund_id, Heard(before.answer), cause=cause)
        commit = _Commit(
            clock=self._clock,
            payment_id=payment_id,
            refund_id=refund_id,
            request_id=self._identifiers.unique(),
            by_hand=provider.flow is Flow.CASH,
            # Made anew: the key that it is made with may have changed since the refund was set aside.
            callback_token_hash=(
                hash_of(self._tokens.callback(refund.reference)) if provider.callbacks else None
            ),
            actor=actor,
            cause=cause,
        )
        after, mine = await self._unit_of_work.write(commit)
        if not mine or provider.refunds is None:
            return after
        heard = before or await _asked(provider.refunds, self._request(after, refund, provider))
        return await self._record(payment_id, refund_id, heard, cause=cause)

    async def _sent_before(self, provider: Provider, payment: Payment, refund: Refund) -> Heard | None:
        """What the provider says of a refund that waited; None where it has none, or it is too young to ask.

        A database that was restored from a backup has forgotten what it sent since, and a provider need not
        tell a second request from the first.
        """
        if provider.refunds is None or self._clock.now() - refund.created_at <= LEFT_BEHIND:
            return None
        capture = capture_of(payment, refund.capture_id)
        question = RefundQuestion(
            reference=refund.reference,
            attempt=capture.paid_on,
            capture_key=capture.key,
            receipt=capture.known_receipt,
            amount=refund.amount,
            provider_reference=refund.provider_reference,
            requested_at=refund.created_at,
            known=others_of(payment, refund),
            reports=await self._reports(provider, refund.reference),
        )
        try:
            answer = await provider.refunds.check(question)
        except Exception as trouble:  # noqa: BLE001 -- docs/model.md section 3: any exception is no information
            answer = RefundAnswer(
                outcome=RefundOutcome.NOTHING, word=f"{type(trouble).__name__} while asking"
            )
        return None if answer.outcome is RefundOutcome.NOT_FOUND else Heard(answer, to_our_request=True)

    def _request(self, payment: Payment, refund: Refund, provider: Provider) -> RefundRequest:
        capture = capture_of(payment, refund.capture_id)
        return RefundRequest(
            reference=refund.reference,
            attempt=capture.paid_on,
            capture_key=capture.key,
            receipt=capture.known_receipt,
            amount=refund.amount,
            captured=capture.amount,
            reason=refund.reason,
            callback_url=self._tokens.callback_url(refund.reference) if provider.callbacks else None,
        )


async def _asked(refunds: Refunds, request: RefundRequest) -> Heard:
    """What came of asking. What we cannot tell is lost, never repeated."""
    try:
        answer = await refunds.request(request)
    except (ProviderRejected, ProviderUnavailable) as trouble:
        return Heard(RefundAnswer(outcome=RefundOutcome.FAILED, word=trouble.detail), to_our_request=True)
    except OutcomeUnknown as trouble:
        return Heard(RefundAnswer(outcome=RefundOutcome.NOTHING, word=trouble.detail), to_our_request=True)
    except Exception as trouble:  # noqa: BLE001 -- whatever went wrong, the provider may have done it
        word = f"{type(trouble).__name__} while asking"
        return Heard(RefundAnswer(outcome=RefundOutcome.NOTHING, word=word), to_our_request=True)
    return Heard(answer, to_our_request=True)


@attrs.define(kw_only=True)
class _Commit:
    """One unit of work: reserved -> requested, by us or by somebody else.

    Run again after a commit whose outcome was lost, it recognises its own change by the trail it left, which
    carries the name of this very request.
    """

    clock: Clock
    payment_id: UUID
    refund_id: UUID
    request_id: UUID
    by_hand: bool
    callback_token_hash: str | None
    actor: str
    cause: str
    _trail: str | None = attrs.field(default=None, init=False)

    async def __call__(self, transaction: Transaction) -> tuple[Payment, bool]:
        locked = await transaction.lock_payment(self.payment_id)
        if locked is None:
            raise PaymentNotFound
        refund = refund_of(locked, self.refund_id)
        if refund.status is not RefundStatus.RESERVED:
            return locked, locked.trail == self._trail
        now = self.clock.now()
        change = record_refund(
            locked,
            self._step(locked, refund, now),
            self.refund_id,
            reviews=await transaction.reviews_of(self.payment_id),
            actor=self.actor,
            cause=self.cause,
            now=now,
        )
        self._trail = change.after.trail
        await transaction.save(change)
        return change.after, True

    def _step(self, locked: Payment, refund: Refund, now: datetime) -> Change:
        if self.by_hand:
            return by_hand(locked, refund, request_id=self.request_id, now=now)
        return requested(
            locked,
            refund,
            request_id=self.request_id,
            callback_token_hash=self.callback_token_hash,
            now=now,
        )
