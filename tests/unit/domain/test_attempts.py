"""What is done about an attempt, and when: each bound from both sides (docs/model.md sections 3 and 4)."""

from datetime import datetime, timedelta

import attrs
import pytest

from payments.domain.attempt import Attempt
from payments.domain.events import CheckoutFoundLate, CheckoutOpened, PaymentInitiated, Reason
from payments.domain.evidence import Mode, Outcome
from payments.domain.initiation import Plan, Step, Wish, pages_to_close, plan
from payments.domain.money import Money
from payments.domain.payment import Change, Payment, named_late, opened
from payments.domain.refund import Refund
from payments.domain.refund_rules import RefundRules, SurplusPolicy
from payments.domain.refunding import left_behind
from payments.domain.refunding import next_check as next_look
from payments.domain.transitions import AttemptStatus, RefundStatus
from payments.domain.watching import (
    Chore,
    chore,
    ended_by_one_look,
    ended_early,
    looked_at_soon,
    next_check,
    next_turn,
    said_paid_lately,
)
from tests.unit.domain.one_page import (
    DUE,
    LATER,
    LESS,
    OURS,
    PART,
    START,
    claimed,
    found,
    paid,
    with_open_page,
)

OPEN = with_open_page()
PAGE = OPEN.attempt(OURS)
DECLINED = found(OPEN, Outcome.DECLINED).payment
EXPIRED = attrs.evolve(PAGE, status=AttemptStatus.EXPIRED, reason=Reason.SUPERSEDED)
TICK = timedelta(microseconds=1)
HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
ENDS = START + HOUR
"""When the page can no longer be paid on."""
WATCHED = START + 72 * HOUR


@pytest.mark.parametrize(
    ("age", "step"),
    [
        (timedelta(0), 30 * SECOND),
        (5 * MINUTE - TICK, 30 * SECOND),
        (5 * MINUTE, 2 * MINUTE),
        (30 * MINUTE - TICK, 2 * MINUTE),
        (30 * MINUTE, 15 * MINUTE),
        (3 * HOUR - TICK, 15 * MINUTE),
        (3 * HOUR, HOUR),
        (72 * HOUR - MINUTE, MINUTE),
        (72 * HOUR - TICK, TICK),
        (72 * HOUR, 30 * SECOND),
    ],
)
def test_it_is_asked_about_the_more_seldom_the_older_it_is(age: timedelta, step: timedelta) -> None:
    assert next_check(PAGE, START + age) == START + age + step


def test_nobody_is_asked_about_what_has_ended_once_its_watch_has_or_about_cash() -> None:
    assert next_check(EXPIRED, WATCHED - TICK) == WATCHED
    assert next_check(EXPIRED, WATCHED) is None
    assert next_check(attrs.evolve(PAGE, watch_until=None), START) is None


@pytest.mark.parametrize(
    ("known", "by_one_look"),
    [
        (EXPIRED, True),
        (attrs.evolve(EXPIRED, last_checked_at=WATCHED - TICK), True),
        (attrs.evolve(EXPIRED, last_checked_at=WATCHED), False),
        (attrs.evolve(EXPIRED, last_checked_at=WATCHED + MINUTE), False),
        (attrs.evolve(EXPIRED, last_checked_at=WATCHED + MINUTE + TICK), True),
        (attrs.evolve(EXPIRED, last_checked_at=WATCHED + 25 * HOUR), False),
        (attrs.evolve(EXPIRED, last_checked_at=WATCHED, next_check_at=WATCHED + 62 * MINUTE), False),
        (attrs.evolve(EXPIRED, last_checked_at=WATCHED, next_check_at=WATCHED + 62 * MINUTE + TICK), True),
        (attrs.evolve(EXPIRED, next_check_at=None), False),
        (attrs.evolve(EXPIRED, watch_until=None), False),
    ],
)
def test_it_takes_two_looks_past_its_end_to_end_a_watch(known: Attempt, by_one_look: bool) -> None:  # noqa: FBT001 -- a row's field
    assert ended_by_one_look(known, attrs.evolve(known, last_checked_at=WATCHED + HOUR)) is by_one_look
    if known.watch_until is not None:
        by_an_answer = attrs.evolve(known, watch_until=START)
        assert not ended_by_one_look(known, by_an_answer)


@pytest.mark.parametrize(
    ("first", "then", "again"),
    [
        (timedelta(0), 75 * MINUTE, False),
        (timedelta(0), 75 * MINUTE + TICK, True),
        (48 * HOUR, 75 * MINUTE + TICK, True),
        (48 * HOUR + TICK, 75 * MINUTE + TICK, False),
    ],
)
def test_a_look_that_comes_late_is_no_second_one_until_the_end_is_past_by_every_clock(
    first: timedelta,
    then: timedelta,
    again: bool,  # noqa: FBT001 -- a row's field
) -> None:
    known = attrs.evolve(EXPIRED, last_checked_at=WATCHED + first)
    looked = attrs.evolve(known, last_checked_at=WATCHED + first + then)
    assert ended_by_one_look(known, looked) is again


@pytest.mark.parametrize(
    ("since", "step"), [(timedelta(0), 30 * SECOND), (HOUR, 15 * MINUTE), (4 * HOUR, HOUR)]
)
def test_what_was_said_to_be_paid_is_asked_about_as_often_as_what_is_new(
    since: timedelta, step: timedelta
) -> None:
    said = attrs.evolve(EXPIRED, said_paid_at=START + 20 * HOUR)
    assert next_check(said, START + 20 * HOUR + since) == START + 20 * HOUR + since + step


def test_whatever_waits_for_its_turn_comes_back_within_its_step_at_a_moment_of_its_own() -> None:
    usual = LATER + HOUR
    waits = [attrs.evolve(PAGE, reference=f"p-{number}") for number in range(100)]
    moments = [next_turn(attempt, LATER, usual) for attempt in waits]
    assert all(LATER + 15 * SECOND <= moment <= usual for moment in moments)
    for tenth in range(10):
        begins = LATER + tenth * 6 * MINUTE
        assert 2 <= sum(begins <= moment < begins + 6 * MINUTE for moment in moments) <= 20
    assert next_turn(PAGE, LATER, LATER + SECOND) == LATER + SECOND


def test_a_success_that_waits_for_its_turn_comes_back_soon() -> None:
    said = attrs.evolve(EXPIRED, said_paid_at=LATER, next_check_at=None)
    assert next_turn(said, LATER, LATER + HOUR) == LATER + 15 * SECOND
    assert next_turn(said, LATER, LATER + SECOND) == LATER + SECOND
    for planned, soon in ((10 * SECOND, 10), (20 * SECOND, 15), (timedelta(0), 15), (-SECOND, 15)):
        asked_meanwhile = attrs.evolve(said, next_check_at=LATER + planned)
        assert next_turn(asked_meanwhile, LATER, LATER + HOUR) == LATER + soon * SECOND
    assert said_paid_lately(said, LATER + 5 * MINUTE - TICK)
    assert not said_paid_lately(said, LATER + 5 * MINUTE)
    assert not said_paid_lately(EXPIRED, LATER)


@pytest.mark.parametrize(
    ("age", "step"),
    [
        (timedelta(0), 30 * SECOND),
        (3 * HOUR - TICK, 15 * MINUTE),
        (3 * HOUR, HOUR),
        (7 * 24 * HOUR - TICK, HOUR),
        (7 * 24 * HOUR, 24 * HOUR),
    ],
)
def test_a_refund_is_asked_about_daily_without_end(age: timedelta, step: timedelta) -> None:
    refund = asked_for(RefundStatus.REQUESTED)
    assert next_look(refund, START + age) == START + age + step
    assert next_look(attrs.evolve(refund, requested_at=None), START + age) == START + age + 30 * SECOND


@pytest.mark.parametrize(
    ("refund_status", "detail", "age", "is_left"),
    [
        (RefundStatus.REQUESTED, "", MINUTE - TICK, False),
        (RefundStatus.REQUESTED, "", MINUTE, True),
        (RefundStatus.REQUESTED, "pending", MINUTE, False),
        (RefundStatus.UNKNOWN, "", MINUTE, False),
    ],
)
def test_a_request_without_an_answer_for_a_minute_is_left_behind(
    refund_status: RefundStatus,
    detail: str,
    age: timedelta,
    is_left: bool,  # noqa: FBT001 -- a row's field
) -> None:
    refund = attrs.evolve(asked_for(refund_status), detail=detail)
    assert left_behind(refund, START + age) is is_left
    assert not left_behind(attrs.evolve(refund, requested_at=None), START + age)


def asked_for(status: RefundStatus) -> Refund:
    return Refund(
        refund_id=paid().captures[0].capture_id,
        capture_id=paid().captures[0].capture_id,
        reference="r-1",
        amount=PART,
        status=status,
        reason="late",
        actor="operator:anna",
        created_at=START,
        requested_at=START,
    )


@pytest.mark.parametrize(
    ("attempt", "at", "still_payable", "left"),
    [
        (PAGE, ENDS - TICK, True, Chore.NONE),
        (PAGE, ENDS, True, Chore.TIME_OUT),
        (PAGE, ENDS, False, Chore.NONE),
        (attrs.evolve(PAGE, said_paid_at=ENDS - 5 * MINUTE + TICK), ENDS, True, Chore.NONE),
        (attrs.evolve(PAGE, said_paid_at=ENDS - 5 * MINUTE), ENDS, True, Chore.TIME_OUT),
        (attrs.evolve(PAGE, payable_until=None), ENDS, True, Chore.NONE),
        (attrs.evolve(PAGE, status=AttemptStatus.CLAIMED), ENDS, True, Chore.NONE),
        (attrs.evolve(PAGE, status=AttemptStatus.UNKNOWN), ENDS, True, Chore.TIME_OUT),
        (PAGE, WATCHED - TICK, False, Chore.NONE),
        (PAGE, WATCHED, False, Chore.GIVE_UP),
        (attrs.evolve(PAGE, watch_until=None), WATCHED, False, Chore.NONE),
        (EXPIRED, WATCHED, False, Chore.NONE),
        (EXPIRED, ENDS - TICK, False, Chore.CANCEL_PAGE),
        (EXPIRED, ENDS, False, Chore.NONE),
        (attrs.evolve(EXPIRED, payable_until=None), ENDS, False, Chore.CANCEL_PAGE),
        (attrs.evolve(EXPIRED, page_closed=True), START, False, Chore.NONE),
        (attrs.evolve(EXPIRED, reason=Reason.NEVER_CREATED), START, False, Chore.NONE),
        (attrs.evolve(EXPIRED, status=AttemptStatus.FAILED), START, False, Chore.NONE),
    ],
)
def test_what_is_left_to_do_about_it(
    attempt: Attempt,
    at: datetime,
    still_payable: bool,  # noqa: FBT001 -- a row's field
    left: Chore,
) -> None:
    assert chore(attempt, has_own_money=False, still_payable=still_payable, now=at) is left
    assert chore(attempt, has_own_money=True, still_payable=still_payable, now=at) is Chore.NONE


@pytest.mark.parametrize(
    ("until", "ends"), [(None, LATER), (LATER - TICK, LATER - TICK), (LATER + TICK, LATER)]
)
def test_a_page_that_is_closed_cannot_be_paid_on_from_now_on(until: datetime | None, ends: datetime) -> None:
    closed = attrs.evolve(PAGE, payable_until=until).closed(LATER)
    assert (closed.page_closed, closed.payable_until) == (True, ends)


@pytest.mark.parametrize(
    ("changed", "still"),
    [
        ({}, True),
        ({"payable_until": None}, True),
        ({"payable_until": LATER + MINUTE}, True),
        ({"payable_until": LATER + MINUTE - TICK}, False),
        ({"page_closed": True}, False),
        ({"payable_until": None, "page_closed": True}, False),
    ],
)
def test_a_page_serves_while_it_can_be_paid_on_for_a_minute(changed: dict[str, object], still: bool) -> None:  # noqa: FBT001 -- a row's field
    assert attrs.evolve(PAGE, **changed).payable_for(MINUTE, LATER) is still  # type: ignore[arg-type]  # any field, by its name


def test_what_was_handed_out_keeps_its_first_time() -> None:
    assert attrs.evolve(PAGE, handed_out_at=None).handed_out(LATER).handed_out_at == LATER
    assert PAGE.handed_out(LATER).handed_out_at == START


WISH = Wish(provider="chapa", mode=Mode.TEST, amount=DUE, order_version="1")


@pytest.mark.parametrize(
    ("payment", "wish", "at", "step"),
    [
        (None, WISH, START, Step.CLAIM),
        (claimed(), WISH, START + MINUTE, Step.WAIT),
        (claimed(), WISH, START + MINUTE + TICK, Step.RESOLVE),
        (
            OPEN.with_attempt(attrs.evolve(PAGE, status=AttemptStatus.UNKNOWN)),
            WISH,
            START,
            Step.RESOLVE,
        ),
        (OPEN, WISH, START, Step.REUSE),
        (OPEN, WISH, ENDS - MINUTE, Step.REUSE),
        (OPEN, WISH, ENDS - MINUTE + TICK, Step.REPLACE),
        (OPEN, attrs.evolve(WISH, provider="paystack"), START, Step.REPLACE),
        (OPEN, attrs.evolve(WISH, amount=LESS), START, Step.REPLACE),
        (OPEN, attrs.evolve(WISH, order_version="2"), START, Step.REPLACE),
        (OPEN, attrs.evolve(WISH, phone="251911000000"), START, Step.REPLACE),
        (OPEN.with_attempt(attrs.evolve(PAGE, handed_out_at=None)), WISH, START, Step.REPLACE),
        (OPEN.with_attempt(attrs.evolve(PAGE, checkout_url=None)), WISH, START, Step.REPLACE),
        (DECLINED, WISH, LATER, Step.REOPEN),
        (DECLINED, WISH, ENDS - MINUTE + TICK, Step.CLAIM),
        (DECLINED, attrs.evolve(WISH, provider="paystack"), LATER, Step.CLAIM),
        (attrs.evolve(DECLINED, attempts=()), WISH, LATER, Step.CLAIM),
    ],
)
def test_a_payer_who_wants_to_pay_gets_what_serves(
    payment: Payment | None, wish: Wish, at: datetime, step: Step
) -> None:
    about = None if payment is None or step is Step.CLAIM else payment.attempts[0]
    assert plan(payment, wish, at) == Plan(step, about)


@pytest.mark.parametrize(
    ("changed", "step"),
    [
        ({"next_check_at": None}, Step.CLAIM),
        ({"next_check_at": None, "watch_until": None}, Step.REOPEN),
        ({"reason": Reason.REFUSED}, Step.CLAIM),
        ({"status": AttemptStatus.EXPIRED}, Step.CLAIM),
    ],
)
def test_a_page_is_handed_out_again_if_it_was_declined_and_somebody_watches(
    changed: dict[str, object], step: Step
) -> None:
    attempt = attrs.evolve(DECLINED.attempt(OURS), **changed)  # type: ignore[arg-type]  # any field, by its name
    assert plan(DECLINED.with_attempt(attempt), WISH, LATER).step is step


def test_a_page_that_money_came_on_is_not_handed_out_again() -> None:
    used = attrs.evolve(DECLINED, captures=paid().captures)
    assert plan(used, WISH, LATER) == Plan(Step.CLAIM)


@pytest.mark.parametrize(
    ("changed", "at", "closes"),
    [
        ({}, ENDS - TICK, True),
        ({}, ENDS, False),
        ({"payable_until": None}, ENDS, True),
        ({"page_closed": True}, LATER, False),
        ({"checkout_url": None}, LATER, True),
        ({"handed_out_at": None}, LATER, True),
        ({"checkout_url": None, "handed_out_at": None}, LATER, False),
        ({"status": AttemptStatus.OPEN}, LATER, False),
    ],
)
def test_a_page_that_failed_is_closed_while_somebody_may_pay_on_it(
    changed: dict[str, object],
    at: datetime,
    closes: bool,  # noqa: FBT001 -- a row's field
) -> None:
    attempt = attrs.evolve(DECLINED.attempt(OURS), **changed)  # type: ignore[arg-type]  # any field, by its name
    assert pages_to_close(DECLINED.with_attempt(attempt), at) == ((attempt,) if closes else ())


@pytest.mark.parametrize(
    ("limits", "amount", "needs"),
    [
        ({}, DUE, False),
        ({"ETB": DUE}, DUE, False),
        ({"ETB": LESS}, DUE, True),
        ({"KES": Money.of("1", "KES")}, PART, True),
    ],
)
def test_a_second_person_is_needed_above_the_limit_and_where_nobody_set_one(
    limits: dict[str, Money],
    amount: Money,
    needs: bool,  # noqa: FBT001 -- a row's field
) -> None:
    assert RefundRules(approval_above=limits).needs_approval(amount) is needs


@pytest.mark.parametrize(
    ("policy", "limits", "goes"),
    [
        (SurplusPolicy.AUTOMATIC, {"ETB": DUE}, True),
        (SurplusPolicy.AUTOMATIC, {"ETB": LESS}, False),
        (SurplusPolicy.AUTOMATIC, {}, False),
        (SurplusPolicy.PROPOSE, {"ETB": DUE}, False),
        (SurplusPolicy.OFF, {"ETB": DUE}, False),
    ],
)
def test_surplus_goes_back_by_itself_up_to_the_limit(
    policy: SurplusPolicy,
    limits: dict[str, Money],
    goes: bool,  # noqa: FBT001 -- a row's field
) -> None:
    assert RefundRules(surplus=policy, automatic_up_to=limits).goes_back_by_itself(DUE) is goes


def test_an_opened_page_is_told_with_its_end() -> None:
    change = opened(
        claimed(), OURS, checkout_url="https://x/1", provider_reference="R", payable_until=ENDS, now=LATER
    )
    assert change.events == (
        CheckoutOpened(reference=OURS, provider_reference="R", payable_until=ENDS),
        PaymentInitiated(payment_id=OPEN.payment_id),
    )
    attempt = change.payment.attempt(OURS)
    assert (
        attempt.checkout_url,
        attempt.provider_reference,
        attempt.payable_until,
        attempt.handed_out_at,
    ) == (
        "https://x/1",
        "R",
        ENDS,
        LATER,
    )


def test_a_page_that_comes_too_late_is_known_and_handed_to_nobody() -> None:
    change = opened(
        DECLINED, OURS, checkout_url="https://x/2", provider_reference="R", payable_until=ENDS, now=LATER
    )
    assert change.events == (CheckoutFoundLate(reference=OURS),)
    attempt = change.payment.attempt(OURS)
    assert attempt == attrs.evolve(DECLINED.attempt(OURS), checkout_url="https://x/2", provider_reference="R")


def test_a_name_that_comes_after_its_payer_was_seen_is_kept_and_told() -> None:
    change = named_late(DECLINED, OURS, "R")
    assert change.events == (CheckoutFoundLate(reference=OURS),)
    assert change.payment.attempt(OURS) == attrs.evolve(DECLINED.attempt(OURS), provider_reference="R")
    assert named_late(change.payment, OURS, "S") == Change(change.payment)
    assert named_late(DECLINED, OURS, None) == Change(DECLINED)


def test_what_expired_before_its_time_may_still_be_paid_on() -> None:
    ends = START + HOUR
    expired = attrs.evolve(EXPIRED, payable_until=ends, page_closed=False)
    payment = OPEN.with_attempt(expired)
    assert ended_early(payment, expired, ends - TICK)
    assert not ended_early(payment, expired, ends)
    for other in (
        attrs.evolve(expired, page_closed=True),
        attrs.evolve(expired, payable_until=None),
        attrs.evolve(expired, status=AttemptStatus.FAILED),
    ):
        assert not ended_early(OPEN.with_attempt(other), other, START)
    settled = paid()
    assert not ended_early(settled, attrs.evolve(expired, reference=OURS), START)


@pytest.mark.parametrize(
    ("planned", "then"),
    [(None, None), (START + SECOND, START + SECOND), (START + HOUR, START + 30 * SECOND)],
)
def test_what_was_ended_meanwhile_is_looked_at_no_later_than_this_clock_has_it(
    planned: datetime | None, then: datetime | None
) -> None:
    ended = attrs.evolve(EXPIRED, claimed_at=START, watch_until=START + 24 * HOUR, next_check_at=planned)
    change = looked_at_soon(Change(OPEN.with_attempt(ended)), OURS, now=START)
    assert change.payment.attempt(OURS).next_check_at == then
