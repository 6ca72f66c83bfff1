"""A payment: what one payer owes for one order. Its status is a projection of its attempts and captures."""

from collections.abc import Callable
from datetime import datetime
from typing import Self
from uuid import UUID

import attrs

from payments.domain import events as happened
from payments.domain.attempt import Attempt
from payments.domain.capture import Capture
from payments.domain.errors import IllegalTransition
from payments.domain.events import Reason
from payments.domain.money import Money, zero
from payments.domain.refund import Refund, refunded
from payments.domain.transitions import PAYMENT, AttemptStatus, Disposition, PaymentStatus, following


@attrs.frozen(kw_only=True)
class Customer:
    """Who the shop says is paying; used for the provider's page and our mail, never for authorisation."""

    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    phone_number: str | None = None


@attrs.frozen(kw_only=True)
class Payment:
    """One per order. Every change is a method that returns the next payment and the events that explain it.

    ``amount`` and ``order_version`` follow the order at each claim until success, then never change.
    """

    payment_id: UUID
    order_id: str
    payer: str
    """The ``sub`` of who owes it, compared as a string."""
    amount: Money
    order_version: str
    customer: Customer
    created_at: datetime
    updated_at: datetime
    status: PaymentStatus = PaymentStatus.PENDING
    version: int = 0
    """Grows by one with each stored change."""
    told: int = 0
    """The sequence of the last message about this order, to whomever; 0 before the first."""
    last_told: str = ""
    """What the last message to the orders service said: ``paid``, ``failed`` ..."""
    trail: str = ""
    """The hash of the newest link of its audit trail."""
    attempts: tuple[Attempt, ...] = ()
    """Oldest first."""
    captures: tuple[Capture, ...] = ()
    refunds: tuple[Refund, ...] = ()

    @property
    def live_attempt(self) -> Attempt | None:
        """The one attempt that is claimed, open or unknown."""
        return next((attempt for attempt in self.attempts if attempt.live), None)

    @property
    def settling_capture(self) -> Capture | None:
        """The money that pays it."""
        return next((c for c in self.captures if c.disposition is Disposition.SETTLES), None)

    def was_paid_on(self, reference: str) -> bool:
        """Whether money counts for this attempt, whatever became of it: it is handed out to nobody again."""
        return any(capture.reference == reference for capture in self.captures)

    def has_own_money(self, reference: str) -> bool:
        """Whether money came on this attempt's own page; beside what a person put to it, it still may."""
        return any(capture.reference == reference and not capture.attached for capture in self.captures)

    def was_paid_under_other_names(self, attempt: Attempt) -> bool:
        """Whether money of a prompt was attested, and none under the name that our request got.

        Only where a provider reports to an address of each attempt may one have several names.
        """
        own = attempt.provider_reference
        if own is None or attempt.callback_token_hash is None:
            return False
        here = [c for c in self.captures if c.reference == attempt.reference and not c.attached]
        recorded = any(capture.vouched is not None for capture in here)
        return bool(here) and not recorded and all(own not in c.names for c in here)

    @property
    def held_captures(self) -> tuple[Capture, ...]:
        """Money that did not match and was not wholly given back: it blocks new attempts."""
        return tuple(
            c
            for c in self.captures
            if c.disposition is Disposition.HELD and refunded(c, self.refunds) < c.amount
        )

    def holds_own_money(self, reference: str) -> bool:
        """Whether money of this attempt's own page waits for a person; it ends in no way meanwhile."""
        return any(c.reference == reference and not c.attached for c in self.held_captures)

    @property
    def current_attempt(self) -> Attempt | None:
        """The attempt that speaks for the payment: the settling one, else the live one, else the latest.

        An older one whose page was handed out again comes after those that were claimed before that.
        """
        settling = self.settling_capture
        if settling:
            return self.attempt(settling.reference)
        return self.live_attempt or (self.attempts_by_age[-1] if self.attempts else None)

    @property
    def attempts_by_age(self) -> list[Attempt]:
        """All attempts by when they were handed out last; of two, the one handed out again is the newer."""
        return sorted(self.attempts, key=lambda a: (a.reopened_at or a.claimed_at, a.reopened_at is not None))

    @property
    def received(self) -> Money:
        """Σ captures in the payment's own currency; foreign money is held and shown by its review."""
        return self._sum_of(lambda capture: capture.amount)

    @property
    def given_back(self) -> Money:
        """Σ refunds that succeeded, in the payment's own currency."""
        if not self.refunds:
            return zero(self.amount.currency)
        return self._sum_of(lambda capture: refunded(capture, self.refunds))

    def _sum_of(self, part: Callable[[Capture], Money]) -> Money:
        own = self.amount.currency
        return Money(sum(part(c).minor for c in self.captures if c.amount.currency == own), own)

    def attempt(self, reference: str) -> Attempt:
        """The attempt called ``reference``.

        Raises:
            KeyError: it is not one of this payment's.
        """
        for attempt in self.attempts:
            if attempt.reference == reference:
                return attempt
        raise KeyError(reference)

    def with_attempt(self, changed: Attempt) -> Self:
        """With the attempt of the same reference replaced. Status follows only through :func:`projected`."""
        return attrs.evolve(self, attempts=self._attempts_with(changed))

    def with_capture(self, capture: Capture, changed: Attempt) -> Self:
        """With ``capture`` added, and the attempt that it came on replaced."""
        return attrs.evolve(self, attempts=self._attempts_with(changed), captures=(*self.captures, capture))

    def _attempts_with(self, changed: Attempt) -> tuple[Attempt, ...]:
        return tuple([changed if a.reference == changed.reference else a for a in self.attempts])


@attrs.frozen
class Change:
    """The next payment, and the events that explain how it came about."""

    payment: Payment
    events: tuple[happened.Event, ...] = ()

    def then(self, changed: Attempt, *events: happened.Event) -> "Change":
        """This change followed by another one of a single attempt."""
        return Change(self.payment.with_attempt(changed), (*self.events, *events))


def claim(payment: Payment, attempt: Attempt, *, customer: Customer, now: datetime) -> Change:
    """Add a claimed ``attempt``, superseding the live one; amount and version follow the order.

    Superseding and claiming are one change, so switching never flickers to failed.

    Raises:
        IllegalTransition: the payment is settled, or money of it is held.
    """
    if payment.settling_capture or payment.held_captures:
        raise IllegalTransition("A settled or held payment takes no further attempt.")
    change = supersede(Change(payment), now)
    following_order = attrs.evolve(
        change.payment,
        amount=attempt.amount,
        order_version=attempt.order_version,
        customer=customer,
        attempts=(*change.payment.attempts, attempt),
    )
    claimed = happened.AttemptClaimed(
        reference=attempt.reference, provider=attempt.provider, amount=attempt.amount
    )
    return projected(Change(following_order, (*change.events, claimed)), now)


def supersede(change: Change, now: datetime) -> Change:
    """Expire the live attempt, if there is one, because another takes its place; the sweep cancels it."""
    live = change.payment.live_attempt
    if live is None:
        return change
    return _expired(change, live, Reason.SUPERSEDED, now)


def opened(
    payment: Payment,
    reference: str,
    *,
    checkout_url: str | None,
    provider_reference: str | None,
    payable_until: datetime | None,
    now: datetime,
) -> Change:
    """Record that the provider opened a checkout.

    An attempt that is no longer claimed keeps what was learnt, and nothing is handed out.
    """
    attempt = payment.attempt(reference)
    learnt = attrs.evolve(
        attempt,
        checkout_url=checkout_url,
        provider_reference=attempt.provider_reference or provider_reference,
    )
    if attempt.status is not AttemptStatus.CLAIMED:
        return Change(payment).then(learnt, happened.CheckoutFoundLate(reference=reference))
    event = happened.CheckoutOpened(
        reference=reference, provider_reference=provider_reference, payable_until=payable_until
    )
    ready = attrs.evolve(learnt.after(event).handed_out(now), payable_until=payable_until)
    return projected(Change(payment).then(ready, event), now)


def named_late(payment: Payment, reference: str, provider_reference: str | None) -> Change:
    """Record the provider's name for a checkout whose payer was seen before its provider answered us.

    Where a report gave another name before that, only this one is known to be of our own request.
    """
    attempt = payment.attempt(reference)
    known = attempt.provider_reference
    reported = attempt.callback_token_hash is not None and known != provider_reference
    if provider_reference is None or not (known is None or reported):
        return Change(payment)
    named = attrs.evolve(attempt, provider_reference=provider_reference)
    return Change(payment).then(named, happened.CheckoutFoundLate(reference=reference))


def lost(payment: Payment, reference: str, *, detail: str, now: datetime) -> Change:
    """Record that the provider's answer was lost: a claimed attempt becomes unknown."""
    attempt = payment.attempt(reference)
    if attempt.status is not AttemptStatus.CLAIMED:
        return Change(payment)
    event = happened.OutcomeLost(reference=reference, detail=detail)
    return projected(Change(payment).then(attempt.after(event), event), now)


def not_opened(payment: Payment, reference: str, *, reason: Reason, detail: str, now: datetime) -> Change:
    """Record that the provider opened nothing (``refused``), or was never reached (``not_sent``)."""
    attempt = payment.attempt(reference)
    if attempt.status is not AttemptStatus.CLAIMED:
        return Change(payment)
    if payment.holds_own_money(reference):
        return lost(payment, reference, detail=detail, now=now)
    event = happened.AttemptFailed(reference=reference, reason=reason, detail=detail)
    failed = attrs.evolve(attempt.after(event), detail=detail).closed(now)
    return projected(Change(payment).then(failed, event), now)


def expire(payment: Payment, reference: str, *, reason: Reason, page_closed: bool, now: datetime) -> Change:
    """Close a live attempt without an answer about money; ``page_closed`` when its provider confirmed it."""
    attempt = payment.attempt(reference)
    change = close_page(payment, reference, now=now) if page_closed else Change(payment)
    if attempt.live and not payment.holds_own_money(reference):
        change = _expired(change, change.payment.attempt(reference), reason, now)
    return projected(change, now)


def close_page(payment: Payment, reference: str, *, now: datetime) -> Change:
    """Record that the provider will take no payment on this checkout any more."""
    attempt = payment.attempt(reference)
    if attempt.page_closed:
        return Change(payment)
    return Change(payment).then(attempt.closed(now), happened.PageClosed(reference=reference))


def reopen(payment: Payment, reference: str, *, now: datetime) -> Change:
    """Hand the page of a failed attempt out again: failed -> open, and the payment is retried.

    What is owed is again what that page asks for: another attempt may have followed the order meanwhile.

    Raises:
        IllegalTransition: the attempt is not failed, another one is live, or money came on its page already.
    """
    attempt = payment.attempt(reference)
    if payment.live_attempt or payment.settling_capture:
        raise IllegalTransition("Another attempt is live, or the payment is settled.")
    if payment.was_paid_on(reference):
        raise IllegalTransition("Money came on this page: it is used up, whatever became of the money.")
    event = happened.AttemptReopened(reference=reference)
    again = attrs.evolve(attempt.after(event), reopened_at=now, detail="", not_found_at=None)
    following_order = attrs.evolve(payment, amount=attempt.amount, order_version=attempt.order_version)
    return projected(Change(following_order).then(again, event), now)


def _expired(change: Change, attempt: Attempt, reason: Reason, now: datetime) -> Change:
    event = happened.AttemptExpired(reference=attempt.reference, reason=reason)
    # Asked about at once: its page may have to be cancelled, and money may be on its way.
    watched = attempt.next_check_at is not None
    return change.then(
        attrs.evolve(attempt.after(event), next_check_at=now if watched else None),
        event,
    )


def failed_once_empty(change: Change, reference: str) -> Change:
    """Fail a live attempt whose money all went back: its page is used up, and nobody asks any more."""
    present = change.payment.attempt(reference)
    held = any(c.reference == reference for c in change.payment.held_captures)
    page_is_free = not present.on_delivery and not change.payment.has_own_money(reference)
    if not present.live or held or page_is_free:
        return change
    event = happened.AttemptFailed(reference=reference, reason=Reason.RETURNED)
    return change.then(present.after(event), event)


def projected(change: Change, now: datetime) -> Change:
    """The change with the payment's status brought in line, every edge on the way walked and explained."""
    payment, events = change.payment, change.events
    status = payment.status
    for event in _edges(payment, _target(payment), change.events):
        status = following(PAYMENT, status, type(event))
        events = (*events, event)
    if not events:
        return change
    return Change(attrs.evolve(payment, status=status, updated_at=now), events)


def _target(payment: Payment) -> PaymentStatus:
    if payment.settling_capture:
        return PaymentStatus.SUCCESS
    if not any(attempt.handed_out_at for attempt in payment.attempts):
        return PaymentStatus.PENDING
    return PaymentStatus.PROCESSING if payment.live_attempt else PaymentStatus.FAILED


def _edges(
    payment: Payment, target: PaymentStatus, why: tuple[happened.Event, ...]
) -> tuple[happened.Event, ...]:
    """The events between the present status and ``target``: from each status there is one way towards it."""
    if target is payment.status:
        return ()
    if payment.status is PaymentStatus.SUCCESS or target is PaymentStatus.PENDING:
        raise IllegalTransition(f"{payment.status.value} cannot become {target.value}.")
    initiated = happened.PaymentInitiated(payment_id=payment.payment_id)
    retried = happened.PaymentRetried(payment_id=payment.payment_id)
    to_processing: dict[PaymentStatus, tuple[happened.Event, ...]] = {
        PaymentStatus.PENDING: (initiated,),
        PaymentStatus.FAILED: (retried,),
        PaymentStatus.PROCESSING: (),
    }
    way = to_processing[payment.status]
    if target is PaymentStatus.SUCCESS:
        return (*way, happened.PaymentSucceeded(payment_id=payment.payment_id))
    if target is PaymentStatus.FAILED:
        ends = (happened.AttemptFailed, happened.AttemptExpired)
        reasons = [event.reason for event in why if isinstance(event, ends)]
        # None ended now when held money shows that an ended attempt had been handed out.
        reasons = reasons or [attempt.reason for attempt in payment.attempts if attempt.reason]
        return (*way, happened.PaymentFailed(payment_id=payment.payment_id, reason=reasons[-1]))
    return way
