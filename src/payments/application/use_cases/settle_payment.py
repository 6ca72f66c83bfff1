"""Settle: ask the provider about one attempt, then apply the evidence to the payment as it stands."""

from collections.abc import Callable
from datetime import datetime
from functools import cache, partial
from typing import Final
from uuid import UUID

import attrs

from payments.application.asking import answer_of
from payments.application.ports.clock import Clock
from payments.application.ports.identifiers import Identifiers
from payments.application.ports.providers import Callback, Flow, Provider, Providers, Question, Urgency
from payments.application.ports.repository import Transaction
from payments.application.ports.shared_state import SharedState
from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.recording import record
from payments.application.records import Claim, StoredChange
from payments.application.surplus_policy import set_aside, with_question_decided
from payments.application.use_cases.read_reports import ReadReports
from payments.application.use_cases.reserve_refund import ReserveRefund
from payments.domain import events as happened
from payments.domain.attempt import Attempt
from payments.domain.capture import Vouched
from payments.domain.confirming import receipt_learnt
from payments.domain.errors import PaymentNotFound, ReferenceNotFound
from payments.domain.events import ReviewKind
from payments.domain.evidence import Answer, Channel, Evidence, Outcome, Report, Rule, nothing
from payments.domain.finding import Finding
from payments.domain.payment import Change, Payment, lost
from payments.domain.refund import Refund, failed_since
from payments.domain.refunding import Wanted
from payments.domain.review import Review
from payments.domain.reviewing import gave_way, not_asked_again, put_aside, was_asked
from payments.domain.settlement import settle
from payments.domain.transitions import AttemptStatus, Disposition
from payments.domain.watching import CLAIM_LIFETIME, said_paid_lately

MOST_ASKED: Final = 50
MOST_ASKED_WITHIN_S: Final = 10.0
"""What strangers may cause: so many questions, all references and all processes together. Notices and the
sweep, which find out whatever was not asked, are not counted."""


@attrs.frozen(kw_only=True)
class Settled:
    """What asking came to."""

    payment: Payment
    reference: str
    answer: Answer
    rule: Rule

    @property
    def attempt(self) -> Attempt:
        """The attempt afterwards."""
        return self.payment.attempt(self.reference)

    @property
    def outcome(self) -> Outcome:
        """What the answer says about this attempt as it stands: all that whoever asked may go by."""
        return _SAYS_ONLY.get(self.rule, self.answer.outcome)


_SAYS_ONLY: Final = {
    Rule.NO_INFORMATION: Outcome.NOTHING,
    Rule.NOT_OURS: Outcome.NOTHING,
    Rule.NOT_ATTESTED: Outcome.NOTHING,
    # It will say so again, or report it: until then nobody else may be asked to pay.
    Rule.SAID_ONCE: Outcome.IN_FLIGHT,
    # The provider still shows the try from before the page was handed out again: nobody has paid since.
    Rule.OLD_DECLINE: Outcome.PAYABLE,
}


@attrs.frozen
class SettlePayment:
    """Ask about one reference and apply what the provider attests. The one way money state changes.

    Redirects, notices, the sweep, initiate, cancel and operators all come through here.
    """

    _clock: Clock
    _identifiers: Identifiers
    _providers: Providers
    _reports: ReadReports
    _reserve: ReserveRefund
    _shared_state: SharedState
    _unit_of_work: UnitOfWork

    async def __call__(
        self,
        reference: str,
        cause: str = "operator",
        *,
        coalesce_s: float = 0.0,
        budget_s: float | None = None,
    ) -> Payment:
        """The payment after asking about ``reference``; trouble at the provider changes nothing.

        With ``coalesce_s`` nothing is asked if somebody asked within that many seconds, if all money that the
        attempt can bring is already here, if it is a prompt that ended, or if all such callers together asked
        too often: anybody may be behind them. ``budget_s`` bounds how long the provider may take.

        Raises:
            ReferenceNotFound: no attempt carries it.
        """
        payment = await self._unit_of_work.reads.payment_with_reference(reference)
        if payment is None:
            raise ReferenceNotFound
        if coalesce_s and (
            self.was_paid_for_good(payment, reference)
            or _nobody_waits_for(payment.attempt(reference))
            or not await self._may_ask(reference, coalesce_s)
        ):
            return payment
        return (await self.ask(payment, reference, cause, budget_s=budget_s)).payment

    async def _may_ask(self, reference: str, coalesce_s: float) -> bool:
        if not await self._shared_state.first_within(f"ask:{reference}", coalesce_s):
            return False
        return (
            await self._shared_state.spend("ask:anonymous", most=MOST_ASKED, window_s=MOST_ASKED_WITHIN_S)
            == 0
        )

    async def ask(
        self,
        payment: Payment,
        reference: str,
        cause: str,
        *,
        budget_s: float | None = None,
        failure_noticed_at: datetime | None = None,
        return_noticed: bool = False,
        urgency: Urgency = Urgency.PAYER,
    ) -> Settled:
        """Ask about an attempt of ``payment`` and apply the answer, whatever it is.

        An answer about money that went back is asked for once more if a refund of ours failed meanwhile.
        """
        once = partial(
            self._once,
            reference=reference,
            cause=cause,
            budget_s=budget_s,
            failure_noticed_at=failure_noticed_at,
            return_noticed=return_noticed,
            urgency=urgency,
        )
        settled = await once(payment)
        outdated = settled.rule is Rule.NO_INFORMATION and settled.answer.outcome is Outcome.RETURNED
        return await once(settled.payment) if outdated else settled

    async def _once(
        self,
        payment: Payment,
        *,
        reference: str,
        cause: str,
        budget_s: float | None,
        failure_noticed_at: datetime | None,
        return_noticed: bool,
        urgency: Urgency,
    ) -> Settled:
        attempt = payment.attempt(reference)
        provider = self._providers.by_name.get(attempt.provider)
        callbacks = await self._reports(provider, reference)
        question = Question(
            reference=attempt.reference,
            provider_reference=_name_to_ask_by(payment, attempt, callbacks),
            amount=attempt.amount,
            urgency=_urgency(attempt, urgency, self._clock.now()),
        )
        answer = await _answer(provider, attempt, question, budget_s)
        heard_at = self._clock.now()
        evidence_id = self._identifiers.unique()
        apply = Application(
            channel=Channel.STATUS_CHECK,
            actor=f"provider:{attempt.provider}",
            clock=self._clock,
            evidence_id=evidence_id,
            payment_id=payment.payment_id,
            attempt=attempt,
            answer=answer,
            provider=provider,
            report=_report(callbacks, question.provider_reference),
            cause=cause,
            failure_noticed_at=failure_noticed_at,
            return_noticed=return_noticed,
            surplus_refund=cache(partial(self._reserve.of_surplus, attempt, answer, evidence_id)),
            refunds=payment.refunds,
            known=payment,
            asked_by=question.provider_reference,
            heard_at=heard_at,
        )
        after, rule = await self._unit_of_work.write(apply)
        return Settled(payment=after, reference=reference, answer=answer, rule=rule)

    def was_paid_for_good(self, payment: Payment, reference: str) -> bool:
        """Whether asking about this attempt can bring no more money: it is here, and its page is used up.

        Where all that came on a page is held, it may be of another transaction, and the payer may still pay.
        """
        own = [c for c in payment.captures if c.reference == reference and not c.attached]
        provider = self._providers.by_name.get(payment.attempt(reference).provider)
        one_try = provider is not None and provider.flow is Flow.PROMPT
        return bool(own) and (one_try or any(c.disposition is not Disposition.HELD for c in own))

    async def learn_receipt(self, payment: Payment, reference: str) -> bool:
        """Keep the receipt that a callback names for money which is here already. Nobody is asked.

        False if a callback names paid money of this attempt that is not here, or cannot be read.
        """
        attempt = payment.attempt(reference)
        callbacks = await self.callbacks_of(attempt.provider, reference)
        if callbacks is None and attempt.callback_token_hash is not None:
            return False
        callbacks = callbacks or ()
        keys = [capture.key for capture in payment.captures if capture.reference == reference]
        reports = [report for key in keys if (report := _report(callbacks, key)) is not None]

        async def write(transaction: Transaction) -> None:
            locked = await transaction.lock_payment(payment.payment_id)
            if locked is None:
                raise PaymentNotFound
            now, change = self._clock.now(), Change(locked)
            for report in reports:
                recorded = await _recorded_by(transaction, attempt, report.receipt)
                free = await _with_free_receipt(transaction, attempt, report, recorded)
                if _names_other_money(change.payment, attempt, report):
                    free = attrs.evolve(report, receipt=None)
                if free != report:
                    change = await _asked_whose(transaction, change, attempt, report)
                learnt = receipt_learnt(change.payment, reference, free, now=now)
                asked = await transaction.reviews_of(locked.payment_id) if learnt.events else ()
                news = (e for e in learnt.events if not _repeats(e, asked))
                change = Change(learnt.payment, (*change.events, *news))
            if change.events:
                actor = f"provider:{attempt.provider}"
                await transaction.save(record(locked, change, actor=actor, cause="webhook", now=now))

        await self._unit_of_work.write(write)
        return not _uncounted(payment, attempt, callbacks)

    async def reported_money_is_here(self, payment: Payment, reference: str) -> bool:
        """Whether all money that callbacks name of this attempt is here. Nobody is asked."""
        attempt = payment.attempt(reference)
        callbacks = await self._reports(self._providers.by_name.get(attempt.provider), reference)
        return not _uncounted(payment, attempt, callbacks)

    async def callbacks_of(self, provider: str, reference: str) -> tuple[Callback, ...] | None:
        """What ``provider`` reported of ``reference``, oldest first; None where not all can be read."""
        return await self._reports.whole(self._providers.by_name.get(provider), reference)

    async def all_reported_is_here(self, payment: Payment, reference: str) -> bool:
        """As :meth:`reported_money_is_here`, and no report of money is kept that cannot be read any more."""
        attempt = payment.attempt(reference)
        callbacks = await self.callbacks_of(attempt.provider, reference)
        return callbacks is not None and not _uncounted(payment, attempt, callbacks)


def _nobody_waits_for(attempt: Attempt) -> bool:
    """Whether it is a prompt that ended: no phone shows it, and few questions about prompts are answered.

    Reports, the sweep and whoever is to be prompted next ask about it still.
    """
    return attempt.prompted and not attempt.live


async def _answer(
    provider: Provider | None, attempt: Attempt, question: Question, budget_s: float | None
) -> Answer:
    """The provider's answer; whatever goes wrong on the way is no information."""
    if provider is None:
        return nothing("provider is switched off")
    if provider.mode is not attempt.mode:
        return nothing(f"provider is in {provider.mode.value} mode")
    return await answer_of(provider, question, budget_s)


def _name_given(callbacks: tuple[Callback, ...]) -> str | None:
    """The provider's name for an attempt, as its callbacks give it: the newest that says "paid", else any."""
    named = [c for c in callbacks if c.provider_reference is not None]
    paid = [c for c in named if c.claim is Claim.PAID]
    return next((c.provider_reference for c in reversed(paid or named)), None)


def _urgency(attempt: Attempt, asked_for: Urgency, now: datetime) -> Urgency:
    """What its provider said is paid is as urgent as a report of success; later, as a payer who waits."""
    if said_paid_lately(attempt, now):
        return Urgency.SUCCESS_NOTICED
    waits = attempt.said_paid_at is not None and asked_for is Urgency.SWEEP
    return Urgency.PAYER if waits else asked_for


def _name_to_ask_by(payment: Payment, attempt: Attempt, callbacks: tuple[Callback, ...]) -> str | None:
    """The provider's name for what is asked about: its own for the attempt, or one that a callback gives.

    An attempt that was paid is asked about by the names of money that is not here: it came more than once.
    One that ended without money may have been paid under any, and is asked about by all of them in turns.
    """
    own = attempt.provider_reference
    if not callbacks:
        return own
    names = _uncounted(payment, attempt, callbacks)
    if own is not None and attempt.live and not payment.has_own_money(attempt.reference):
        return own
    open_still = not payment.has_own_money(attempt.reference) or payment.was_paid_under_other_names(attempt)
    if own is not None and own not in names and open_still:
        names = (*names, own)
    if not names:
        return own or _name_given(callbacks)
    return names[attempt.checks % len(names)]


def _uncounted(payment: Payment, attempt: Attempt, callbacks: tuple[Callback, ...]) -> tuple[str, ...]:
    """The names, newest first, under which callbacks say that it was paid, and which no money here bears."""
    here = [capture for capture in payment.captures if capture.reference == attempt.reference]
    counted = {name for capture in here for name in capture.names}
    receipts = {said.receipt for said in callbacks}
    own = attempt.provider_reference or _name_given(callbacks)
    unnamed = {said.receipt for said in callbacks if said.provider_reference == own} <= {None}
    if own and unnamed and any(c.vouched is Vouched.RECORDED and not c.names & receipts for c in here):
        # Nobody reported what a person recorded, nor another receipt of what our own request asked for.
        counted.add(own)
    names: dict[str, None] = {}
    for said in reversed(callbacks):
        name = said.provider_reference
        if said.claim is Claim.PAID and name is not None and not counted & {name, said.receipt or name}:
            names[name] = None
    return tuple(names)


def were_recorded(payment: Payment, reference: str, callbacks: tuple[Callback, ...], since: datetime) -> bool:
    """Whether people recorded after ``since`` as many payments as callbacks name beside what is here.

    Each record stands for one of them. Under the name that our own request got, or one as long as a name that
    was reported, people saw other money.
    """
    attempt = payment.attempt(reference)
    here = [capture for capture in payment.captures if capture.reference == reference]
    borne = {name for capture in here for name in capture.names}
    paid = dict[str, set[str]]()
    for said in callbacks:
        name = said.provider_reference
        if said.claim is Claim.PAID and name is not None:
            paid[name] = paid.get(name, set()) | {name, said.receipt or name}
    missing = [names for names in paid.values() if not names & borne]
    # On a page people see one payment, whatever they call it.
    told = set().union(*paid.values(), {attempt.provider_reference or ""}) if attempt.prompted else set()
    lengths = {len(name) for name in told}
    recorded = [
        capture
        for capture in here
        if capture.vouched is Vouched.RECORDED
        and capture.captured_at > since
        and len(capture.key) not in lengths
    ]
    return len(recorded) >= max(1, len(missing))


def _report(callbacks: tuple[Callback, ...], name: str | None) -> Report | None:
    """The newest report of money under this name."""
    for said in reversed(callbacks):
        if (
            said.claim is Claim.PAID
            and said.provider_reference is not None
            and said.provider_reference == name
        ):
            return Report(provider_reference=name, amount=said.amount, receipt=said.receipt)
    return None


async def _recorded_by(transaction: Transaction, attempt: Attempt, receipt: str | None) -> str | None:
    """The attempt whose money bears this receipt as its key: a person recorded it by that."""
    if receipt is None:
        return None
    return await transaction.attempt_holding(attempt.provider, attempt.mode, receipt, None)


async def _with_free_receipt(
    transaction: Transaction, attempt: Attempt, report: Report, recorded: str | None
) -> Report:
    """The report, without a receipt that other money has already, or was ``recorded`` by."""
    if report.receipt is None:
        return report
    holder = recorded or await transaction.attempt_with_receipt(
        attempt.provider, attempt.mode, report.receipt
    )
    return report if holder in (None, attempt.reference) else attrs.evolve(report, receipt=None)


def _names_other_money(payment: Payment, attempt: Attempt, report: Report) -> bool:
    """Whether other money of this very attempt bears the receipt of ``report``: a person recorded it."""
    return any(
        capture.reference == attempt.reference
        and capture.key != report.provider_reference
        and report.receipt in capture.names
        for capture in payment.captures
    )


def _repeats(event: happened.Event, asked: tuple[Review, ...]) -> bool:
    """Whether it is a question that was asked before, whatever was decided."""
    return isinstance(event, happened.ReviewOpened) and was_asked(event, asked)


async def _asked_whose(transaction: Transaction, change: Change, attempt: Attempt, report: Report) -> Change:
    """Ask a person, once, about a receipt that is reported of this money and is that of other money."""
    detail = f"Its receipt {report.receipt} is that of other money that counts: both may be the same."
    question = happened.ReviewOpened(
        kind=ReviewKind.DISPUTE, subject=f"{attempt.reference}:{report.receipt}", detail=detail
    )
    if was_asked(question, await transaction.reviews_of(change.payment.payment_id)):
        return change
    return Change(change.payment, (*change.events, question))


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
            done = await _asked_whose(transaction, done, present, self.report)
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
            recorded = await _recorded_by(transaction, self.attempt, report.receipt)
            named = (self.attempt.reference, self.answer.capture_key)
            here = any((c.reference, c.key) == named for c in locked.captures)
            if self.answer.capture_key and not here and recorded != self.attempt.reference:
                holder = recorded or holder
            report = await _with_free_receipt(transaction, self.attempt, report, recorded)
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
