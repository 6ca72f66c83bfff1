"""What to do when a payer wants to pay: a pure decision (docs/model.md section 4, steps 3 and 4)."""

import enum
from datetime import datetime

import attrs

from payments.domain.attempt import Attempt
from payments.domain.collection import locked
from payments.domain.events import Reason
from payments.domain.evidence import Mode
from payments.domain.money import Money
from payments.domain.payment import Payment
from payments.domain.transitions import AttemptStatus
from payments.domain.watching import CLAIM_LIFETIME, LEAST_TIME_LEFT


class Step(enum.Enum):
    """The next step of an initiate."""

    CLAIM = "claim"
    REOPEN = "reopen"
    """Hand out the page of a failed attempt again."""
    REUSE = "reuse"
    """Hand out the checkout of the live attempt."""
    WAIT = "wait"
    """Another request is opening a checkout."""
    REPLACE = "replace"
    """Ask about the live attempt, then put another in its place if it is safe."""
    RESOLVE = "resolve"
    """The live attempt's outcome is unknown: ask once, then decide."""


@attrs.frozen(kw_only=True)
class Wish:
    """What the payer wants to pay, and how."""

    provider: str
    mode: Mode
    amount: Money
    order_version: str
    phone: str | None = None

    def met_by(self, attempt: Attempt, now: datetime) -> bool:
        """Whether ``attempt``'s checkout still serves this wish for at least a minute."""
        return (
            (attempt.provider, attempt.mode, attempt.amount, attempt.order_version, attempt.phone)
            == (self.provider, self.mode, self.amount, self.order_version, self.phone)
            and attempt.handed_out_at is not None
            and attempt.checkout_url is not None
            and attempt.payable_for(LEAST_TIME_LEFT, now)
        )


@attrs.frozen
class Plan:
    """The next step, and the attempt it is about."""

    step: Step
    attempt: Attempt | None = None


def plan(payment: Payment | None, wish: Wish, now: datetime) -> Plan:
    """The next step for ``wish``, given the payment as it stands."""
    if payment is None:
        return Plan(Step.CLAIM)
    live = payment.live_attempt
    if live is None:
        return _plan_without_live(payment, wish, now)
    if live.status is AttemptStatus.CLAIMED and now - live.claimed_at <= CLAIM_LIFETIME:
        return Plan(Step.WAIT, live)
    if live.status is not AttemptStatus.OPEN:
        return Plan(Step.RESOLVE, live)
    return Plan(Step.REUSE if wish.met_by(live, now) else Step.REPLACE, live)


def pages_to_close(payment: Payment, now: datetime) -> tuple[Attempt, ...]:
    """Attempts that ended although a payer could still pay on their pages."""
    return tuple(
        attempt
        for attempt in payment.attempts
        if attempt.status is AttemptStatus.FAILED
        # We may never have had the address of a page on which somebody was declined.
        and (attempt.checkout_url is not None or attempt.handed_out_at is not None)
        and not attempt.page_closed
        and (attempt.payable_until is None or now < attempt.payable_until)
    )


def _plan_without_live(payment: Payment, wish: Wish, now: datetime) -> Plan:
    for attempt in reversed(payment.attempts):
        if attempt.status is AttemptStatus.FAILED and attempt.provider == wish.provider:
            # Where providers are asked, a page that nobody asks about any more is handed out to nobody.
            again = (
                attempt.watched(now)
                and attempt.reason is Reason.DECLINED
                and not payment.was_paid_on(attempt.reference)
                # Its delivery code is of no use to anybody until a person unlocks it.
                and not locked(attempt)
            )
            return Plan(Step.REOPEN, attempt) if again and wish.met_by(attempt, now) else Plan(Step.CLAIM)
    return Plan(Step.CLAIM)
