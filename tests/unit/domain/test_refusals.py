"""What a payment, a refund or a review does not allow is refused in words that say why, and what helps."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import attrs
import pytest

from payments.domain import refunding, reviewing
from payments.domain.errors import (
    ApprovalByRequester,
    DecisionNotPossible,
    FieldError,
    IllegalTransition,
    InvalidMoney,
    InvalidRequest,
    NothingToRefund,
    OperatorIsPayer,
    PaymentsError,
    RefundNotAwaiting,
    RefundNotFound,
    RefundTooLarge,
    ReviewAlreadyDecided,
)
from payments.domain.events import ReviewDecided, ReviewKind, ReviewOpened, ReviewResolved, ReviewReturned
from payments.domain.evidence import Outcome
from payments.domain.money import Money
from payments.domain.payment import Change, Customer, Payment, claim, projected, reopen
from payments.domain.refund import Refund
from payments.domain.refunding import Wanted
from payments.domain.review import Review, ReviewState
from payments.domain.reviewing import Decision, SeenRefund, WayOut
from payments.domain.transitions import Disposition, PaymentStatus, RefundStatus
from tests.unit.domain.one_page import DUE, LATER, OURS, PART, SHILLINGS, found, paid, with_open_page

OPEN, PAID = with_open_page(), paid()
DECLINED = found(OPEN, Outcome.DECLINED).payment
HELD = found(OPEN, Outcome.PAID, capture_key="k", amount=PART).payment
BESIDE = attrs.evolve(
    PAID.captures[0],
    capture_id=UUID(int=8),
    key="l",
    amount=PART,
    disposition=Disposition.HELD,
)
FOREIGN = attrs.evolve(BESIDE, amount=SHILLINGS)
WAITS = Refund(
    refund_id=UUID(int=9),
    capture_id=PAID.captures[0].capture_id,
    reference="r-1",
    amount=PART,
    status=RefundStatus.AWAITING_APPROVAL,
    reason="returned goods",
    actor="operator:anna",
    created_at=LATER,
)
GONE = attrs.evolve(WAITS, status=RefundStatus.SUCCEEDED)
WANTED = Wanted(refund_id=UUID(int=10), reference="r-2", amount=PART, reason="late", actor="operator:anna")
REVIEW = Review(
    review_id=UUID(int=3),
    kind=ReviewKind.AMOUNT_MISMATCH,
    subject=str(HELD.captures[0].capture_id),
    payment_id=OPEN.payment_id,
    detail="",
    opened_at=LATER,
)
ABOUT_A_REFUND = attrs.evolve(REVIEW, kind=ReviewKind.REFUND_UNKNOWN, subject=str(WAITS.refund_id))
DECISION = Decision(way_out=WayOut.ACCEPT, actor="operator:anna", reason="They may.")


def with_refund(refund: Refund) -> Payment:
    return attrs.evolve(PAID, refunds=(refund,))


def reserve(payment: Payment, amount: Money, capture_id: UUID | None = None) -> object:
    return refunding.reserve(payment, attrs.evolve(WANTED, amount=amount, capture_id=capture_id), now=LATER)


def approve(refund: Refund, approver: str, refund_id: UUID = WAITS.refund_id) -> object:
    return refunding.approve(with_refund(refund), refund_id, approver=approver, now=LATER)


def accept(payment: Payment, review: Review = REVIEW) -> object:
    return reviewing.accept(payment, review, DECISION, now=LATER)


def record(payment: Payment, review: Review, *, succeeded: bool = True) -> object:
    seen = SeenRefund(succeeded=succeeded, provider_reference=None)
    return reviewing.refund_recorded(payment, review, DECISION, seen, waiting=(), now=LATER)


def amount(remedy: str) -> tuple[FieldError, ...]:
    return (FieldError("/amount", remedy),)


def about(payment: Payment, **changes: object) -> Review:
    """A review of the money of ``payment``'s last capture."""
    return attrs.evolve(REVIEW, subject=str(payment.captures[-1].capture_id), **changes)  # type: ignore[arg-type]  # any field, by its name


SURPLUS_PAID = attrs.evolve(PAID, captures=(*PAID.captures, BESIDE))
FOREIGN_PAID = attrs.evolve(PAID, captures=(*PAID.captures, FOREIGN))


@pytest.mark.parametrize(
    ("what", "error", "detail", "errors"),
    [
        (
            lambda: claim(PAID, OPEN.attempts[0], customer=Customer(), now=LATER),
            IllegalTransition,
            "A settled or held payment takes no further attempt.",
            (),
        ),
        (
            lambda: claim(HELD, OPEN.attempts[0], customer=Customer(), now=LATER),
            IllegalTransition,
            "A settled or held payment takes no further attempt.",
            (),
        ),
        (
            lambda: reopen(OPEN, OURS, now=LATER),
            IllegalTransition,
            "Another attempt is live, or the payment is settled.",
            (),
        ),
        (
            lambda: reopen(PAID, OURS, now=LATER),
            IllegalTransition,
            "Another attempt is live, or the payment is settled.",
            (),
        ),
        (
            lambda: reopen(attrs.evolve(DECLINED, captures=(BESIDE,)), OURS, now=LATER),
            IllegalTransition,
            "Money came on this page: it is used up, whatever became of the money.",
            (),
        ),
        (
            lambda: projected(Change(attrs.evolve(OPEN, status=PaymentStatus.SUCCESS)), LATER),
            IllegalTransition,
            "success cannot become processing.",
            (),
        ),
        (
            lambda: projected(Change(attrs.evolve(OPEN, attempts=())), LATER),
            IllegalTransition,
            "processing cannot become pending.",
            (),
        ),
        (lambda: reserve(OPEN, PART), NothingToRefund, None, ()),
        (
            lambda: reserve(PAID, SHILLINGS),
            InvalidMoney,
            "1000.00 KES cannot be refunded.",
            amount("Use an amount above zero in ETB."),
        ),
        (
            lambda: reserve(PAID, DUE - DUE),
            InvalidMoney,
            "0.00 ETB cannot be refunded.",
            amount("Use an amount above zero in ETB."),
        ),
        (
            lambda: reserve(with_refund(WAITS), DUE),
            RefundTooLarge,
            "600.00 ETB of 1000.00 ETB is left to refund.",
            amount("Use at most 600.00."),
        ),
        (
            lambda: reserve(PAID, PART, UUID(int=99)),
            InvalidRequest,
            None,
            (
                FieldError(
                    "/capture_id",
                    "Name a capture of this payment, or leave it out for the money that settles it.",
                ),
            ),
        ),
        (lambda: approve(WAITS, "operator:ben", UUID(int=99)), RefundNotFound, None, ()),
        (lambda: approve(GONE, "operator:ben"), RefundNotAwaiting, None, ()),
        (lambda: approve(WAITS, "operator:anna"), ApprovalByRequester, None, ()),
        (lambda: approve(WAITS, "admin:anna"), ApprovalByRequester, None, ()),
        (lambda: approve(WAITS, "operator:user_1"), OperatorIsPayer, None, ()),
        (
            lambda: refunding.refuse(with_refund(GONE), GONE, word="no", now=LATER),
            RefundNotAwaiting,
            None,
            (),
        ),
        (
            lambda: reviewing.require_way_out(REVIEW, attrs.evolve(DECISION, way_out=WayOut.DISMISS)),
            DecisionNotPossible,
            "A review of the kind amount_mismatch cannot be decided 'dismiss'.",
            (FieldError("/decision", "Use accept or refund."),),
        ),
        (lambda: accept(OPEN), DecisionNotPossible, "The money that it is about is not here.", ()),
        (
            lambda: accept(PAID, about(PAID)),
            DecisionNotPossible,
            "This money settles already.",
            (),
        ),
        (
            lambda: accept(
                attrs.evolve(SURPLUS_PAID, refunds=(attrs.evolve(WAITS, capture_id=BESIDE.capture_id),)),
                about(SURPLUS_PAID),
            ),
            DecisionNotPossible,
            "This money is on its way back.",
            (),
        ),
        (
            lambda: accept(
                attrs.evolve(SURPLUS_PAID, refunds=(attrs.evolve(GONE, capture_id=BESIDE.capture_id),)),
                about(SURPLUS_PAID),
            ),
            DecisionNotPossible,
            "This money went back.",
            (),
        ),
        (
            lambda: accept(FOREIGN_PAID, about(FOREIGN_PAID)),
            DecisionNotPossible,
            "This money is in another currency than is owed.",
            (),
        ),
        (
            lambda: reviewing.unlocked(OPEN, attrs.evolve(REVIEW, subject="p-9"), DECISION, now=LATER),
            DecisionNotPossible,
            "The attempt that it is about is not here.",
            (),
        ),
        (lambda: record(PAID, REVIEW), DecisionNotPossible, "It is about no refund.", ()),
        (
            lambda: record(PAID, ABOUT_A_REFUND),
            DecisionNotPossible,
            "The refund that it is about is not here.",
            (),
        ),
        (
            lambda: record(with_refund(WAITS), ABOUT_A_REFUND),
            DecisionNotPossible,
            "The refund is awaiting approval.",
            (),
        ),
        (
            lambda: record(with_refund(GONE), ABOUT_A_REFUND, succeeded=False),
            DecisionNotPossible,
            "The refund is succeeded.",
            (),
        ),
        (
            lambda: reviewing.is_decided(
                attrs.evolve(REVIEW, decision="refund", actor="operator:anna"), DECISION
            ),
            ReviewAlreadyDecided,
            "operator:anna decided 'refund'.",
            (),
        ),
        (
            lambda: reviewing.is_decided(
                attrs.evolve(REVIEW, decision="accept", actor="operator:ben"), DECISION
            ),
            ReviewAlreadyDecided,
            "operator:ben decided 'accept'.",
            (),
        ),
    ],
)
def test_it_is_refused_and_says_why(
    what: Callable[[], object],
    error: type[PaymentsError],
    detail: str | None,
    errors: tuple[FieldError, ...],
) -> None:
    with pytest.raises(error) as refused:
        what()
    assert refused.value.errors == errors
    assert detail is None or refused.value.detail == detail


def test_a_refund_that_is_too_large_and_a_review_that_is_decided_carry_the_facts_for_programs() -> None:
    with pytest.raises(RefundTooLarge) as too_large:
        reserve(with_refund(WAITS), DUE)
    assert too_large.value.facts == {"refundable": "600.00", "currency": "ETB"}
    with pytest.raises(ReviewAlreadyDecided) as decided:
        reviewing.is_decided(attrs.evolve(REVIEW, decision="refund", actor="operator:ben"), DECISION)
    assert decided.value.facts == {"review_id": str(REVIEW.review_id), "decision": "refund"}


def test_ways_out_are_offered_while_they_can_be_taken() -> None:
    both = (WayOut.ACCEPT, WayOut.REFUND)
    assert reviewing.ways_out(REVIEW, HELD) == both
    assert reviewing.ways_out(REVIEW, None) == both
    assert reviewing.ways_out(about(FOREIGN_PAID), FOREIGN_PAID) == (WayOut.REFUND,)
    assert reviewing.ways_out(REVIEW, OPEN) == (WayOut.REFUND,)
    assert reviewing.ways_out(attrs.evolve(REVIEW, decision="refund"), HELD) == ()
    assert reviewing.ways_out(attrs.evolve(REVIEW, state=ReviewState.RESOLVED), HELD) == ()


def test_a_question_waits_for_the_refund_that_takes_the_last_of_its_money() -> None:
    money = about(PAID, kind=ReviewKind.SURPLUS)
    whole = attrs.evolve(WAITS, amount=DUE, status=RefundStatus.RESERVED)
    all_but_one = attrs.evolve(whole, amount=DUE - Money.of("0.01", "ETB"))

    assert reviewing.linked((money,), with_refund(all_but_one), all_but_one) == ((), ())
    (waiting,), (told,) = reviewing.linked((money,), with_refund(whole), whole)

    assert waiting == attrs.evolve(
        money, decision="refund", actor=whole.actor, reason=whole.reason, refund_id=whole.refund_id
    )
    assert told == ReviewDecided(
        kind=money.kind, subject=money.subject, decision="refund", reason=whole.reason
    )
    for other in (
        attrs.evolve(money, state=ReviewState.RESOLVED),
        attrs.evolve(money, decision="dismiss"),
        attrs.evolve(money, kind=ReviewKind.DISPUTE),
        attrs.evolve(money, subject="p-9"),
    ):
        assert reviewing.linked((other,), with_refund(whole), whole) == ((), ())


def test_a_refund_that_ended_answers_its_question_or_returns_it() -> None:
    money = about(PAID, kind=ReviewKind.SURPLUS, decision="refund", actor="operator:anna", reason="late")
    money = attrs.evolve(money, refund_id=WAITS.refund_id)
    failed = attrs.evolve(WAITS, status=RefundStatus.FAILED, detail="No account.")
    all_of_it = attrs.evolve(GONE, amount=PAID.captures[0].amount)

    assert reviewing.after_refund((money,), with_refund(WAITS), WAITS, now=LATER) == ((), ())
    assert reviewing.after_refund((money,), with_refund(all_of_it), all_of_it, now=LATER) == (
        (attrs.evolve(money, state=ReviewState.RESOLVED, resolved_at=LATER),),
        (ReviewResolved(kind=money.kind, subject=money.subject, decision="refund", reason="late"),),
    )
    open_again = attrs.evolve(money, decision=None, actor=None, reason=None, refund_id=None)
    for refund, said in (
        (failed, "the refund of 400.00 ETB failed: No account."),
        (attrs.evolve(failed, detail=""), "the refund of 400.00 ETB failed"),
    ):
        assert reviewing.after_refund((money,), with_refund(refund), refund, now=LATER) == (
            (open_again,),
            (ReviewReturned(kind=money.kind, subject=money.subject, detail=said),),
        )
    assert reviewing.after_refund((open_again,), with_refund(all_of_it), all_of_it, now=LATER) == ((), ())


def test_a_question_waits_for_the_last_part_of_its_money_and_returns_where_something_is_left() -> None:
    money = about(PAID, kind=ReviewKind.SURPLUS, decision="refund", actor="operator:anna", reason="late")
    money = attrs.evolve(money, refund_id=GONE.refund_id)
    rest = attrs.evolve(
        WAITS, refund_id=UUID(int=11), status=RefundStatus.REQUESTED, amount=Money.of("600.00", "ETB")
    )
    both = attrs.evolve(PAID, refunds=(GONE, rest))

    assert reviewing.after_refund((money,), both, GONE, now=LATER) == (
        (attrs.evolve(money, refund_id=rest.refund_id),),
        (),
    )
    assert reviewing.after_refund((money,), with_refund(GONE), GONE, now=LATER) == (
        (attrs.evolve(money, decision=None, actor=None, reason=None, refund_id=None),),
        (
            ReviewReturned(
                kind=money.kind, subject=money.subject, detail="600.00 ETB of the money is still here"
            ),
        ),
    )


def test_what_the_provider_told_of_a_refund_answers_the_question_about_it() -> None:
    failed = attrs.evolve(WAITS, status=RefundStatus.FAILED, detail="No account.")
    assert reviewing.answered_by((ABOUT_A_REFUND,), WAITS, now=LATER) == ((), ())
    for refund, said in (
        (GONE, "the refund succeeded"),
        (failed, "the refund failed: No account."),
    ):
        assert reviewing.answered_by((ABOUT_A_REFUND, REVIEW), refund, now=LATER) == (
            (
                attrs.evolve(
                    ABOUT_A_REFUND,
                    state=ReviewState.RESOLVED,
                    decision="answered",
                    actor="system",
                    reason=said,
                    resolved_at=LATER,
                ),
            ),
            (
                ReviewResolved(
                    kind=ReviewKind.REFUND_UNKNOWN,
                    subject=ABOUT_A_REFUND.subject,
                    decision="answered",
                    reason=said,
                ),
            ),
        )


REQUESTED = attrs.evolve(WAITS, status=RefundStatus.REQUESTED, requested_at=LATER, detail="pending")
DAY, WEEK, TICK = timedelta(days=1), timedelta(days=7), timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("refund", "needs_attention", "age", "detail"),
    [
        (REQUESTED, False, WEEK - TICK, None),
        (
            REQUESTED,
            False,
            WEEK,
            "The refund of 400.00 ETB was taken on and has not ended: pending",
        ),
        (
            REQUESTED,
            True,
            TICK,
            "The provider waits for somebody to act on the refund of 400.00 ETB: pending",
        ),
        (attrs.evolve(REQUESTED, status=RefundStatus.UNKNOWN), False, DAY - TICK, None),
        (
            attrs.evolve(REQUESTED, status=RefundStatus.UNKNOWN),
            False,
            DAY,
            "The refund of 400.00 ETB was asked for, and nobody can tell whether it happened.",
        ),
        (attrs.evolve(WAITS, status=RefundStatus.RESERVED), False, DAY - TICK, None),
        (
            attrs.evolve(WAITS, status=RefundStatus.RESERVED),
            False,
            DAY,
            (
                "The refund of 400.00 ETB cannot be sent: its provider is switched off, has not named the"
                " receipt of the money, or does not answer whether it was sent before."
            ),
        ),
        (WAITS, True, WEEK, None),
        (GONE, True, WEEK, None),
    ],
)
def test_a_person_is_asked_about_a_refund_that_does_not_end(
    refund: Refund,
    needs_attention: bool,  # noqa: FBT001 -- a row's field
    age: timedelta,
    detail: str | None,
) -> None:
    asked = refunding.question(refund, needs_attention=needs_attention, waited=True, now=LATER + age)
    assert asked == (
        None
        if detail is None
        else ReviewOpened(kind=ReviewKind.REFUND_UNKNOWN, subject=str(refund.refund_id), detail=detail)
    )


def test_a_success_of_what_had_failed_is_put_before_a_person() -> None:
    failed = attrs.evolve(WAITS, status=RefundStatus.FAILED)
    assert refunding.contradicted(GONE, "processed") is None
    for detail, had in (("", "had failed"), ("no account", "had failed (no account)")):
        assert refunding.contradicted(attrs.evolve(failed, detail=detail), "processed") == ReviewOpened(
            kind=ReviewKind.DISPUTE,
            subject=str(failed.refund_id),
            detail=(
                f"The refund of 400.00 ETB {had}, and its provider says 'processed': "
                "the money may have gone back."
            ),
        )


def test_an_approved_refund_is_due_at_once() -> None:
    change = refunding.approve(with_refund(WAITS), WAITS.refund_id, approver="operator:ben", now=LATER)
    (refund,) = change.payment.refunds
    assert refund == attrs.evolve(
        WAITS, status=RefundStatus.RESERVED, approver="operator:ben", next_check_at=LATER
    )
    assert change.payment.updated_at == LATER


@pytest.mark.parametrize("left", ["1000.00", "0.01"])
def test_all_that_is_left_of_the_money_goes_back_and_the_question_waits_for_it(left: str) -> None:
    amount = Money.of(left, "ETB")
    before = attrs.evolve(GONE, amount=DUE - amount)
    payment = with_refund(before) if before.amount.minor else PAID
    review, decision = about(PAID, kind=ReviewKind.SURPLUS), attrs.evolve(DECISION, way_out=WayOut.REFUND)

    decided = reviewing.refund(payment, review, decision, WANTED, now=LATER)

    refund = decided.change.payment.refunds[-1]
    assert (refund.refund_id, refund.amount) == (WANTED.refund_id, amount)
    assert refund.capture_id == PAID.captures[0].capture_id
    assert decided.review == attrs.evolve(
        review,
        decision="refund",
        actor=decision.actor,
        reason=decision.reason,
        refund_id=WANTED.refund_id,
    )


def test_a_refund_that_a_person_saw_ends_the_question_and_those_that_wait_for_it() -> None:
    asked_for = attrs.evolve(WAITS, status=RefundStatus.UNKNOWN, amount=PAID.captures[0].amount)
    waiting = attrs.evolve(
        about(PAID, kind=ReviewKind.SURPLUS),
        review_id=UUID(int=4),
        decision="refund",
        actor="operator:ben",
        reason="late",
        refund_id=WAITS.refund_id,
    )
    seen = SeenRefund(succeeded=True, provider_reference="R-1")
    decision = attrs.evolve(DECISION, way_out=WayOut.RECORD)

    decided = reviewing.refund_recorded(
        with_refund(asked_for), ABOUT_A_REFUND, decision, seen, waiting=(waiting,), now=LATER
    )

    (refund,) = decided.change.payment.refunds
    assert (refund.status, refund.provider_reference, refund.detail) == (
        RefundStatus.SUCCEEDED,
        "R-1",
        "recorded by operator:anna",
    )
    assert decided.others == (attrs.evolve(waiting, state=ReviewState.RESOLVED, resolved_at=LATER),)
    assert (decided.review.state, decided.review.resolved_at) == (ReviewState.RESOLVED, LATER)
