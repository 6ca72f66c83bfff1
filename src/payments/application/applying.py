"""One piece of evidence on its way into the payment as it stands (docs/model.md section 3)."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import attrs

from payments.application.ports.clock import Clock
from payments.application.ports.providers import Flow, Provider
from payments.application.ports.repository import Transaction
from payments.application.recording import record
from payments.application.records import StoredChange
from payments.application.reported import asked_whose, recorded_by, with_free_receipt
from payments.application.surplus_policy import set_aside, with_question_decided
from payments.domain.attempt import Attempt
from payments.domain.capture import Vouched
from payments.domain.errors import PaymentNotFound
from payments.domain.evidence import Answer, Channel, Evidence, Outcome, Report, Rule
from payments.domain.finding import Finding
from payments.domain.payment import Change, Payment, lost
from payments.domain.refund import Refund, failed_since
from payments.domain.refunding import Wanted
from payments.domain.review import Review
from payments.domain.reviewing import gave_way, not_asked_again, put_aside
from payments.domain.settlement import settle
from payments.domain.transitions import AttemptStatus
from payments.domain.watching import CLAIM_LIFETIME


@attrs.frozen(kw_only=True)
class Application:
    """One piece of evidence on its way into a payment: lock, decide, write.

    It may begin from the payment as it is known. What it reads beside it is then read without the lock, and
    is as good: a review of this payment is opened and decided only with a new version of it, which the save
    would meet; and who holds which money or receipt of other payments no lock of this one says, but a unique
    index does.
    As a unit of work that runs again it finds its own evidence and stops. :meth:`decide` alone is for a unit
    of work that has locked the payment itself, and writes more than this.
    """

    channel: Channel
    actor: str
    """Who attests it, as the audit trail names them."""
    clock: Clock
    evidence_id: UUID
    payment_id: UUID
    attempt: Attempt
    answer: Answer
    provider: Provider | None
    report: Report | None
    cause: str
    failure_noticed_at: datetime | None
    surplus_refund: Callable[[], Wanted | None]
    """The refund that the policy wants if the money is surplus: the same one each time it is asked for."""
    refunds: tuple[Refund, ...] = ()
    """Those that were known before the provider was asked."""
    known: Payment | None = None
    """The payment as it was read, to begin from."""
    asked_by: str | None = None
    """The provider's name by which it was asked."""
    return_noticed: bool = False
    """A notice says that money went back."""
    heard_at: datetime | None = None
    """When the answer came; None: it is as new as its record."""

    async def __call__(self, transaction: Transaction) -> tuple[Payment, Rule]:
        locked = await transaction.lock_payment(self.payment_id, known=self.known)
        if locked is None:
            raise PaymentNotFound
        # What is taken as known is so on the first run alone: nothing of this can be stored yet.
        if locked is not self.known:
            verdict = await transaction.verdict_of(self.evidence_id)
            if verdict is not None:
                return locked, verdict
        if self.answer.outcome is Outcome.RETURNED and failed_since(self.refunds, locked.refunds):
            # What it counts as gone may be our refund, whose money is here: only a newer answer can tell.
            return locked, Rule.NO_INFORMATION
        change, rule = await self.decide(transaction, locked)
        await transaction.save(change)
        return change.after, rule

    async def decide(self, transaction: Transaction, locked: Payment) -> tuple[StoredChange, Rule]:
        """What is to be stored about the ``locked`` payment, and the verdict."""
        now = self.clock.now()
        found = Change(locked)
        present = locked.attempt(self.attempt.reference)
        if present.status is AttemptStatus.CLAIMED and now - present.claimed_at > CLAIM_LIFETIME:
            found = lost(locked, present.reference, detail="Its claim grew too old.", now=now)
        reviews = await self._reviews(transaction, locked)
        finding = await self._finding(transaction, locked, reviews, now)
        settlement = settle(found.payment, finding)
        done = Change(settlement.payment, (*found.events, *settlement.events))
        if self.report is not None and finding.report != self.report and _counts(settlement.payment, finding):
            done = await asked_whose(transaction, done, present, self.report)
        wanted = self.surplus_refund() if settlement.rule is Rule.SURPLUS else None
        if wanted is not None and _may_be_recorded(locked):
            wanted = attrs.evolve(wanted, awaiting_approval=True)
        if wanted is not None:
            done = set_aside(done, self.evidence_id, wanted, now=now)
        decided, told = gave_way(locked, done.payment, reviews, now)
        # A repeated answer that changes nothing is counted on the attempt and not stored again. What a person
        # records is always something new.
        by_a_person = self.channel is Channel.COLLECTOR
        said = self.answer.asked and self.answer.word != present.last_word
        # As a unit of work that runs again it must find its first word, and not take it for the second.
        first_word = settlement.rule is Rule.SAID_ONCE
        news = done.events or by_a_person or said or first_word
        change = record(
            locked,
            Change(done.payment, (*done.events, *told)),
            actor=self.actor,
            cause=self.cause,
            now=now,
            evidence=self._evidence(settlement.rule, now) if news else None,
            decided=decided,
        )
        if wanted is not None:
            change = with_question_decided(change, self.evidence_id, wanted.refund_id)
        return change, settlement.rule

    async def _reviews(self, transaction: Transaction, locked: Payment) -> tuple[Review, ...]:
        """What people were asked about this payment, where the answer may raise a question again.

        An answer about money may, and the last one of a watch. The first answer of all needs no look.
        """
        attempt = locked.attempt(self.attempt.reference)
        about_money = self.answer.capture_key is not None or self.answer.outcome is Outcome.PAID
        last = attempt.watch_until is not None and self.clock.now() >= attempt.watch_until
        if not (attempt.checks or locked.refunds) or not (about_money or last):
            return ()
        return await transaction.reviews_of(self.payment_id)

    async def _finding(
        self, transaction: Transaction, locked: Payment, reviews: tuple[Review, ...], now: datetime
    ) -> Finding:
        holder = None
        if self.answer.capture_key or self.answer.provider_reference:
            holder = await transaction.attempt_holding(
                self.attempt.provider,
                self.attempt.mode,
                self.answer.capture_key,
                self.answer.provider_reference,
                proven_by_save=self._brings_first_money(locked),
            )
        provider, report = self.provider, self.report
        if report is not None and report.receipt is not None:
            # A person may have recorded it by its receipt, for whichever attempt. What another one holds by
            # its name is no money of this one, whatever receipt was reported here.
            recorded = await recorded_by(transaction, self.attempt, report.receipt)
            named = (self.attempt.reference, self.answer.capture_key)
            here = any((c.reference, c.key) == named for c in locked.captures)
            if self.answer.capture_key and not here and recorded != self.attempt.reference:
                holder = recorded or holder
            report = await with_free_receipt(transaction, self.attempt, report, recorded)
        return Finding(
            evidence_id=self.evidence_id,
            reference=self.attempt.reference,
            answer=self.answer,
            now=now,
            bound=provider.bound if provider else frozenset(),
            confirmed_after=provider.confirmed_after if provider else None,
            report=report,
            one_try=provider is not None and provider.flow is Flow.PROMPT,
            key_holder=holder,
            failure_noticed_at=self.failure_noticed_at,
            asked_by=self.asked_by,
            return_noticed=self.return_noticed,
            heard_at=self.heard_at,
            asked=not_asked_again(reviews),
            put_aside=put_aside(reviews),
        )

    def _brings_first_money(self, locked: Payment) -> bool:
        """Whether, as far as can be seen, money is to be stored under both names that the answer gives.

        Where the same was said before and no money is here, somebody else may well have it.
        """
        answer, present = self.answer, locked.attempt(self.attempt.reference)
        attested = answer.outcome is Outcome.PAID and None not in (answer.capture_key, answer.amount)
        news = not locked.captures and answer.word != present.last_word
        return attested and news and present.provider_reference in (None, answer.provider_reference)

    def _evidence(self, rule: Rule, now: datetime) -> Evidence:
        return Evidence(
            evidence_id=self.evidence_id,
            payment_id=self.payment_id,
            reference=self.attempt.reference,
            channel=self.channel,
            cause=self.cause,
            answer=self.answer,
            rule=rule,
            observed_at=now,
        )


def _counts(payment: Payment, finding: Finding) -> bool:
    """Whether the finding brought money."""
    return any(capture.capture_id == finding.evidence_id for capture in payment.captures)


def _may_be_recorded(payment: Payment) -> bool:
    """Whether surplus may be what a person recorded by a name of their own, perhaps of another attempt."""
    return any(c.vouched is Vouched.RECORDED for c in payment.captures)
