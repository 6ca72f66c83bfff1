"""What ``check`` says: every broken promise, and nothing about a lawful history, however odd."""

import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

import attrs
import pytest

from payments.adapters.memory.repository import MemoryReads
from payments.adapters.memory.unit_of_work import MemoryUnitOfWork
from payments.application.answers import Violation
from payments.application.invariants import Case, violations_of, violations_of_review
from payments.application.ports.repository import Reads, Transaction
from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.records import Records, ReviewLink
from payments.application.review_recording import opened_alone, resolved_alone
from payments.application.use_cases.check_invariants import CheckInvariants
from payments.domain.events import Reason, ReviewKind
from payments.domain.payment import Payment
from payments.domain.review import Review, ReviewState
from payments.domain.transitions import AttemptStatus, Disposition, PaymentStatus
from tests.unit.use_cases.shop import Shop, birr

pytestmark = pytest.mark.anyio

T = TypeVar("T")


async def case_of(shop: Shop) -> Case:
    payment = await shop.payment()
    reads = shop.kit.unit_of_work.reads
    return Case(
        payment=payment,
        evidence=await reads.evidence_of(payment.payment_id),
        messages=await reads.messages_of(payment.payment_id),
        reviews=await reads.reviews_of(payment.payment_id),
        audit=await reads.audit_of(payment.payment_id),
        now=shop.kit.clock.now(),
    )


async def test_a_live_attempt_whose_money_is_gone_and_that_nobody_asks_about_is_found(shop: Shop) -> None:
    opened = await shop.initiate()
    await shop.attests_returned(opened.reference)
    await shop.ask(opened.reference)
    case = await case_of(shop)
    attempt = case.payment.attempt(opened.reference)
    forgotten = attrs.evolve(attempt, status=AttemptStatus.OPEN, reason=None)

    found = violations_of(attrs.evolve(case, payment=case.payment.with_attempt(forgotten)))

    assert any(v.invariant == "I13" and "its money is gone" in v.detail for v in found)


async def test_a_live_attempt_whose_money_waits_for_a_person_is_not(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference, amount=birr("1.00"))
    await shop.ask(opened.reference)

    assert violations_of(await case_of(shop)) == ()


async def test_the_same_transaction_number_at_two_providers_is_no_money_counted_twice(shop: Shop) -> None:
    first = await shop.initiate()
    second = await shop.initiate(provider="other")
    shop.provider.pays(first.reference, capture_key="1", provider_reference="1")
    shop.other.pays(second.reference, capture_key="1", provider_reference="1")
    await shop.ask(first.reference)
    payment = await shop.ask(second.reference)

    assert [c.disposition for c in payment.captures] == [Disposition.SETTLES, Disposition.SURPLUS]
    assert await shop.kit.payments.check() == ()


async def test_a_clock_that_jumps_back_breaks_no_promise(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.kit.clock.step_back(timedelta(hours=3))
    shop.provider.pays(opened.reference)
    await shop.hear(opened.reference)
    await shop.kit.work()

    assert (await shop.payment()).status is PaymentStatus.SUCCESS
    assert await shop.kit.payments.check() == ()


async def test_a_clock_that_jumps_back_past_the_end_of_a_watch_breaks_no_promise(shop: Shop) -> None:
    await shop.initiate()
    await shop.pass_hours(73)
    shop.kit.clock.step_back(timedelta(hours=2))

    assert await shop.kit.payments.check() == ()


async def test_a_transaction_that_several_payments_claim_is_one_question_each(shop: Shop) -> None:
    references = []
    for order_id in ("order_1", "order_2", "order_3"):
        shop.kit.order(order_id)
        references.append((await shop.initiate(order_id)).reference)
    for reference in references:
        shop.provider.pays(reference, capture_key="1", provider_reference="1")
        await shop.ask(reference)

    for order_id in ("order_2", "order_3"):
        payment = await shop.payment(order_id)
        reviews = await shop.kit.unit_of_work.reads.reviews_of(payment.payment_id)
        assert [review.kind.value for review in reviews] == ["orphan"]
    assert await shop.kit.payments.check() == ()


async def test_a_question_about_money_that_is_not_ours_is_asked_once_however_often_it_is_answered(
    shop: Shop,
) -> None:
    opened = await shop.initiate()
    await shop.attests(opened.reference, reference="p-aaaaaaaaaaaaaaaaaaaaaaaaaa")

    await shop.pass_minutes(10)

    trail = await shop.kit.unit_of_work.reads.audit_of(opened.payment_id)
    asked = [event for link in trail for event in json.loads(link.events) if event["event"] == "ReviewOpened"]
    assert [event["kind"] for event in asked] == ["orphan"]


async def test_a_page_that_can_be_paid_on_after_the_payment_is_settled_is_found(shop: Shop) -> None:
    first = await shop.initiate()
    second = await shop.initiate(provider="other")
    shop.provider.pays(first.reference)
    await shop.ask(first.reference)
    case = await case_of(shop)
    still_open = attrs.evolve(case.payment.attempt(second.reference), status=AttemptStatus.OPEN, reason=None)

    found = violations_of(attrs.evolve(case, payment=case.payment.with_attempt(still_open)))

    assert any(v.invariant == "I2" and "can still pay" in v.detail for v in found)


async def test_fees_passed_on_break_no_promise_while_the_evidence_attests_what_was_due(shop: Shop) -> None:
    opened = await shop.initiate()
    await shop.attests(opened.reference, captured=birr("1025.00"))
    await shop.ask(opened.reference)

    case = await case_of(shop)
    assert case.payment.status is PaymentStatus.SUCCESS
    assert violations_of(case) == ()
    for lie in ({"amount": birr("1025.00"), "captured": None}, {"captured": birr("1026.00")}):
        evidence = tuple(attrs.evolve(e, answer=attrs.evolve(e.answer, **lie)) for e in case.evidence)
        found = violations_of(attrs.evolve(case, evidence=evidence))
        assert [v.invariant for v in found] == ["I1"], lie


async def decided(shop: Shop, decision: str) -> Case:
    """The case of a payment whose surplus was decided about."""
    first = await shop.initiate()
    second = await shop.initiate(provider="other")
    shop.provider.pays(first.reference)
    shop.other.pays(second.reference)
    await shop.ask(first.reference)
    await shop.ask(second.reference)
    (review,) = (await shop.kit.payments.reviews()).items
    await shop.kit.payments.resolve(review.review_id, decision, "seen", "operator:boss")
    return await case_of(shop)


TAMPERED: dict[str, tuple[str, dict[str, Any]]] = {
    "another person": ("dismiss", {"actor": "operator:thief"}),
    "another reason": ("dismiss", {"reason": "because"}),
    "another decision": ("dismiss", {"decision": "refund"}),
    "opened again": ("dismiss", {"state": ReviewState.OPEN, "resolved_at": None}),
    "opened again, and forgotten": (
        "dismiss",
        {"state": ReviewState.OPEN, "decision": None, "actor": None, "reason": None},
    ),
    "resolved by nobody": ("dismiss", {"decision": None, "actor": None, "reason": None}),
    "resolved before its refund": ("refund", {"state": ReviewState.RESOLVED}),
    "a refund that never was": ("refund", {"refund_id": UUID(int=7)}),
}


@pytest.mark.parametrize("what", TAMPERED)
async def test_a_decision_that_the_trail_does_not_tell_of_is_found(shop: Shop, what: str) -> None:
    decision, changed = TAMPERED[what]
    case = await decided(shop, decision)
    assert violations_of(case) == ()

    (review,) = case.reviews
    found = violations_of(attrs.evolve(case, reviews=(attrs.evolve(review, **changed),)))

    assert "I19" in {violation.invariant for violation in found}, found


async def test_each_entry_of_the_trail_names_the_hash_of_the_one_before(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)
    await shop.ask(opened.reference)
    case = await case_of(shop)
    assert len(case.audit) > 2
    assert [entry.previous_hash for entry in case.audit] == ["", *(e.hash for e in case.audit[:-1])]
    assert case.payment.trail == case.audit[-1].hash


def without(case: Case, **changes: Any) -> Case:
    return attrs.evolve(case, payment=attrs.evolve(case.payment, **changes))


def with_link(case: Case, place: int, **changes: Any) -> Case:
    links = list(case.audit)
    links[place] = attrs.evolve(links[place], **changes)
    return attrs.evolve(case, audit=tuple(links))


DAMAGED: dict[str, Callable[[Case], Case]] = {
    "The attempt {reference} succeeded without evidence of money.": lambda c: attrs.evolve(c, evidence=()),
    "The money T-{reference} has no evidence.": lambda c: attrs.evolve(c, evidence=()),
    "1 captures were recorded and 0 are there.": lambda c: without(c, captures=()),
    "held money T-{reference} was put before nobody.": lambda c: without(
        c, captures=(attrs.evolve(c.payment.captures[0], disposition=Disposition.HELD),)
    ),
    "It is at version 4, and its trail ends at 3.": lambda c: without(c, version=4),
    "Its rows were changed without a change being recorded.": lambda c: without(c, payer="user_2"),
    "Link 1 of the audit trail is missing.": lambda c: attrs.evolve(c, audit=c.audit[1:]),
    "Link 2 of the audit trail is missing.": lambda c: attrs.evolve(c, audit=(c.audit[0], c.audit[2])),
    "Link 2 of the audit trail was changed.": lambda c: with_link(c, 1, cause="nothing"),
    "Link 3 of the audit trail was changed.": lambda c: with_link(c, 2, previous_hash=""),
    "The attempt {reference} is succeeded for Reason.DECLINED.": lambda c: attrs.evolve(
        c, payment=c.payment.with_attempt(attrs.evolve(c.payment.attempts[0], reason=Reason.DECLINED))
    ),
    "The attempt {reference} asks for 1.00 ETB, which was never claimed.": lambda c: attrs.evolve(
        c, payment=c.payment.with_attempt(attrs.evolve(c.payment.attempts[0], amount=birr("1.00")))
    ),
}


@pytest.mark.parametrize("detail", DAMAGED)
async def test_what_is_broken_is_told_in_a_sentence(shop: Shop, detail: str) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)
    await shop.ask(opened.reference)
    case = await case_of(shop)
    assert violations_of(case) == ()

    found = violations_of(DAMAGED[detail](case))

    assert detail.format(reference=opened.reference) in {violation.detail for violation in found}
    assert {violation.subject for violation in found} == {str(case.payment.payment_id)}


ALONE = Review(
    review_id=UUID(int=3),
    kind=ReviewKind.ORPHAN,
    subject="p-9",
    payment_id=None,
    detail="A notice about nobody.",
    opened_at=datetime(2026, 1, 5, tzinfo=UTC),
)
ANSWERED = attrs.evolve(
    ALONE,
    state=ReviewState.RESOLVED,
    decision="dismiss",
    actor="operator:boss",
    reason="seen",
    resolved_at=ALONE.opened_at,
)
FIRST = opened_alone(ALONE, actor="provider:scripted", cause="webhook").link
SECOND = resolved_alone((FIRST,), ANSWERED, actor="operator:boss", cause="review", now=ALONE.opened_at).link


@pytest.mark.parametrize(
    ("review", "trail", "detail"),
    [
        (ALONE, (FIRST,), None),
        (ANSWERED, (FIRST, SECOND), None),
        (None, (FIRST,), "The question is gone, and its audit trail is there."),
        (ALONE, (), "The question orphan about p-9 has no audit trail."),
        (ANSWERED, (SECOND,), "Link 1 of the audit trail is missing."),
        (ALONE, (attrs.evolve(FIRST, actor="x"),), "Link 1 of the audit trail was changed."),
        (ANSWERED, (FIRST,), "It is resolved, and its audit trail tells of ReviewOpened."),
        (
            ALONE,
            (FIRST, SECOND),
            "It is open, and its audit trail tells of ReviewOpened, ReviewResolved.",
        ),
        (
            attrs.evolve(ALONE, subject="p-8"),
            (FIRST,),
            "Its row was changed without a change being recorded.",
        ),
        (
            attrs.evolve(ANSWERED, actor="operator:thief"),
            (FIRST, SECOND),
            "Its row was changed without a change being recorded.",
        ),
        (
            ANSWERED,
            (
                FIRST,
                resolved_alone(
                    (FIRST,), ANSWERED, actor="operator:thief", cause="review", now=ALONE.opened_at
                ).link,
            ),
            "Its audit trail says that operator:thief decided, not operator:boss.",
        ),
    ],
)
async def test_a_question_of_no_payment_stands_as_its_own_trail_says(
    review: Review | None, trail: tuple[ReviewLink, ...], detail: str | None
) -> None:
    subject = str(ALONE.review_id)
    broken = () if detail is None else (Violation(invariant="I21", subject=subject, detail=detail),)
    assert violations_of_review(ALONE.review_id, review, trail) == broken


async def test_the_links_of_a_question_say_what_happened() -> None:
    assert [json.loads(link.events) for link in (FIRST, SECOND)] == [
        [
            {
                "event": "ReviewOpened",
                "kind": "orphan",
                "subject": "p-9",
                "detail": "A notice about nobody.",
            }
        ],
        [
            {
                "event": "ReviewResolved",
                "kind": "orphan",
                "subject": "p-9",
                "decision": "dismiss",
                "reason": "seen",
            }
        ],
    ]


@attrs.frozen
class Meddled(MemoryReads):
    """Somebody changes a payment after it was read and before its records are, once."""

    changes: list[Callable[[], Awaitable[object]]]

    async def records_of(self, payments: Sequence[Payment]) -> tuple[Records, ...]:
        while self.changes:
            await self.changes.pop()()
        return await super().records_of(payments)


@attrs.frozen
class MeddledStore(UnitOfWork):
    reads: Reads

    async def write(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        raise AssertionError("It only reads.")


async def test_what_changes_while_everything_is_checked_breaks_no_promise(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.kit.order("order_2")
    await shop.initiate("order_2")
    shop.provider.pays(opened.reference)
    changes: list[Callable[[], Awaitable[object]]] = [partial(shop.ask, opened.reference)]
    store = shop.kit.unit_of_work
    assert isinstance(store, MemoryUnitOfWork)
    reads = Meddled(lambda: store._committed, changes)

    assert await CheckInvariants(shop.kit.clock, MeddledStore(reads))() == ()

    assert changes == []
    assert (await shop.payment()).status is PaymentStatus.SUCCESS


@pytest.mark.parametrize(
    "events",
    [
        b"not JSON",
        b"\xff",
        b"{}",
        b"[1]",
        b"[{}]",
        b'[{"event":"Nonsense"}]',
        b'[{"event":"__builtins__"}]',
        b'[{"event":["PaymentSucceeded"]}]',
        b'[{"event":"AttemptClaimed"}]',
        b'[{"event":"PaymentSucceeded","payment_id":[]}]',
        b'[{"event":"ReviewOpened","kind":"mine","subject":"x","detail":""}]',
        b'[{"event":"ReviewOpened","kind":"dispute","subject":[],"detail":""}]',
        b'[{"event":"RefundFailed","refund_id":"x","detail":"","came_back":1}]',
    ],
)
async def test_a_link_that_was_edited_until_it_tells_of_nothing_is_found_and_nothing_else_is_guessed(
    shop: Shop, events: bytes
) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)
    await shop.ask(opened.reference)
    case = await case_of(shop)
    edited = attrs.evolve(case.audit[-1], events=events)

    (found,) = violations_of(attrs.evolve(case, audit=(*case.audit[:-1], edited)))

    assert (found.invariant, found.detail) == (
        "I14",
        f"Link {edited.sequence} of the audit trail tells of no events of ours.",
    )


async def test_a_link_that_tells_of_a_step_there_is_not_is_found(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)
    await shop.ask(opened.reference)
    case = await case_of(shop)
    (told,) = [e for e in json.loads(case.audit[-1].events) if e["event"] == "CaptureRecorded"]
    edited = attrs.evolve(case.audit[-1], events=json.dumps([{**told, "disposition": "mine"}]).encode())

    found = violations_of(attrs.evolve(case, audit=(*case.audit[:-1], edited)))

    assert {"I3", "I14"} <= {violation.invariant for violation in found}
