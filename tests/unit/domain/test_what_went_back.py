"""Money that went back at the provider: whose it was, how much of it, and what is asked."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import attrs
import pytest

from payments.domain import events as happened
from payments.domain.capture import Vouched
from payments.domain.events import ReviewKind
from payments.domain.evidence import Outcome, Rule
from payments.domain.money import Money
from payments.domain.payment import lost
from payments.domain.refund import Refund
from payments.domain.transitions import RefundStatus
from payments.domain.watching import watched_for_the_rest
from tests.unit.domain.one_page import (
    DUE,
    EVIDENCE_ID,
    LATER,
    OURS,
    PART,
    REFUND_ID,
    SHILLINGS,
    START,
    claimed,
    found,
    paid,
    question,
    recorded,
    taken_in,
    with_open_page,
)


def test_money_that_went_back_is_recorded_with_every_fact_of_it() -> None:
    after = found(paid(), Outcome.RETURNED, capture_key="k", returned=PART)
    assert (after.rule, after.events) == (
        Rule.RETURNED,
        (taken_in(PART), question(ReviewKind.DISPUTE, "Money went back at the provider.")),
    )
    assert after.payment.refunds == (
        Refund(
            refund_id=REFUND_ID,
            capture_id=EVIDENCE_ID,
            reference=f"taken-in-{REFUND_ID.hex}",
            amount=PART,
            status=RefundStatus.SUCCEEDED,
            reason="word",
            actor="provider:chapa",
            created_at=LATER,
        ),
    )
    again = found(after.payment, Outcome.RETURNED, capture_key="k", returned=PART)
    assert (again.rule, again.events) == (Rule.RETURN_KNOWN, ())


def of_ours(status: RefundStatus, amount: Money = PART, number: int = 1) -> Refund:
    return Refund(
        refund_id=UUID(int=100 + number),
        capture_id=EVIDENCE_ID,
        reference=f"r-{number}",
        amount=amount,
        status=status,
        reason="asked for",
        actor="operator:o",
        created_at=LATER,
    )


@pytest.mark.parametrize(
    ("ours", "gone", "rule"),
    [
        ((RefundStatus.REQUESTED,), PART, Rule.RETURN_OF_OURS),
        ((RefundStatus.REQUESTED,), None, Rule.RETURN_OF_OURS),
        ((RefundStatus.SUCCEEDED,), PART, Rule.RETURN_KNOWN),
        ((RefundStatus.SUCCEEDED,), None, Rule.RETURN_KNOWN),
        ((RefundStatus.SUCCEEDED,), Money.of("400", "KES"), Rule.RETURN_KNOWN),
        ((RefundStatus.FAILED,), None, Rule.RETURNED),
        ((RefundStatus.REQUESTED,), Money.of("400.01", "ETB"), Rule.RETURNED),
    ],
)
def test_money_that_went_back_is_ours_as_far_as_our_refunds_go(
    ours: tuple[RefundStatus, ...], gone: Money | None, rule: Rule
) -> None:
    before = attrs.evolve(paid(), refunds=tuple(map(of_ours, ours)))
    after = found(before, Outcome.RETURNED, capture_key="k", returned=gone)
    assert (after.rule, bool(after.events)) == (rule, rule is Rule.RETURNED)
    if rule is Rule.RETURNED:
        excess = DUE if gone is None else gone - PART
        assert after.payment.refunds[-1].amount == excess


def test_more_that_went_back_than_arrived_is_a_question_about_the_attempt() -> None:
    before = attrs.evolve(paid(), refunds=(of_ours(RefundStatus.SUCCEEDED, DUE),))
    whole = found(before, Outcome.RETURNED, capture_key="k", returned=DUE)
    assert (whole.rule, whole.events) == (Rule.RETURN_KNOWN, ())
    more = found(before, Outcome.RETURNED, capture_key="k", returned=Money.of("1001", "ETB"))
    detail = "1001.00 ETB went back at the provider; 1000.00 ETB arrived."
    assert more.events == (question(ReviewKind.DISPUTE, detail, OURS),)


def test_refunds_that_wait_for_approval_give_way_newest_first_and_only_as_far_as_they_must() -> None:
    waits = RefundStatus.AWAITING_APPROVAL
    before = attrs.evolve(paid(), refunds=(of_ours(waits, PART, 1), of_ours(waits, PART, 2)))
    after = found(before, Outcome.RETURNED, capture_key="k", returned=Money.of("600", "ETB"))
    gave_way = happened.RefundFailed(
        refund_id=UUID(int=102), detail="money of this capture went back at the provider"
    )
    assert after.events == (
        taken_in(Money.of("600", "ETB")),
        gave_way,
        question(ReviewKind.DISPUTE, "Money went back at the provider."),
    )
    assert [refund.status for refund in after.payment.refunds] == [
        waits,
        RefundStatus.FAILED,
        RefundStatus.SUCCEEDED,
    ]
    assert after.payment.updated_at == LATER


@pytest.mark.parametrize(
    ("facts", "kinds"),
    [
        ({"returned": DUE}, [ReviewKind.DISPUTE]),
        ({"returned": SHILLINGS}, [ReviewKind.DISPUTE]),
        ({"returned": PART}, [ReviewKind.AMOUNT_MISMATCH]),
        ({"amount": SHILLINGS, "returned": Money.of("400", "KES")}, [ReviewKind.CURRENCY_MISMATCH]),
    ],
)
def test_money_that_came_and_went_unseen_is_asked_about_by_what_is_left(
    facts: dict[str, Any], kinds: list[ReviewKind]
) -> None:
    after = found(with_open_page(), Outcome.RETURNED, capture_key="k", **facts)
    assert [event.kind for event in after.events if isinstance(event, happened.ReviewOpened)] == kinds
    assert after.payment.captures[0].amount == facts.get("amount", DUE)


def test_money_whose_return_has_only_begun_shows_that_somebody_has_the_page() -> None:
    unknown = lost(claimed(), OURS, detail="lost", now=START).payment
    nothing_yet = Money.of("0", "ETB")
    after = found(unknown, Outcome.RETURNED, capture_key="k", returned=nothing_yet)
    assert after.rule is Rule.IN_FLIGHT
    assert after.payment.attempts[0].handed_out_at == LATER


def test_other_money_of_the_attempt_that_came_and_went_is_not_the_money_that_settled_it() -> None:
    after = found(paid(), Outcome.RETURNED, capture_key="another")
    assert after.events[0] == recorded(DUE, "held", "another")
    assert after.payment.status.value == "success"


@pytest.mark.parametrize("seen", ["taken on", "contradicted"])
def test_where_a_refund_of_ours_failed_and_nobody_says_how_much_went_a_person_is_asked(seen: str) -> None:
    failed = of_ours(RefundStatus.FAILED)
    asked: frozenset[tuple[ReviewKind, str]] = frozenset()
    if seen == "taken on":
        failed = attrs.evolve(failed, provider_reference="R-1")
    else:
        asked = frozenset({(ReviewKind.DISPUTE, str(failed.refund_id))})
    before = attrs.evolve(paid(), refunds=(failed,))
    after = found(before, Outcome.RETURNED, capture_key="k", asked=asked)
    detail = "It says that money went back and not how much, and a refund of ours had failed."
    assert after.rule is Rule.RETURN_KNOWN
    assert after.events == (question(ReviewKind.DISPUTE, detail, f"{EVIDENCE_ID}:word"),)
    assert after.payment.refunds == (failed,)


def test_a_persons_word_is_no_look_that_gives_those_for_what_went_back_their_day() -> None:
    before = paid()
    (its,) = before.captures
    watched = watched_for_the_rest(before.attempts[0], LATER)
    before = attrs.evolve(before, captures=(attrs.evolve(its, capture_id=UUID(int=11)),), attempts=(watched,))
    hours_later = LATER + timedelta(hours=5)
    word = found(before, Outcome.PAID, hours_later, capture_key="another", vouched=Vouched.ATTACHED)
    looked = found(before, Outcome.NOTHING, hours_later)
    ends = [verdict.payment.attempts[0].watch_until for verdict in (word, looked)]
    assert ends == [watched.watch_until, hours_later + timedelta(days=1)]
