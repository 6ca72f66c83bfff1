"""Attach: money that belonged to nobody, put to the attempt a person names (docs/model.md section 8)."""

from datetime import datetime
from typing import Final
from uuid import UUID

import attrs

from payments.application.asking import answer_of
from payments.application.attesting import CAUSE, Attested, attest
from payments.application.notice_subjects import about_in
from payments.application.ports.clock import Clock
from payments.application.ports.identifiers import Identifiers
from payments.application.ports.providers import Provider, Providers, Question
from payments.application.ports.repository import Transaction
from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.recording import record
from payments.application.review_recording import resolved_alone
from payments.domain.attempt import Attempt
from payments.domain.capture import Vouched
from payments.domain.collection import Collection, attached, collection_named_by
from payments.domain.collection import answer_of as record_of
from payments.domain.errors import (
    DecisionNotPossible,
    FieldError,
    InvalidRequest,
    PaymentNotFound,
    ReviewNotFound,
)
from payments.domain.evidence import Answer, Outcome
from payments.domain.payment import Change, Payment
from payments.domain.persons import owes, refuse_payer
from payments.domain.refund import Refund, failed_since
from payments.domain.review import Review
from payments.domain.reviewing import Decided, Decision, is_decided, resolved
from payments.domain.watching import watched_for_the_rest

ANSWERED_WITHIN_S: Final = 10.0
"""How long a provider may take while a person waits."""

_MONEY: Final = frozenset({Outcome.PAID, Outcome.RETURNED})


@attrs.frozen
class AttachMoney:
    """Ask about an orphan once more, and apply the answer to the attempt that a person names for it.

    The person answers only whose money it is. That it is there, how much, and in which of the provider's two
    worlds is the provider's word; amount and currency are matched as ever. Of cash the collector's record is
    that word, and nobody is asked.
    """

    _clock: Clock
    _identifiers: Identifiers
    _providers: Providers
    _unit_of_work: UnitOfWork

    async def __call__(
        self, review: Review, decision: Decision, reference: str, paid_under: str | None = None
    ) -> Review:
        """The review, resolved.

        ``paid_under`` is the forgotten reference of ours that the money was paid under, where the review has
        only the provider's own name for the money. The provider's answer about it has to bear that name.

        Raises:
            InvalidRequest: no attempt is called ``reference``; names ``/reference``.
            DecisionNotPossible: the provider shows no such money, or it cannot count there.
            OperatorIsPayer: the person owes the payment that the money would go to.
            ReviewAlreadyDecided: somebody was faster.
        """
        named = await self._unit_of_work.reads.payment_with_reference(reference)
        if named is None:
            remedy = "Name an attempt of ours: p- and 26 characters."
            raise InvalidRequest(errors=(FieldError("/reference", remedy),))
        refuse_payer(named, decision.actor)
        attempt = named.attempt(reference)
        collection = await self._cash(review)
        vouched: Vouched | None = Vouched.ATTACHED
        newest = True
        if collection is not None:
            answer, bound = _recorded(collection, named, attempt), frozenset[str]()
        else:
            provider = self._providers.by_name.get(attempt.provider)
            if provider is None or provider.mode is not attempt.mode:
                raise DecisionNotPossible(
                    f"{attempt.provider} cannot be asked: it is off, or in the other mode."
                )
            told, newest = await self._answer(review, provider, attempt, paid_under)
            answer, bound = _vouched(told, attempt), provider.bound
            if told.reference == reference:
                vouched = None
        return await self._unit_of_work.write(
            _Attaching(
                review=review,
                decision=decision,
                payment_id=named.payment_id,
                reference=reference,
                answer=answer,
                bound=bound,
                vouched=vouched,
                newest=newest,
                refunds=named.refunds,
                collection=collection,
                evidence_id=self._identifiers.unique(),
                clock=self._clock,
            )
        )

    async def _cash(self, review: Review) -> Collection | None:
        """The collector's record that the review is about, if it is about cash."""
        collection_id = collection_named_by(review.subject)
        if collection_id is None:
            return None
        return await self._unit_of_work.reads.collection(collection_id)

    async def _answer(
        self, review: Review, provider: Provider, attempt: Attempt, paid_under: str | None
    ) -> tuple[Answer, bool]:
        """The provider's word about the money, and whether it was given now."""
        if review.payment_id is None:
            return await self._of_a_notice(review, provider, attempt, paid_under), True
        return await self._of_an_answer(review, review.payment_id, provider)

    async def _of_an_answer(
        self, review: Review, payment_id: UUID, provider: Provider
    ) -> tuple[Answer, bool]:
        """What the provider says of a transaction it once named when asked about another attempt of ours.

        Its newest word counts; where it no longer names the transaction, what it said before stands.
        """
        asked_about, _, key = review.subject.partition(":")
        payment = await self._unit_of_work.reads.payment(payment_id)
        attempts = payment.attempts if payment else ()
        origin = next((a for a in attempts if a.reference == asked_about), None)
        if origin is None or not key:
            raise DecisionNotPossible("What this review is about is not money of a provider.")
        _require_one_provider(origin.provider, provider)
        question = Question(
            reference=asked_about, provider_reference=origin.provider_reference, amount=origin.amount
        )
        answer = await answer_of(provider, question, ANSWERED_WITHIN_S)
        if answer.capture_key == key:
            return _of_our_request(answer, origin), True
        seen = [
            each.answer
            for each in await self._unit_of_work.reads.evidence_of(payment_id)
            if each.reference == asked_about and each.answer.capture_key == key
        ]
        named = seen[-1].reference if seen else None
        if named not in (None, asked_about):
            # It is another transaction's, and may have gone back since.
            again = attrs.evolve(question, reference=named, provider_reference=None)
            newest = await answer_of(provider, again, ANSWERED_WITHIN_S)
            if newest.capture_key == key:
                return newest, True
        if not seen:
            raise DecisionNotPossible(f"{provider.name} answered {answer.word!r}, which names no such money.")
        return _of_our_request(seen[-1], origin), False

    async def _of_a_notice(
        self, review: Review, provider: Provider, attempt: Attempt, paid_under: str | None
    ) -> Answer:
        """What the provider says of a reference that it told us about, and that we never gave out."""
        named = about_in(review.subject)
        notices = await self._unit_of_work.reads.notices_about(named)
        if not notices:
            raise DecisionNotPossible("No notice names what this review is about.")
        _require_one_provider(notices[-1].provider, provider)
        asked_about = paid_under or named
        question = Question(reference=asked_about, provider_reference=None, amount=attempt.amount)
        answer = await answer_of(provider, question, ANSWERED_WITHIN_S)
        if answer.reference not in (None, asked_about):
            raise DecisionNotPossible(f"{provider.name} answered about another reference.")
        if paid_under is not None and answer.capture_key != named:
            raise DecisionNotPossible(f"What {provider.name} knows as {paid_under} is other money.")
        await self._require_uncounted(asked_about, answer)
        return answer

    async def _require_uncounted(self, asked_about: str, answer: Answer) -> None:
        """Return if what was paid under a reference is not here; what a person recorded has any name."""
        known = await self._unit_of_work.reads.payment_with_reference(asked_about)
        own = [c for c in known.captures if c.paid_on == asked_about] if known else []
        if any(c.vouched is Vouched.RECORDED or answer.capture_key in c.names for c in own):
            raise DecisionNotPossible(f"What was paid under {asked_about} counts for it already.")


def _require_one_provider(origin: str, provider: Provider) -> None:
    if origin != provider.name:
        raise DecisionNotPossible(
            f"The money is at {origin}, and the attempt is one of {provider.name}.",
            errors=(FieldError("/reference", f"Name an attempt of {origin}."),),
        )


def _of_our_request(answer: Answer, origin: Attempt) -> Answer:
    """``answer`` with what it does not attest as our own request has it, whoever the money is then put to."""
    return attrs.evolve(
        answer,
        reference=answer.reference or origin.reference,
        amount=answer.amount or origin.amount,
    )


def _recorded(collection: Collection, payment: Payment, attempt: Attempt) -> Answer:
    """A collector's record as evidence about the attempt of ``payment`` that the person names.

    Raises:
        DecisionNotPossible: the attempt is not to be paid at the door, or by whoever collected it.
    """
    if not attempt.on_delivery:
        raise DecisionNotPossible(
            f"The money is cash, and the attempt is one of {attempt.provider}.",
            errors=(FieldError("/reference", "Name a cash attempt."),),
        )
    if owes(payment, collection.collector):
        raise DecisionNotPossible("Nobody collects their own cash.")
    return record_of(collection, attempt, attempt.mode)


def _vouched(answer: Answer, attempt: Attempt) -> Answer:
    """``answer`` with the question whose money it is answered by the person: the attempt's.

    Raises:
        DecisionNotPossible: it tells of no money, or of money of the other world.
    """
    if answer.outcome not in _MONEY or answer.capture_key is None:
        raise DecisionNotPossible(f"The provider answered {answer.word!r}, which is not money that arrived.")
    if answer.mode not in (None, attempt.mode):
        raise DecisionNotPossible("Money of the provider's test world never counts in the live one, or back.")
    return attrs.evolve(answer, reference=attempt.reference, mode=attempt.mode)


@attrs.frozen(kw_only=True)
class _Attaching:
    """One unit of work over the payment that gets the money and, if there is one, the review's own."""

    review: Review
    decision: Decision
    payment_id: UUID
    reference: str
    answer: Answer
    bound: frozenset[str]
    vouched: Vouched | None
    """None: its provider says itself that it was paid on this attempt."""
    newest: bool
    """Whether it was given now, and not before."""
    refunds: tuple[Refund, ...]
    """Those that were known before the provider was asked."""
    collection: Collection | None
    """The collector's record, where the money is cash: it counts for the attempt from now on."""
    evidence_id: UUID
    clock: Clock

    async def __call__(self, transaction: Transaction) -> Review:
        locked = await self._locked(transaction)
        present = await transaction.lock_review(self.review.review_id)
        if present is None:
            raise ReviewNotFound
        if is_decided(present, self.decision):
            return present
        now = self.clock.now()
        payment = locked[self.payment_id]
        attested = await self._attested(transaction, payment, now)
        if self.collection is not None and attested.evidence is not None:
            counts = attached(
                self.collection, attested.change.payment, self.reference, attested.evidence.rule
            )
            if not await transaction.attach_collection(counts):
                raise DecisionNotPossible("This cash counts for an attempt already.")
        asker = present.payment_id
        if asker is None or asker == self.payment_id:
            decided = resolved(attested.change, present, self.decision, now=now)
            decided = attrs.evolve(decided, evidence=attested.evidence, others=attested.others)
            await self._save(transaction, payment, decided, now)
            if asker is None:
                await self._tell(transaction, decided, now)
            return decided.review
        brought = Decided(
            change=attested.change, review=present, evidence=attested.evidence, others=attested.others
        )
        await self._save(transaction, payment, brought, now)
        answered = resolved(Change(locked[asker]), present, self.decision, now=now)
        await self._save(transaction, locked[asker], answered, now)
        return answered.review

    async def _attested(self, transaction: Transaction, payment: Payment, now: datetime) -> Attested:
        """What the answer does to the attempt. An old one does nothing to money that is here by now.

        Raises:
            DecisionNotPossible: what it counts as gone may be a refund of ours that failed meanwhile.
        """
        captures = (capture for capture in payment.captures if capture.reference == self.reference)
        here = any(self.answer.capture_key in capture.names for capture in captures)
        if here and not self.newest:
            return Attested(change=Change(payment))
        if self.answer.outcome is Outcome.RETURNED and failed_since(self.refunds, payment.refunds):
            raise DecisionNotPossible("A refund failed while its provider was asked: decide it once more.")
        attested = await attest(
            transaction,
            payment,
            self.reference,
            self.answer,
            evidence_id=self.evidence_id,
            vouched=self.vouched,
            bound=self.bound,
            now=now,
        )
        if self.newest or self.vouched is not None:
            return attested
        # It was so when it was said: what became of the attempt's own money since is asked about.
        change = attested.change
        watched = watched_for_the_rest(change.payment.attempt(self.reference), now)
        return attrs.evolve(attested, change=change.then(watched))

    async def _locked(self, transaction: Transaction) -> dict[UUID, Payment]:
        """Both payments, locked in the order of their ids, so that two people never wait for each other."""
        concerned = {self.payment_id, self.review.payment_id or self.payment_id}
        locked = {}
        for payment_id in sorted(concerned):
            payment = await transaction.lock_payment(payment_id)
            if payment is None:
                raise PaymentNotFound
            locked[payment_id] = payment
        return locked

    async def _tell(self, transaction: Transaction, decided: Decided, now: datetime) -> None:
        """Write the answer, of which the payment's trail tells, into the review and its own trail as well."""
        trail = await transaction.review_trail(decided.review.review_id)
        stored = resolved_alone(
            trail,
            decided.review,
            actor=self.decision.actor,
            cause=CAUSE,
            now=now,
            evidence_id=decided.evidence.evidence_id if decided.evidence else None,
        )
        if not await transaction.decide_review(stored):
            raise ReviewNotFound

    async def _save(self, transaction: Transaction, before: Payment, decided: Decided, now: datetime) -> None:
        waiting = decided.review.decision is None or decided.review.payment_id is None
        await transaction.save(
            record(
                before,
                decided.change,
                actor=self.decision.actor,
                cause=CAUSE,
                now=now,
                evidence=decided.evidence,
                decided=(*(() if waiting else (decided.review,)), *decided.others),
            )
        )
