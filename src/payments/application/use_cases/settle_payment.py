"""Settle: ask the provider about one attempt, then apply the evidence to the payment as it stands."""

from datetime import datetime
from functools import cache, partial
from typing import Final

import attrs

from payments.application.applying import Application
from payments.application.asking import answer_of
from payments.application.ports.clock import Clock
from payments.application.ports.identifiers import Identifiers
from payments.application.ports.providers import Callback, Flow, Provider, Providers, Question, Urgency
from payments.application.ports.repository import Transaction
from payments.application.ports.shared_state import SharedState
from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.recording import record
from payments.application.reported import (
    asked_whose,
    name_to_ask_by,
    names_other_money,
    recorded_by,
    report_of,
    uncounted,
    with_free_receipt,
)
from payments.application.use_cases.read_reports import ReadReports
from payments.application.use_cases.reserve_refund import ReserveRefund
from payments.domain.attempt import Attempt
from payments.domain.confirming import receipt_learnt
from payments.domain.errors import PaymentNotFound, ReferenceNotFound
from payments.domain.evidence import Answer, Channel, Outcome, Rule, nothing
from payments.domain.payment import Change, Payment
from payments.domain.reviewing import repeats
from payments.domain.transitions import Disposition
from payments.domain.watching import said_paid_lately

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
    """Ask about one reference and apply what the provider attests.

    Redirects, notices, the sweep, initiate, cancel and operators all come through here. What a collector
    recorded, or a person vouches for, is applied without a question (``collect_cash``, ``attesting``).
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
            provider_reference=name_to_ask_by(payment, attempt, callbacks),
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
            report=report_of(callbacks, question.provider_reference),
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
        reports = [report for key in keys if (report := report_of(callbacks, key)) is not None]

        async def write(transaction: Transaction) -> None:
            locked = await transaction.lock_payment(payment.payment_id)
            if locked is None:
                raise PaymentNotFound
            now, change = self._clock.now(), Change(locked)
            for report in reports:
                recorded = await recorded_by(transaction, attempt, report.receipt)
                free = await with_free_receipt(transaction, attempt, report, recorded)
                if names_other_money(change.payment, attempt, report):
                    free = attrs.evolve(report, receipt=None)
                if free != report:
                    change = await asked_whose(transaction, change, attempt, report)
                learnt = receipt_learnt(change.payment, reference, free, now=now)
                asked = await transaction.reviews_of(locked.payment_id) if learnt.events else ()
                news = (e for e in learnt.events if not repeats(e, asked))
                change = Change(learnt.payment, (*change.events, *news))
            if change.events:
                actor = f"provider:{attempt.provider}"
                await transaction.save(record(locked, change, actor=actor, cause="webhook", now=now))

        await self._unit_of_work.write(write)
        return not uncounted(payment, attempt, callbacks)

    async def reported_money_is_here(self, payment: Payment, reference: str) -> bool:
        """Whether all money that callbacks name of this attempt is here. Nobody is asked."""
        attempt = payment.attempt(reference)
        callbacks = await self._reports(self._providers.by_name.get(attempt.provider), reference)
        return not uncounted(payment, attempt, callbacks)

    async def callbacks_of(self, provider: str, reference: str) -> tuple[Callback, ...] | None:
        """What ``provider`` reported of ``reference``, oldest first; None where not all can be read."""
        return await self._reports.whole(self._providers.by_name.get(provider), reference)

    async def all_reported_is_here(self, payment: Payment, reference: str) -> bool:
        """As :meth:`reported_money_is_here`, and no report of money is kept that cannot be read any more."""
        attempt = payment.attempt(reference)
        callbacks = await self.callbacks_of(attempt.provider, reference)
        return callbacks is not None and not uncounted(payment, attempt, callbacks)


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


def _urgency(attempt: Attempt, asked_for: Urgency, now: datetime) -> Urgency:
    """What its provider said is paid is as urgent as a report of success; later, as a payer who waits."""
    if said_paid_lately(attempt, now):
        return Urgency.SUCCESS_NOTICED
    waits = attempt.said_paid_at is not None and asked_for is Urgency.SWEEP
    return Urgency.PAYER if waits else asked_for
