"""Sweep: ask about every watched attempt by its schedule, whatever its status, and do what is left to do."""

import asyncio
from datetime import datetime, timedelta
from typing import Final

import attrs

from payments.application.ports.clock import Clock
from payments.application.ports.providers import Flow, Providers, Urgency
from payments.application.ports.repository import Transaction
from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.recording import record
from payments.application.together import all_of
from payments.application.use_cases.close_checkout import CloseCheckout
from payments.application.use_cases.settle_payment import Settled, SettlePayment
from payments.application.use_cases.sweep_refunds import SweepRefunds
from payments.domain.attempt import Attempt
from payments.domain.errors import PaymentNotFound
from payments.domain.events import Reason
from payments.domain.evidence import Outcome
from payments.domain.payment import Payment
from payments.domain.watching import Chore, chore, give_up

LEASE: Final = timedelta(seconds=60)
BATCH: Final = 20


@attrs.frozen
class SweepPayments:
    """Leave nothing unasked: what no notice told us, the sweep finds out."""

    _clock: Clock
    _close: CloseCheckout
    _providers: Providers
    _refunds: SweepRefunds
    _settle: SettlePayment
    _unit_of_work: UnitOfWork

    async def __call__(self, limit: int = BATCH) -> int:
        """How many attempts and refunds were looked after, at most ``limit`` of each; 0 when none is due."""
        now = self._clock.now()
        references = await self._unit_of_work.single.lease_attempts(now, until=now + LEASE, limit=limit)
        found = await asyncio.gather(*map(self._unit_of_work.reads.payment_with_reference, references))
        due = [(payment, ref) for payment, ref in zip(found, references, strict=True) if payment is not None]
        # Where a provider answers only so many questions: money first, then the newest, as somebody may wait.
        due.sort(key=lambda one: _foremost(one[0].attempt(one[1])), reverse=True)
        refunds = 0

        async def look_after_refunds() -> None:
            nonlocal refunds
            refunds = await self._refunds(limit)

        await all_of((look_after_refunds(), *(self._look_after(payment, ref) for payment, ref in due)))
        return len(references) + refunds

    async def _look_after(self, payment: Payment, reference: str) -> None:
        await self._do(await self._settle.ask(payment, reference, "sweep", urgency=Urgency.SWEEP))

    async def _do(self, settled: Settled) -> None:
        todo = chore(
            settled.attempt,
            has_own_money=settled.payment.has_own_money(settled.reference),
            still_payable=settled.outcome in self._unpaid(settled),
            now=self._clock.now(),
        )
        if todo is Chore.GIVE_UP:
            await self._give_up(settled.payment, settled.reference)
        elif todo is Chore.TIME_OUT:
            await self._close(
                settled.payment, settled.attempt, reason=Reason.TIMED_OUT, actor="system", cause="sweep"
            )
        elif todo is Chore.CANCEL_PAGE:
            await self._close(settled.payment, settled.attempt, reason=None, actor="system", cause="sweep")

    def _unpaid(self, settled: Settled) -> frozenset[Outcome]:
        """Outcomes that let a checkout end with its time: nobody has paid, and nobody is acting."""
        provider = self._providers.by_name.get(settled.attempt.provider)
        # A prompt leaves the phone by itself: without an answer it is as gone as with one, and still watched.
        # That its question has to wait for its turn says nothing at all: it may be paid.
        prompt = provider is not None and provider.flow is Flow.PROMPT and settled.answer.asked
        return frozenset({Outcome.PAYABLE, Outcome.NOTHING}) if prompt else frozenset({Outcome.PAYABLE})

    async def _give_up(self, payment: Payment, reference: str) -> None:
        async def write(transaction: Transaction) -> None:
            locked = await transaction.lock_payment(payment.payment_id)
            if locked is None:
                raise PaymentNotFound
            attempt = locked.attempt(reference)
            if attempt.live and not locked.has_own_money(reference):
                now = self._clock.now()
                change = give_up(locked, reference, now=now)
                await transaction.save(record(locked, change, actor="system", cause="sweep", now=now))

        await self._unit_of_work.write(write)


def _foremost(attempt: Attempt) -> tuple[bool, datetime]:
    """The greater, the sooner it is asked about: what its provider said is paid, then the newest."""
    return attempt.said_paid_at is not None, attempt.claimed_at
