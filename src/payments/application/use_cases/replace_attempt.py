"""Whether the live attempt may give way, before it is replaced or cancelled (docs/model.md 4.5, 4.6, 5)."""

from datetime import datetime

import attrs

from payments.application.ports.clock import Clock
from payments.application.ports.providers import Providers
from payments.application.tokens import Tokens
from payments.application.use_cases.settle_payment import Settled, SettlePayment
from payments.domain.attempt import Attempt
from payments.domain.errors import AttemptInFlight, OutcomeUnknown, PaymentInFlight
from payments.domain.evidence import Mode, Outcome, Rule
from payments.domain.payment import Payment
from payments.domain.transitions import AttemptStatus
from payments.domain.watching import (
    CLAIM_LIFETIME,
    SAID_LATELY,
    ended_early,
    ended_in_silence,
    said_by_another_clock,
    said_paid_lately,
)

_MAY_GIVE_WAY = frozenset({Outcome.PAYABLE, Outcome.NOT_FOUND, Outcome.CLOSED, Outcome.DECLINED})
_RETRY_AFTER_S = 30.0


@attrs.frozen
class ReplaceAttempt:
    """Ask the provider of the live attempt once, apply the answer, and say whether it may be closed."""

    _clock: Clock
    _providers: Providers
    _settle: SettlePayment
    _tokens: Tokens

    async def __call__(self, payment: Payment, attempt: Attempt, cause: str) -> Payment:
        """The payment after asking. If ``attempt`` is still its live one, it may be closed or superseded.

        Raises:
            AttemptInFlight: its checkout is being opened at this moment.
            PaymentInFlight: the payer may be paying on it, and it can still be paid on; or its provider said
                of late that it is paid, which is not proven yet.
            OutcomeUnknown: a prompt may be on the payer's phone, and nobody can be asked about it.
        """
        now = self._clock.now()
        if attempt.status is AttemptStatus.CLAIMED and now - attempt.claimed_at <= CLAIM_LIFETIME:
            raise AttemptInFlight(retry_after_s=1.0, facts={"payment_id": str(payment.payment_id)})
        settled = await self._settle.ask(payment, attempt.reference, cause)
        if not settled.attempt.live:
            return settled.payment
        return self._gave_way(settled)

    async def off_the_phone(self, payment: Payment, cause: str) -> Payment:
        """The payment once no prompt of it that had ended may still be on the payer's phone.

        A clock that was ahead may have timed one out before its time, and a phone goes by no clock of ours.
        Or another clock than this one heard that it is paid; or nobody heard what became of it.

        Raises:
            PaymentInFlight, OutcomeUnknown: one may be, as far as its provider and our clock tell.
        """
        for attempt in reversed(payment.attempts):
            if attempt.prompted and self._may_be_paid(payment, attempt):
                settled = await self._settle.ask(payment, attempt.reference, cause)
                payment = settled.payment
                if settled.rule is Rule.SAID_ONCE or ended_early(payment, settled.attempt, self._clock.now()):
                    self._gave_way(settled)
        return payment

    def _may_be_paid(self, payment: Payment, attempt: Attempt) -> bool:
        now = self._clock.now()
        return (
            ended_early(payment, attempt, now)
            or said_by_another_clock(payment, attempt, now)
            or ended_in_silence(payment, attempt, now)
        )

    def in_the_way(self, payment: Payment, attempt: Attempt) -> PaymentInFlight:
        """Why nobody gets another checkout while ``attempt`` may be paid on; the payer may go on with it."""
        return self._in_flight(payment, attempt, self._clock.now())

    def _gave_way(self, settled: Settled) -> Payment:
        present, now = settled.attempt, self._clock.now()
        if settled.payment.held_captures:
            return settled.payment
        if said_paid_lately(present, now):
            raise self._in_flight(settled.payment, present, now)
        if self._may_give_way(settled):
            return settled.payment
        until = present.payable_until
        if until is not None and present.prompted and not settled.answer.asked:
            # It may have been paid while its question waited for a turn; not for ever, if there is none.
            until += SAID_LATELY
        if until is not None and now < until:
            raise self._waiting(settled.payment, present, now)
        return settled.payment

    def _waiting(self, payment: Payment, attempt: Attempt, now: datetime) -> OutcomeUnknown | PaymentInFlight:
        lost = attempt.status in {AttemptStatus.UNKNOWN, AttemptStatus.EXPIRED}
        if lost and attempt.provider_reference is None:
            # Only a report to its own address can tell what became of it.
            return OutcomeUnknown(
                "The request may be on the payer's phone; its answer was lost.",
                facts={"payment_id": str(payment.payment_id)},
                retry_after_s=_wait_s(attempt, now),
            )
        return self._in_flight(payment, attempt, now)

    def _may_give_way(self, settled: Settled) -> bool:
        if settled.outcome in _MAY_GIVE_WAY:
            return True
        # A hosted page whose address we never received cannot be paid by anyone: it gives way without an
        # answer. That the payer was seen acting is what moves it from unknown to open.
        lost = settled.attempt.status is AttemptStatus.UNKNOWN
        provider = self._providers.by_name.get(settled.attempt.provider)
        # On a page of the test world nobody pays anything in live mode.
        worthless = provider is not None and provider.mode is Mode.LIVE and settled.attempt.mode is Mode.TEST
        return not settled.attempt.prompted and (lost or worthless)

    def _in_flight(self, payment: Payment, attempt: Attempt, now: datetime) -> PaymentInFlight:
        provider = self._providers.by_name.get(attempt.provider)
        return PaymentInFlight(
            retry_after_s=_wait_s(attempt, now),
            facts={
                "payment_id": str(payment.payment_id),
                "provider": attempt.provider,
                "checkout_url": self._tokens.checkout_url(attempt.checkout_url, attempt.reference),
                "next_action": {"type": provider.flow.value} if provider else None,
            },
        )


def _wait_s(attempt: Attempt, now: datetime) -> float:
    if attempt.payable_until is None or attempt.payable_until <= now:
        return _RETRY_AFTER_S
    return max(1.0, min((attempt.payable_until - now).total_seconds(), _RETRY_AFTER_S))
