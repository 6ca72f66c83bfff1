"""Settle: ask the provider about one attempt, then apply the evidence under the payment's lock."""

import asyncio
from datetime import datetime
from typing import Final
from uuid import UUID

import attrs

from payments.application.ports.clock import Clock
from payments.application.ports.identifiers import Identifiers
from payments.application.ports.providers import Provider, Providers, Question
from payments.application.ports.repository import Transaction
from payments.application.ports.shared_state import SharedState
from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.recording import record
from payments.application.records import StoredChange
from payments.domain.attempt import Attempt
from payments.domain.errors import GatewayError, PaymentNotFound, ReferenceNotFound
from payments.domain.events import ReviewKind
from payments.domain.evidence import Answer, Channel, Evidence, Outcome, Rule, nothing
from payments.domain.payment import Change, Payment, lost
from payments.domain.settlement import Finding, settle
from payments.domain.transitions import AttemptStatus
from payments.domain.watching import CLAIM_LIFETIME

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
    Rule.NOT_OURS: Outcome.NOTHING,
    Rule.NOT_ATTESTED: Outcome.NOTHING,
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

        With ``coalesce_s`` nothing is asked if somebody asked within that many seconds, if money for this
        attempt is already here, or if all such callers together asked too often: anybody may be behind them.
        ``budget_s`` bounds how long the provider may take.

        Raises:
            ReferenceNotFound: no attempt carries it.
        """
        payment = await self._unit_of_work.reads.payment_with_reference(reference)
        if payment is None:
            raise ReferenceNotFound
        if coalesce_s:
            paid = any(capture.reference == reference for capture in payment.captures)
            if paid or not await self._may_ask(reference, coalesce_s):
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
    ) -> Settled:
        """Ask about an attempt of ``payment`` and apply the answer, whatever it is."""
        attempt = payment.attempt(reference)
        provider = self._providers.by_name.get(attempt.provider)
        answer = await _answer(provider, attempt, budget_s)
        apply = Application(
            channel=Channel.STATUS_CHECK,
            actor=f"provider:{attempt.provider}",
            clock=self._clock,
            evidence_id=self._identifiers.unique(),
            payment_id=payment.payment_id,
            attempt=attempt,
            answer=answer,
            bound=provider.bound if provider else frozenset(),
            cause=cause,
            failure_noticed_at=failure_noticed_at,
            asked=await self._asked(payment, attempt, answer),
        )
        after, rule = await self._unit_of_work.write(apply)
        return Settled(payment=after, reference=reference, answer=answer, rule=rule)

    async def _asked(self, payment: Payment, attempt: Attempt, answer: Answer) -> frozenset[str]:
        """What people were asked about this payment's orphans; the first answer about money needs no look."""
        if answer.capture_key is None or not attempt.checks:
            return frozenset()
        reviews = await self._unit_of_work.reads.reviews_of(payment.payment_id)
        return frozenset(review.subject for review in reviews if review.kind is ReviewKind.ORPHAN)


async def _answer(provider: Provider | None, attempt: Attempt, budget_s: float | None) -> Answer:
    """The provider's answer; whatever goes wrong on the way is no information."""
    if provider is None:
        return nothing("provider is switched off")
    if provider.mode is not attempt.mode:
        return nothing(f"provider is in {provider.mode.value} mode")
    question = Question(
        reference=attempt.reference, provider_reference=attempt.provider_reference, amount=attempt.amount
    )
    try:
        async with asyncio.timeout(budget_s):
            return await provider.checks.check(question)
    except TimeoutError:
        return nothing("no answer in time")
    except GatewayError as trouble:
        return nothing(trouble.code)
    except Exception as trouble:  # noqa: BLE001 -- docs/model.md section 3: any exception is no information
        return nothing(f"{type(trouble).__name__} while asking")


@attrs.frozen(kw_only=True)
class Application:
    """One piece of evidence on its way into a payment: lock, decide, write.

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
    bound: frozenset[str]
    cause: str
    failure_noticed_at: datetime | None
    asked: frozenset[str]

    async def __call__(self, transaction: Transaction) -> tuple[Payment, Rule]:
        locked = await transaction.lock_payment(self.payment_id)
        if locked is None:
            raise PaymentNotFound
        if await transaction.has_evidence(self.evidence_id):
            return locked, Rule.ALREADY_COUNTED
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
        settlement = settle(found.payment, await self._finding(transaction, now))
        events = (*found.events, *settlement.events)
        # A repeated answer that changes nothing is counted on the attempt and not stored again. What a person
        # records is always something new.
        told = self.channel is Channel.COLLECTOR
        news = events or told or self.answer.word != present.last_word
        change = record(
            locked,
            Change(settlement.payment, events),
            actor=self.actor,
            cause=self.cause,
            now=now,
            evidence=self._evidence(settlement.rule, now) if news else None,
        )
        return change, settlement.rule

    async def _finding(self, transaction: Transaction, now: datetime) -> Finding:
        holder = None
        if self.answer.capture_key or self.answer.provider_reference:
            holder = await transaction.attempt_holding(
                self.attempt.provider,
                self.attempt.mode,
                self.answer.capture_key,
                self.answer.provider_reference,
            )
        return Finding(
            evidence_id=self.evidence_id,
            reference=self.attempt.reference,
            answer=self.answer,
            now=now,
            bound=self.bound,
            key_holder=holder,
            failure_noticed_at=self.failure_noticed_at,
            asked=self.asked,
        )

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
