"""When an attempt is asked about, and when waiting ends (docs/model.md section 3, "Watching")."""

import enum
import hashlib
from datetime import datetime, timedelta
from typing import Final

import attrs

from payments.domain import events as happened
from payments.domain.attempt import Attempt
from payments.domain.events import Reason, ReviewKind
from payments.domain.payment import Change, Payment, expire
from payments.domain.refund import refunded
from payments.domain.transitions import AttemptStatus

SCHEDULE: Final = (
    (timedelta(minutes=5), timedelta(seconds=30)),
    (timedelta(minutes=30), timedelta(minutes=2)),
    (timedelta(hours=3), timedelta(minutes=15)),
)
"""(up to this age, ask this often); older attempts hourly."""

HOURLY: Final = timedelta(hours=1)

LOOKS_APART: Final = timedelta(minutes=59)
"""Two looks past the end of a watch count as two if they are so far apart. They are planned an hour apart,
and the clocks of two processes differ a little."""

LOOKED_EARLY: Final = timedelta(minutes=2)
"""A look so long before it was planned is no planned one. The sweep itself puts off what it is about to look
at by a minute."""

LOOKED_LATE: Final = timedelta(minutes=75)
"""A look so long after the one before it, which was to be an hour, may in truth come right after that, by a
clock that is ahead. It counts only once the end is further past than ``CLOCKS_APART``."""

CLOCKS_APART: Final = timedelta(days=2)
"""Clocks are no further apart: one that is a day behind may have claimed what one a day ahead looks at."""

SOON: Final = timedelta(seconds=30)
"""When a live attempt whose watch has ended is looked at again, unless it is ended at once."""

HOLD_WINDOW: Final = timedelta(minutes=5)
"""Before this age a provider's "not found" proves nothing."""

TURN_AGAIN: Final = timedelta(seconds=15)
"""When a success that waits for its question's turn is looked at again: whoever waits for one has to be back
within 20 s (ADR 0017)."""

SAID_LATELY: Final = timedelta(minutes=5)
"""So long after its provider said that it is paid an attempt comes before all others."""

WATCHED_FOR_THE_REST: Final = timedelta(hours=24)
"""So long an attempt whose money is here is asked about what else there may be: what went back beside a
refund that failed, or money under another name."""

NOT_FOUND_APART: Final = timedelta(seconds=60)
"""Two "not found" this far apart, past the hold window, prove that it was never created."""

CLAIM_LIFETIME: Final = timedelta(seconds=60)
"""A claim older than this has lost its process: it becomes unknown."""

LEAST_TIME_LEFT: Final = timedelta(seconds=60)
"""A page is handed out again only while it can be paid on for at least this long."""

CLOSED_BY_US: Final = frozenset(
    {Reason.SUPERSEDED, Reason.CANCELLED_BY_PAYER, Reason.ORDER_CLOSED, Reason.TIMED_OUT}
)
"""Why an expired attempt's page should be cancelled at the provider if it can still be paid on."""


def next_check(attempt: Attempt, now: datetime) -> datetime | None:
    """When to ask about ``attempt`` after an answer at ``now``; None when its watch has ended.

    A live attempt stays due past the end of its watch: only the sweep can end it, and whoever asked now may
    have been somebody else, or may die before it does. What its provider said is paid is as young as that.
    """
    if attempt.watch_until is None:
        return None
    if now >= attempt.watch_until:
        return now + SOON if attempt.live else None
    age = now - (attempt.said_paid_at or attempt.claimed_at)
    step = next((step for limit, step in SCHEDULE if age < limit), HOURLY)
    return min(now + step, attempt.watch_until)


def next_look(known: Attempt, attempt: Attempt, now: datetime, *, has_money: bool) -> datetime | None:
    """When to ask again about what may be paid yet: by its age, and past the end of its watch an hour later.

    ``known`` is how it was before this look. No sweep gives up what has money, live or not.
    """
    over = attempt.watch_until is not None and now >= attempt.watch_until
    when = None if over and has_money else next_check(attempt, now)
    return now + HOURLY if when is None and ended_by_one_look(known, attempt) else when


def next_look_for_the_rest(
    known: Attempt, attempt: Attempt, now: datetime, *, answered: bool
) -> datetime | None:
    """When to ask again what became of money that is here, if anybody asks: after one hour, two, four, ...

    No answer ends it before its watch does, as each may be an old one. What is ``answered`` whatever went
    back takes one more look an hour later: its provider may have forgotten it when the watch ends.
    """
    until = known.watch_until
    if known.next_check_at is None or until is None:
        return None
    if now >= until:
        return now + HOURLY if ended_by_one_look(known, attempt) else None
    if answered:
        return None if _is_second_look(known, attempt) else now + HOURLY
    began = until - WATCHED_FOR_THE_REST
    return min(now + max(HOURLY, now - began), until)


def ended_by_one_look(known: Attempt, attempt: Attempt) -> bool:
    """Whether the watch of ``attempt`` would end with the first look past its end.

    ``known`` is how it was before that look. The clock that says so may be hours ahead, so it takes another
    look (ADR 0032). Where an answer ended it, no clock did.
    """
    if known.next_check_at is None or known.watch_until is None or attempt.watch_until != known.watch_until:
        return False
    before = known.last_checked_at
    return before is None or before < known.watch_until or not _is_second_look(known, attempt)


def _is_second_look(known: Attempt, attempt: Attempt) -> bool:
    """Whether there was a look before this one, and this is the one that was planned an hour after it.

    That is an hour on every clock. Of two clocks that are apart, any two looks are an hour apart; but whoever
    looks by the other one does not wait for the look that was planned, or finds it long overdue.
    """
    before, last, planned = known.last_checked_at, attempt.last_checked_at, known.next_check_at
    if before is None or last is None or planned is None:
        return False
    if abs(last - before) < LOOKS_APART or planned - last > LOOKED_EARLY:
        return False
    return last - before <= LOOKED_LATE or _is_long_over(known, before)


def _is_long_over(known: Attempt, look: datetime) -> bool:
    """Whether its watch was over by every clock at this ``look``: where all are late, one has to count."""
    return known.watch_until is not None and look - known.watch_until > CLOCKS_APART


def watched_for_the_rest(attempt: Attempt, now: datetime) -> Attempt:
    """``attempt``, whose money is here, asked about from now on. No look before this counts."""
    return attrs.evolve(
        attempt, next_check_at=now, watch_until=now + WATCHED_FOR_THE_REST, last_checked_at=None
    )


def with_the_whole_day(known: Attempt, now: datetime) -> Attempt:
    """``known``, watched for the rest, with its whole day before it at the first look.

    The clock by which that began may have been behind, and the day over, or almost, by all others.
    """
    if known.next_check_at is None or known.watch_until is None or known.last_checked_at is not None:
        return known
    return attrs.evolve(known, watch_until=max(known.watch_until, now + WATCHED_FOR_THE_REST))


def watched_for_more_that_went(payment: Payment, reference: str, *, now: datetime) -> Payment:
    """The payment with an attempt watched some money of which is left; one that is watched, from now on."""
    attempt = payment.attempt(reference)
    own = (c for c in payment.captures if c.reference == reference and not c.attached)
    left = any(refunded(capture, payment.refunds) < capture.amount for capture in own)
    if not left or attempt.watch_until is None:
        return payment
    return payment.with_attempt(watched_for_the_rest(attempt, now))


def watched_for_its_own_name(change: Change, reference: str, *, now: datetime) -> Change:
    """The change with the attempt watched for the name that our request got, if others were paid."""
    attempt = change.payment.attempt(reference)
    if not change.payment.was_paid_under_other_names(attempt):
        return change
    return change.then(watched_for_the_rest(attempt, now))


def said_paid_lately(attempt: Attempt, now: datetime) -> bool:
    """Whether its provider said of late that it is paid: it is asked about first, and gives no way."""
    return attempt.said_paid_at is not None and now - attempt.said_paid_at < SAID_LATELY


def ended_early(payment: Payment, attempt: Attempt, now: datetime) -> bool:
    """Whether it was ended by a clock, or by us, while it could still be paid on by this one.

    A page is closed where that is possible; a prompt stays on the phone, and nobody is to get a second one.
    """
    if attempt.status is not AttemptStatus.EXPIRED or payment.has_own_money(attempt.reference):
        return False
    return attempt.payable_until is not None and not attempt.page_closed and now < attempt.payable_until


def ended_in_silence(payment: Payment, attempt: Attempt, now: datetime) -> bool:
    """Whether its time went by and its provider has not said what became of it: it may have been paid.

    What was said of late to be paid is asked about as it is.
    """
    untold = attempt.status is AttemptStatus.EXPIRED and not attempt.page_closed
    if not untold or said_paid_lately(attempt, now):
        return False
    return attempt.watched(now) and not payment.has_own_money(attempt.reference)


def said_by_another_clock(payment: Payment, attempt: Attempt, now: datetime) -> bool:
    """Whether it ended and was said to be paid, and this clock cannot tell how long ago that was.

    It is still to come by this clock, or was long ago: one that is behind may have heard it in this second.
    """
    said = attempt.said_paid_at
    if said is None or attempt.live or payment.has_own_money(attempt.reference) or not attempt.watched(now):
        return False
    return not said <= now < said + SAID_LATELY


def looked_at_soon(change: Change, reference: str, *, now: datetime) -> Change:
    """The change with the next look no later than this clock has it: whoever ended it may have been ahead."""
    attempt = change.payment.attempt(reference)
    soon = next_check(attempt, now)
    if attempt.next_check_at is None or soon is None:
        return change
    return change.then(attrs.evolve(attempt, next_check_at=min(attempt.next_check_at, soon)))


def unproven(payment: Payment, now: datetime) -> Attempt | None:
    """The attempt that was said of late to be paid and whose money is not here: nobody is to pay again."""
    said = (attempt for attempt in payment.attempts if said_paid_lately(attempt, now))
    return next((attempt for attempt in said if not payment.has_own_money(attempt.reference)), None)


def next_turn(attempt: Attempt, now: datetime, usual: datetime) -> datetime:
    """When to come back to ``attempt``, whose question had to wait for its turn; ``usual``, had it been put.

    A success that waits comes back soon, and no later because others asked about it meanwhile. Whatever else
    waits comes back by then, each at its own moment: what is due at once after an outage would be due at once
    again each time, and the same few would get turns.
    """
    if said_paid_lately(attempt, now):
        planned = attempt.next_check_at
        soon = min(now + TURN_AGAIN, usual)
        return min(planned, soon) if planned is not None and planned > now else soon
    digest = hashlib.sha256(f"{attempt.reference} {now.isoformat()}".encode()).digest()
    drawn = int.from_bytes(digest[:4]) / 2**32
    return min(max(now + (usual - now) * drawn, now + TURN_AGAIN), usual)


class Chore(enum.Enum):
    """What is left to do about an attempt after it was asked about."""

    NONE = "none"
    CANCEL_PAGE = "cancel_page"
    """It ended without the provider, and its page may still be paid on."""
    TIME_OUT = "time_out"
    """Nobody paid while it could be paid: cancel where possible, then expire."""
    GIVE_UP = "give_up"
    """Its watch has ended without an answer: expire it, and ask a person."""


def chore(attempt: Attempt, *, has_own_money: bool, still_payable: bool, now: datetime) -> Chore:
    """What the sweep does about ``attempt`` at ``now``; ``still_payable`` is what the provider just said."""
    if has_own_money:
        return Chore.NONE
    said_paid = said_paid_lately(attempt, now)
    if attempt.live and attempt.watch_until is not None and now >= attempt.watch_until and not said_paid:
        return Chore.GIVE_UP
    ended = attempt.payable_until is not None and now >= attempt.payable_until
    unpaid = still_payable and not said_paid
    if attempt.live and attempt.status is not AttemptStatus.CLAIMED and ended and unpaid:
        return Chore.TIME_OUT
    expired_by_us = attempt.status is AttemptStatus.EXPIRED and attempt.reason in CLOSED_BY_US
    # It succeeded by money that a person put to it, and nobody is to pay on its own page.
    by_a_person = attempt.status is AttemptStatus.SUCCEEDED
    if (expired_by_us or by_a_person) and not attempt.page_closed and not ended:
        return Chore.CANCEL_PAGE
    return Chore.NONE


def give_up(payment: Payment, reference: str, *, now: datetime) -> Change:
    """End a live attempt whose watch ended without an answer, and ask a person about it.

    It is looked at once more, whatever they say of it before that: the clock that claimed it may have been
    behind, and its watch no longer than this look (ADR 0032).
    """
    change = expire(payment, reference, reason=Reason.TIMED_OUT, page_closed=False, now=now)
    asked = happened.ReviewOpened(
        kind=ReviewKind.STUCK_UNKNOWN,
        subject=reference,
        detail="Its watch ended and the provider never said whether it was paid.",
    )
    ended = attrs.evolve(change.payment.attempt(reference), next_check_at=now + HOURLY)
    return change.then(ended, asked)
