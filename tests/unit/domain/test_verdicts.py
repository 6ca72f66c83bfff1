"""Each answer about an open page: the verdict, every event that explains it, all that it leaves."""

from datetime import timedelta
from typing import Any

import attrs
import pytest

from payments.domain import events as happened
from payments.domain.capture import Capture
from payments.domain.events import Reason, ReviewKind
from payments.domain.evidence import Mode, Outcome, Rule
from payments.domain.money import Money
from payments.domain.payment import lost, reopen
from payments.domain.transitions import AttemptStatus, Disposition, PaymentStatus
from tests.unit.domain.one_page import (
    DUE,
    EVIDENCE_ID,
    LATER,
    LESS,
    OTHER,
    OURS,
    PART,
    PAYMENT_ID,
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

SUCCEEDED = happened.AttemptSucceeded(reference=OURS)
CLOSED = happened.PageClosed(reference=OURS)


def failed(reason: Reason, detail: str = "") -> tuple[happened.Event, ...]:
    return (happened.AttemptFailed(reference=OURS, reason=reason, detail=detail), payment_failed(reason))


def payment_failed(reason: Reason) -> happened.Event:
    return happened.PaymentFailed(payment_id=PAYMENT_ID, reason=reason)


def expired(reason: Reason) -> tuple[happened.Event, ...]:
    return (CLOSED, happened.AttemptExpired(reference=OURS, reason=reason), payment_failed(reason))


KEYED = {"capture_key": "k", "provider_reference": "AP1"}
NAMED = {"provider_reference": "AP1"}
HELD_ENDS = (
    question(ReviewKind.DISPUTE, "Money came and went back at the provider."),
    *failed(Reason.RETURNED),
)

VERDICTS: list[tuple[Outcome, dict[str, Any], Rule, tuple[happened.Event, ...], dict[str, Any]]] = [
    (
        Outcome.PAID,
        KEYED,
        Rule.SETTLED,
        (recorded(DUE, "settles"), SUCCEEDED, happened.PaymentSucceeded(payment_id=PAYMENT_ID)),
        {"status": AttemptStatus.SUCCEEDED, "next_check_at": None, **NAMED},
    ),
    (
        Outcome.PAID,
        {**KEYED, "amount": LESS},
        Rule.AMOUNT_DIFFERS,
        (
            recorded(LESS, "held"),
            question(ReviewKind.AMOUNT_MISMATCH, "999.00 ETB arrived; 1000.00 ETB was due."),
        ),
        {"next_check_at": None, **NAMED},
    ),
    (
        Outcome.PAID,
        {**KEYED, "amount": Money.of("0.01", "ETB")},
        Rule.AMOUNT_DIFFERS,
        (
            recorded(Money.of("0.01", "ETB"), "held"),
            question(ReviewKind.AMOUNT_MISMATCH, "0.01 ETB arrived; 1000.00 ETB was due."),
        ),
        {"next_check_at": None, **NAMED},
    ),
    (
        Outcome.PAID,
        {**KEYED, "captured": LESS},
        Rule.AMOUNT_DIFFERS,
        (
            recorded(LESS, "held"),
            question(ReviewKind.AMOUNT_MISMATCH, "999.00 ETB arrived; 1000.00 ETB was due."),
        ),
        {"next_check_at": None, **NAMED},
    ),
    (
        Outcome.PAID,
        {**KEYED, "amount": SHILLINGS},
        Rule.CURRENCY_DIFFERS,
        (
            recorded(SHILLINGS, "held"),
            question(ReviewKind.CURRENCY_MISMATCH, "1000.00 KES arrived; 1000.00 ETB was due."),
        ),
        {"next_check_at": None, **NAMED},
    ),
    (
        Outcome.PAID,
        {**KEYED, "reference": OTHER},
        Rule.NOT_OURS,
        (question(ReviewKind.ORPHAN, Rule.NOT_OURS.value, "p-1:k"),),
        {},
    ),
    (
        Outcome.PAID,
        {**KEYED, "reference": OTHER, "asked": frozenset({(ReviewKind.ORPHAN, "p-1:k")})},
        Rule.NOT_OURS,
        (),
        {},
    ),
    (Outcome.PAID, {"reference": OTHER}, Rule.NOT_OURS, (), {}),
    (Outcome.DECLINED, {"mode": Mode.LIVE}, Rule.NOT_OURS, (), {}),
    (
        Outcome.PAID,
        {**KEYED, "key_holder": OTHER},
        Rule.KEY_TAKEN,
        (question(ReviewKind.ORPHAN, Rule.KEY_TAKEN.value, "p-1:k"),),
        {},
    ),
    (Outcome.PAID, {**KEYED, "amount": None}, Rule.NOT_ATTESTED, (), {}),
    (Outcome.PAID, {**KEYED, "amount": Money.of("0", "ETB")}, Rule.NOT_ATTESTED, (), {}),
    (Outcome.PAID, {}, Rule.NOT_ATTESTED, (), {}),
    (
        Outcome.DECLINED,
        {"fingerprint": "one", "detail": "No funds.", **NAMED},
        Rule.DECLINED,
        failed(Reason.DECLINED, "No funds."),
        {
            "status": AttemptStatus.FAILED,
            "reason": Reason.DECLINED,
            "detail": "No funds.",
            "declines": ("one",),
            **NAMED,
        },
    ),
    (
        Outcome.DECLINED,
        {"one_try": True, "final": True},
        Rule.DECLINED,
        (failed(Reason.DECLINED)[0], CLOSED, payment_failed(Reason.DECLINED)),
        {
            "status": AttemptStatus.FAILED,
            "reason": Reason.DECLINED,
            "watch_until": LATER,
            "payable_until": LATER,
            "page_closed": True,
            "next_check_at": None,
        },
    ),
    (Outcome.PAYABLE, {}, Rule.STILL_PAYABLE, (), {}),
    (Outcome.IN_FLIGHT, {}, Rule.IN_FLIGHT, (), {}),
    (Outcome.NOTHING, {}, Rule.NO_INFORMATION, (), {}),
    (
        Outcome.CLOSED,
        {},
        Rule.CLOSED,
        expired(Reason.TIMED_OUT),
        {
            "status": AttemptStatus.EXPIRED,
            "reason": Reason.TIMED_OUT,
            "payable_until": LATER,
            "page_closed": True,
        },
    ),
    (Outcome.NOT_FOUND, {}, Rule.NOT_FOUND_YET, (), {"not_found_at": LATER}),
    (
        Outcome.RETURNED,
        KEYED,
        Rule.RETURNED,
        (recorded(DUE, "held"), taken_in(DUE), *HELD_ENDS),
        {"status": AttemptStatus.FAILED, "reason": Reason.RETURNED, "next_check_at": None, **NAMED},
    ),
    (
        Outcome.RETURNED,
        {**KEYED, "returned": PART},
        Rule.RETURNED,
        (
            recorded(DUE, "held"),
            taken_in(PART),
            question(
                ReviewKind.AMOUNT_MISMATCH,
                "1000.00 ETB arrived, and 400.00 ETB of it went back at the provider; 1000.00 ETB was due.",
            ),
        ),
        {"next_check_at": None, **NAMED},
    ),
    (
        Outcome.RETURNED,
        {**KEYED, "amount": None},
        Rule.NOT_ATTESTED,
        (),
        {},
    ),
]


@pytest.mark.parametrize(("outcome", "facts", "rule", "events", "changes"), VERDICTS)
def test_an_answer_about_an_open_page_has_its_verdict_and_no_other_effect(
    outcome: Outcome,
    facts: dict[str, Any],
    rule: Rule,
    events: tuple[happened.Event, ...],
    changes: dict[str, Any],
) -> None:
    before = with_open_page()
    after = found(before, outcome, **facts)
    assert (after.rule, after.events) == (rule, events)
    looked = {"checks": 1, "last_checked_at": LATER, "last_word": "word"}
    planned = {"next_check_at": LATER + timedelta(minutes=2)}
    expected = attrs.evolve(before.attempts[0], **{**looked, **planned, **changes})
    assert after.payment.attempts == (expected,)


def test_money_is_recorded_with_every_fact_of_it() -> None:
    assert paid().captures == (
        Capture(
            capture_id=EVIDENCE_ID,
            reference=OURS,
            provider="chapa",
            mode=Mode.TEST,
            key="k",
            amount=DUE,
            disposition=Disposition.SETTLES,
            captured_at=LATER,
            receipt=None,
        ),
    )


def test_more_money_for_a_paid_payment_is_surplus() -> None:
    after = found(paid(), Outcome.PAID, capture_key="another")
    arrived_again = question(ReviewKind.SURPLUS, "1000.00 ETB arrived again.")
    assert (after.rule, after.events) == (Rule.SURPLUS, (recorded(DUE, "surplus", "another"), arrived_again))


@pytest.mark.parametrize(
    ("outcome", "rule", "events"),
    [
        (Outcome.PAID, Rule.ALREADY_COUNTED, ()),
        (Outcome.DECLINED, Rule.NO_LONGER_LIVE, ()),
        (Outcome.CLOSED, Rule.NO_LONGER_LIVE, (CLOSED,)),
        (Outcome.PAYABLE, Rule.STILL_PAYABLE, ()),
        (Outcome.IN_FLIGHT, Rule.IN_FLIGHT, ()),
        (Outcome.NOTHING, Rule.NO_INFORMATION, ()),
    ],
)
def test_success_stays_whatever_is_answered_next(
    outcome: Outcome, rule: Rule, events: tuple[happened.Event, ...]
) -> None:
    after = found(paid(), outcome, capture_key="k")
    assert (after.rule, after.events, after.payment.status) == (rule, events, PaymentStatus.SUCCESS)
    assert after.payment.attempts[0].next_check_at is None


def test_a_provider_that_does_not_know_it_twice_never_created_it() -> None:
    minute = timedelta(minutes=1)
    young = found(with_open_page(), Outcome.NOT_FOUND, START + 5 * minute - timedelta(seconds=1))
    first = found(young.payment, Outcome.NOT_FOUND, START + 5 * minute)
    soon = found(first.payment, Outcome.NOT_FOUND, START + 6 * minute - timedelta(seconds=1))
    second = found(soon.payment, Outcome.NOT_FOUND, START + 6 * minute)
    rules = [verdict.rule for verdict in (young, first, soon, second)]
    assert rules == [*[Rule.NOT_FOUND_YET] * 3, Rule.NEVER_CREATED]
    assert [v.payment.attempts[0].not_found_at for v in (young, first, soon)] == [
        None,
        START + 5 * minute,
        START + 5 * minute,
    ]
    assert second.events == expired(Reason.NEVER_CREATED)


def test_somebody_seen_on_a_page_whose_address_was_lost_has_it() -> None:
    unknown = lost(claimed(), OURS, detail="lost", now=START).payment
    after = found(unknown, Outcome.IN_FLIGHT, provider_reference="AP1")
    seen = happened.PayerSeen(reference=OURS)
    assert (after.rule, after.events) == (
        Rule.IN_FLIGHT,
        (seen, happened.PaymentInitiated(payment_id=PAYMENT_ID)),
    )
    attempt = after.payment.attempts[0]
    assert (attempt.status, attempt.handed_out_at, attempt.provider_reference) == (
        AttemptStatus.OPEN,
        LATER,
        "AP1",
    )


@pytest.mark.parametrize(
    ("noticed_after_s", "rule"),
    [(None, Rule.OLD_DECLINE), (-1, Rule.OLD_DECLINE), (0, Rule.OLD_DECLINE), (1, Rule.DECLINED)],
)
def test_after_a_reopening_a_decline_that_nothing_distinguishes_needs_a_newer_notice(
    noticed_after_s: int | None, rule: Rule
) -> None:
    declined = found(with_open_page(), Outcome.DECLINED).payment
    again = reopen(declined, OURS, now=LATER).payment
    noticed = None if noticed_after_s is None else LATER + timedelta(seconds=noticed_after_s)
    after = found(again, Outcome.DECLINED, LATER + timedelta(minutes=1), failure_noticed_at=noticed)
    assert after.rule is rule


def test_whoever_paid_on_a_page_whose_address_was_lost_had_it() -> None:
    unknown = lost(claimed(), OURS, detail="lost", now=START).payment
    after = found(unknown, Outcome.PAID, capture_key="k").payment
    assert (after.status, after.attempts[0].handed_out_at) == (PaymentStatus.SUCCESS, LATER)


def test_an_attested_amount_needs_no_confirmation_where_others_do() -> None:
    after = found(with_open_page(), Outcome.PAID, capture_key="k", confirmed_after=timedelta(seconds=10))
    assert (after.rule, after.payment.status) == (Rule.SETTLED, PaymentStatus.SUCCESS)


@pytest.mark.parametrize("outcome", [Outcome.DECLINED, Outcome.CLOSED])
def test_an_attempt_whose_money_waits_for_a_person_ends_in_no_way_meanwhile(outcome: Outcome) -> None:
    held = found(with_open_page(), Outcome.PAID, capture_key="k", amount=LESS).payment
    after = found(held, outcome)
    assert after.rule is Rule.NO_LONGER_LIVE
    assert after.payment.attempts[0].live


@pytest.mark.parametrize(
    ("asked_by", "off"), [(None, True), ("AP1", True), ("AP2", False)], ids=["our own", "its", "another"]
)
def test_a_prompt_is_off_the_phone_once_it_is_declined_by_its_name(asked_by: str | None, off: bool) -> None:  # noqa: FBT001 -- a row's field
    (prompt,) = with_open_page().attempts
    before = with_open_page().with_attempt(attrs.evolve(prompt, provider_reference="AP1"))
    after = found(before, Outcome.DECLINED, one_try=True, asked_by=asked_by)
    again = found(after.payment, Outcome.DECLINED, one_try=True, asked_by=asked_by)
    assert [CLOSED in verdict.events for verdict in (after, again)] == [off, False]
    assert again.payment.attempts[0].page_closed is off
