"""Each answer about an open page: the verdict, every event that explains it, all that it leaves."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import attrs
import pytest

from payments.domain import events as happened
from payments.domain.attempt import Attempt
from payments.domain.capture import Capture
from payments.domain.confirming import confirmed, receipt_learnt
from payments.domain.events import Reason, ReviewKind
from payments.domain.evidence import Answer, Mode, Outcome, Report, Rule
from payments.domain.money import Money
from payments.domain.payment import Change, Customer, Payment, claim, lost, opened, reopen
from payments.domain.refund import Refund
from payments.domain.settlement import Finding, Settlement, settle
from payments.domain.transitions import AttemptStatus, Disposition, PaymentStatus, RefundStatus

START = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)
LATER = START + timedelta(minutes=10)
PAYMENT_ID, EVIDENCE_ID = UUID(int=1), UUID(int=7)
REFUND_ID = uuid5(EVIDENCE_ID, "refund")
OURS, OTHER = "p-1", "p-2"
DUE, LESS, PART = Money.of("1000", "ETB"), Money.of("999", "ETB"), Money.of("400", "ETB")
SHILLINGS = Money.of("1000", "KES")


def claimed() -> Payment:
    payment = Payment(
        payment_id=PAYMENT_ID,
        order_id="order_1",
        payer="user_1",
        amount=DUE,
        order_version="1",
        customer=Customer(),
        created_at=START,
        updated_at=START,
    )
    attempt = Attempt(
        reference=OURS,
        provider="chapa",
        mode=Mode.TEST,
        amount=DUE,
        order_version="1",
        claimed_at=START,
        payable_until=START + timedelta(minutes=60),
        watch_until=START + timedelta(hours=72),
        next_check_at=START + timedelta(seconds=30),
    )
    return claim(payment, attempt, customer=Customer(), now=START).payment


def with_open_page() -> Payment:
    until = START + timedelta(minutes=60)
    return opened(
        claimed(), OURS, checkout_url="https://x/1", provider_reference=None, payable_until=until, now=START
    ).payment


def paid() -> Payment:
    return found(with_open_page(), Outcome.PAID, capture_key="k").payment


def found(payment: Payment, outcome: Outcome, at: datetime = LATER, **facts: Any) -> Settlement:
    """The verdict about an answer that attests what is due, unless ``facts`` say otherwise."""
    attested = {field.name for field in attrs.fields(Answer)} - {"asked"}
    told = {name: facts.pop(name) for name in attested & facts.keys()}
    answer = Answer(
        **{"outcome": outcome, "word": "word", "reference": OURS, "mode": Mode.TEST, "amount": DUE, **told}
    )
    return settle(payment, Finding(evidence_id=EVIDENCE_ID, reference=OURS, answer=answer, now=at, **facts))


def recorded(amount: Money, disposition: str, key: str = "k") -> happened.Event:
    return happened.CaptureRecorded(
        capture_id=EVIDENCE_ID, reference=OURS, key=key, amount=amount, disposition=disposition
    )


def question(kind: ReviewKind, detail: str, subject: str = str(EVIDENCE_ID)) -> happened.Event:
    return happened.ReviewOpened(kind=kind, subject=subject, detail=detail)


def taken_in(amount: Money) -> happened.Event:
    return happened.RefundRecorded(refund_id=REFUND_ID, capture_id=EVIDENCE_ID, amount=amount)


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
    (Outcome.PAID, {**KEYED, "reference": OTHER, "asked": frozenset({"p-1:k"})}, Rule.NOT_OURS, (), {}),
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


def test_a_receipt_is_learnt_of_the_money_it_names_and_of_no_other() -> None:
    both = found(paid(), Outcome.PAID, capture_key="k").payment
    other = attrs.evolve(both.captures[0], capture_id=UUID(int=8), key="other")
    payment = attrs.evolve(both, captures=(other, *both.captures))
    report = Report(provider_reference="k", amount=DUE, receipt="R1")
    now = LATER + timedelta(minutes=1)
    learnt = receipt_learnt(payment, OURS, report, now=now)
    assert learnt.events == (happened.ReceiptLearnt(capture_id=EVIDENCE_ID, receipt="R1"),)
    assert [capture.receipt for capture in learnt.payment.captures] == [None, "R1"]
    assert learnt.payment.updated_at == now
    for nothing_new in (
        attrs.evolve(report, provider_reference="nobody's"),
        attrs.evolve(report, receipt=None),
    ):
        assert receipt_learnt(payment, OURS, nothing_new, now=now) == Change(payment)
    known = learnt.payment
    assert receipt_learnt(known, OURS, attrs.evolve(report, receipt="R2"), now=now) == Change(known)


def test_a_report_of_another_amount_is_a_question_about_that_money() -> None:
    report = Report(provider_reference="k", amount=LESS, receipt="R1")
    detail = "chapa reported 999.00 ETB afterwards; 1000.00 ETB was taken in."
    asked = receipt_learnt(paid(), OURS, report, now=LATER)
    assert asked == Change(paid(), (question(ReviewKind.DISPUTE, detail),))


def test_what_attests_no_amount_and_answers_to_no_name_of_ours_proves_nothing() -> None:
    attempt = with_open_page().attempts[0]
    answer = Answer(outcome=Outcome.PAID, word="0", capture_key=None)
    assert confirmed(attempt, answer, None, after=timedelta(0), now=LATER) is Rule.NOT_ATTESTED
