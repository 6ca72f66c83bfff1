"""Resolve: a person's decision about a review, with their name and their reason (docs/model.md section 8)."""

import json
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final, TypeAlias
from uuid import UUID

import attrs

from payments.application.attesting import CAUSE, attest
from payments.application.ports.clock import Clock
from payments.application.ports.identifiers import Identifiers
from payments.application.ports.providers import Providers
from payments.application.ports.repository import Transaction
from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.reasons import said_reason
from payments.application.recording import record
from payments.application.review_details import Details, require_fitting
from payments.application.review_recording import resolved_alone
from payments.application.use_cases.attach_money import AttachMoney
from payments.application.use_cases.reserve_refund import ReserveRefund
from payments.application.use_cases.settle_payment import SettlePayment
from payments.application.use_cases.settle_refund import SettleRefund
from payments.domain import events as happened
from payments.domain import reviewing
from payments.domain.capture import Vouched
from payments.domain.errors import (
    DecisionNotPossible,
    FieldError,
    InvalidRequest,
    PaymentNotFound,
    ReviewAlreadyDecided,
    ReviewNotFound,
)
from payments.domain.events import ReviewKind
from payments.domain.evidence import Answer, Outcome, Rule
from payments.domain.money import Money
from payments.domain.payment import Change, Payment
from payments.domain.persons import refuse_payer
from payments.domain.refund import refundable
from payments.domain.refund_rules import RefundRules
from payments.domain.review import Review, ReviewState
from payments.domain.reviewing import Decided, Decision, SeenRefund, WayOut, is_decided, require_way_out
from payments.domain.transitions import RefundStatus

_Way: TypeAlias = "Callable[[Review, Decision, Details], Awaitable[Review]]"
_Deciding: TypeAlias = Callable[[Transaction, Payment, Review, datetime], Awaitable[Decided]]


_ENDS: Final = frozenset({happened.RefundSucceeded.__name__, happened.RefundFailed.__name__})
_FINAL: Final = frozenset({Rule.DECLINED, Rule.CLOSED, Rule.NEVER_CREATED, Rule.NO_LONGER_LIVE})
"""Verdicts without money after which nobody has to ask what became of an attempt."""


@attrs.frozen
class ResolveReview:
    """Decide about one review. Nobody sets a status: a decision is a fact, and the rules do the rest."""

    _attach: AttachMoney
    _clock: Clock
    _identifiers: Identifiers
    _providers: Providers
    _reserve: ReserveRefund
    _rules: RefundRules
    _settle: SettlePayment
    _settle_refund: SettleRefund
    _unit_of_work: UnitOfWork

    async def __call__(
        self, review_id: UUID, decision: str, reason: str, actor: str, details: Details | None = None
    ) -> Review:
        """The review afterwards: resolved, waiting for its refund, or open still if asking told nothing new.

        The same decision by the same person again is answered as the first time.

        Raises:
            ReviewNotFound: there is none.
            InvalidRequest: a field is missing, wrong or of no use here.
            DecisionNotPossible: a review of this kind, or about this money, has no such way out.
            OperatorIsPayer: ``actor`` owes the payment that it is about.
            ReviewAlreadyDecided: somebody was faster, or the same person said something else.
            ReceiptPending, UnsupportedAmount, UnsupportedProvider: the money cannot be sent back, or not yet.
        """
        given = details or Details()
        chosen = Decision(way_out=_way_out(decision), actor=actor, reason=said_reason(reason))
        review = await self._unit_of_work.reads.review(review_id)
        if review is None:
            raise ReviewNotFound
        payment = await self._unit_of_work.reads.payment(review.payment_id) if review.payment_id else None
        if payment is not None:
            refuse_payer(payment, actor)
        require_way_out(review, chosen)
        require_fitting(review, chosen, given)
        if is_decided(review, chosen):
            if not await self._was_said(review, chosen, given):
                raise ReviewAlreadyDecided(
                    f"{review.actor} decided {review.decision!r}, and said something else of it.",
                    facts={"review_id": str(review.review_id), "decision": chosen.way_out.value},
                )
            return review
        ways: dict[WayOut, _Way] = {
            WayOut.ACCEPT: self._accept,
            WayOut.REFUND: self._refund,
            WayOut.DISMISS: self._dismiss,
            WayOut.ATTACH: self._attached,
            WayOut.ASK_AGAIN: self._ask_again,
            WayOut.RECORD: self._record,
            WayOut.UNLOCK: self._unlock,
            WayOut.REFUSE: self._refuse,
        }
        return await ways[chosen.way_out](review, chosen, given)

    async def _accept(self, review: Review, decision: Decision, _details: Details) -> Review:
        async def accept(_t: Transaction, payment: Payment, present: Review, now: datetime) -> Decided:
            return reviewing.accept(payment, present, decision, now=now)

        return await self._decide(review, decision, accept)

    async def _refund(self, review: Review, decision: Decision, _details: Details) -> Review:
        refund_id = self._identifiers.unique()

        async def refund(_t: Transaction, payment: Payment, present: Review, now: datetime) -> Decided:
            capture = reviewing.capture_about(payment, present)
            left = refundable(capture, payment.refunds)
            if left.minor > 0:
                self._reserve.refuse_impossible(capture, left)
            wanted = self._reserve.wanted(
                capture.provider,
                refund_id=refund_id,
                amount=left,
                reason=decision.reason,
                actor=decision.actor,
                capture_id=capture.capture_id,
                awaiting_approval=self._rules.needs_approval(left),
            )
            return reviewing.refund(payment, present, decision, wanted, now=now)

        return await self._decide(review, decision, refund, refund_id=refund_id)

    async def _dismiss(self, review: Review, decision: Decision, _details: Details) -> Review:
        async def dismiss(_t: Transaction, payment: Payment, present: Review, now: datetime) -> Decided:
            return reviewing.resolved(Change(payment), present, decision, now=now)

        if review.payment_id is not None:
            return await self._decide(review, decision, dismiss)
        return await self._unit_of_work.write(_DismissingAlone(review.review_id, decision, self._clock))

    async def _attached(self, review: Review, decision: Decision, details: Details) -> Review:
        return await self._attach(review, decision, details.reference or "", details.paid_under)

    async def _unlock(self, review: Review, decision: Decision, _details: Details) -> Review:
        async def unlock(_t: Transaction, payment: Payment, present: Review, now: datetime) -> Decided:
            return reviewing.unlocked(payment, present, decision, now=now)

        return await self._decide(review, decision, unlock)

    async def _refuse(self, review: Review, decision: Decision, _details: Details) -> Review:
        evidence_id = self._identifiers.unique()
        # Each refusal is a new one, whatever was declined before.
        refused = Answer(outcome=Outcome.DECLINED, word="refused", fingerprint=str(evidence_id))
        return await self._decide(review, decision, self._attesting(decision, refused, evidence_id))

    async def _record(self, review: Review, decision: Decision, details: Details) -> Review:
        if review.kind is ReviewKind.REFUND_UNKNOWN:
            return await self._record_refund(review, decision, details)
        seen = self._seen(await self._payment(review), review, details)
        evidence_id = self._identifiers.unique()
        return await self._decide(review, decision, self._attesting(decision, seen, evidence_id))

    def _seen(self, payment: Payment, review: Review, details: Details) -> Answer:
        """What a person saw of the attempt that the review is about, as an answer."""
        attempt = payment.attempt(reviewing.attempt_about(payment, review))
        paid = details.outcome == "paid"
        amount = Money.of(details.amount, attempt.amount.currency) if details.amount else attempt.amount
        provider, name = self._providers.by_name.get(attempt.provider), details.provider_reference
        if name is not None:
            # How a provider that is switched off writes the rest, nobody can say here.
            name = provider.as_written(name) if provider is not None else name.strip()
        return Answer(
            outcome=Outcome.PAID if paid else Outcome.CLOSED,
            word=(details.outcome or "").replace("_", " "),
            reference=attempt.reference,
            amount=amount if paid else None,
            mode=attempt.mode,
            provider_reference=name,
            capture_key=name if paid else None,
        )

    async def _was_said(self, review: Review, decision: Decision, details: Details) -> bool:
        """Whether the decision was made with these details, which what was written with it tells."""
        reads = self._unit_of_work.reads
        if decision.way_out is WayOut.ATTACH:
            named = await reads.payment_with_reference(details.reference or "")
            written = await reads.evidence_of(named.payment_id) if named else ()
            by_now = named.captures if named else ()
            # Where it was here already, nothing was written.
            return any(
                (e.reference, e.observed_at) == (details.reference, review.resolved_at) for e in written
            ) or any(
                c.attached and c.reference == details.reference and c.key in review.subject for c in by_now
            )
        if decision.way_out is not WayOut.RECORD:
            return True
        payment = await self._payment(review)
        if review.kind is ReviewKind.REFUND_UNKNOWN:
            return await self._was_seen(review, payment, details)
        seen = self._seen(payment, review, details)
        return any(
            (e.reference, e.observed_at) == (seen.reference, review.resolved_at)
            and (e.answer.word, e.answer.capture_key, e.answer.amount)
            == (seen.word, seen.capture_key, seen.amount)
            for e in await reads.evidence_of(payment.payment_id)
        )

    async def _was_seen(self, review: Review, payment: Payment, details: Details) -> bool:
        """Whether the refund had ended so when a person recorded it; it may have ended otherwise since.

        By which name they knew it is kept nowhere, where its provider had named it.
        """
        refund_id = reviewing.refund_about(payment, review).refund_id
        decided = (review.resolved_at, review.actor)
        ends = [
            ((entry.at, entry.actor), told["event"])
            for entry in await self._unit_of_work.reads.audit_of(payment.payment_id)
            if review.resolved_at is None or entry.at <= review.resolved_at
            for told in json.loads(entry.events)
            if told.get("refund_id") == str(refund_id) and told["event"] in _ENDS
        ]
        # Theirs, or the last before it: it had ended so.
        said = [end for by, end in ends if by == decided] or [end for _, end in ends]
        return (said[-1:] == [happened.RefundSucceeded.__name__]) is (details.outcome == "succeeded")

    async def _record_refund(self, review: Review, decision: Decision, details: Details) -> Review:
        seen = SeenRefund(
            succeeded=details.outcome == "succeeded", provider_reference=details.provider_reference
        )

        async def end(transaction: Transaction, locked: Payment, present: Review, now: datetime) -> Decided:
            reviews = await transaction.reviews_of(locked.payment_id)
            waiting = tuple(each for each in reviews if each.review_id != present.review_id)
            return reviewing.refund_recorded(locked, present, decision, seen, waiting=waiting, now=now)

        return await self._decide(review, decision, end)

    def _attesting(self, decision: Decision, answer: Answer, evidence_id: UUID) -> _Deciding:
        """What a person vouches for about the review's own attempt, as the evidence that answers it."""

        async def apply(
            transaction: Transaction, payment: Payment, present: Review, now: datetime
        ) -> Decided:
            reference = reviewing.attempt_about(payment, present)
            attested = await attest(
                transaction,
                payment,
                reference,
                answer,
                evidence_id=evidence_id,
                vouched=Vouched.RECORDED,
                now=now,
            )
            decided = reviewing.resolved(attested.change, present, decision, now=now)
            return attrs.evolve(decided, evidence=attested.evidence, others=attested.others)

        return apply

    async def _ask_again(self, review: Review, decision: Decision, _details: Details) -> Review:
        payment = await self._payment(review)
        if review.kind is ReviewKind.REFUND_UNKNOWN:
            return await self._ask_about_refund(review, payment, decision)
        reference = reviewing.attempt_about(payment, review)
        settled = await self._settle.ask(payment, reference, CAUSE)
        arrived = settled.payment.has_own_money(reference)
        # Money that is here says nothing about more that was reported and is not.
        paid = arrived and settled.outcome in (Outcome.PAID, Outcome.RETURNED)
        elsewhere = settled.rule in (Rule.NOT_OURS, Rule.KEY_TAKEN)
        all_here = elsewhere or await self._settle.all_reported_is_here(settled.payment, reference)
        if not all_here or (not paid and settled.rule not in _FINAL):
            why = f"The provider answered {settled.answer.word!r}, which ends nothing."
            return await self._note(review, decision, why)

        async def answered(_t: Transaction, locked: Payment, present: Review, now: datetime) -> Decided:
            return reviewing.resolved(Change(locked), present, decision, now=now)

        return await self._decide(review, decision, answered)

    async def _ask_about_refund(self, review: Review, payment: Payment, decision: Decision) -> Review:
        """Ask what became of the refund; once it ended, its answer has answered the question, too."""
        refund = reviewing.refund_about(payment, review)
        after = await self._settle_refund(payment.payment_id, refund.refund_id, CAUSE)
        present = await self._unit_of_work.reads.review(review.review_id)
        if present is not None and present.state is ReviewState.RESOLVED:
            return present
        about = reviewing.refund_about(after, review)
        said = about.detail or "nothing"
        if about.status is RefundStatus.RESERVED:
            return await self._note(review, decision, f"It waits to be sent: {said}.")
        return await self._note(review, decision, f"The provider said {said!r}, which ends nothing.")

    async def _note(self, review: Review, decision: Decision, why: str) -> Review:
        """Put on record that a person had it asked about, and leave the question open."""

        async def write(transaction: Transaction) -> Review:
            locked, present = await _locked(transaction, review)
            if is_decided(present, decision):
                return present
            change = reviewing.asked_in_vain(locked, present, decision, why)
            now = self._clock.now()
            await transaction.save(record(locked, change, actor=decision.actor, cause=CAUSE, now=now))
            return present

        return await self._unit_of_work.write(write)

    async def _decide(
        self, review: Review, decision: Decision, deciding: _Deciding, *, refund_id: UUID | None = None
    ) -> Review:
        """Lock, read again, decide and write, all in one; of two people one is told that it is decided.

        ``refund_id`` is the refund that this decision makes. Where it is there already, this ran before: the
        refund may have failed since, and the question be open again.
        """

        async def write(transaction: Transaction) -> Review:
            locked, present = await _locked(transaction, review)
            if is_decided(present, decision) or any(r.refund_id == refund_id for r in locked.refunds):
                return present
            now = self._clock.now()
            decided = await deciding(transaction, locked, present, now)
            stored = record(
                locked,
                decided.change,
                actor=decision.actor,
                cause=CAUSE,
                now=now,
                evidence=decided.evidence,
                decided=(decided.review, *decided.others),
            )
            await transaction.save(stored)
            return decided.review

        return await self._unit_of_work.write(write)

    async def _payment(self, review: Review) -> Payment:
        payment = await self._unit_of_work.reads.payment(review.payment_id) if review.payment_id else None
        if payment is None:
            raise DecisionNotPossible("It is about no payment of ours.")
        return payment


@attrs.frozen
class _DismissingAlone:
    """Dismiss a review of no payment: the trail that tells of it is the review's own."""

    review_id: UUID
    decision: Decision
    clock: Clock

    async def __call__(self, transaction: Transaction) -> Review:
        present = await transaction.lock_review(self.review_id)
        if present is None:
            raise ReviewNotFound
        if is_decided(present, self.decision):
            return present
        now = self.clock.now()
        answered = reviewing.answered(present, self.decision, now=now)
        trail = await transaction.review_trail(self.review_id)
        stored = resolved_alone(trail, answered, actor=self.decision.actor, cause=CAUSE, now=now)
        await transaction.decide_review(stored)
        return answered


async def _locked(transaction: Transaction, review: Review) -> tuple[Payment, Review]:
    """The payment that ``review`` is about, locked, and the review as it stands now."""
    if review.payment_id is None:
        raise DecisionNotPossible("It is about no payment of ours.")
    locked = await transaction.lock_payment(review.payment_id)
    if locked is None:
        raise PaymentNotFound
    present = await transaction.lock_review(review.review_id)
    if present is None:
        raise ReviewNotFound
    return locked, present


def _way_out(decision: str) -> WayOut:
    try:
        return WayOut(decision)
    except ValueError:
        offered = ", ".join(way.value for way in WayOut)
        raise InvalidRequest(errors=(FieldError("/decision", f"Use one of: {offered}."),)) from None
