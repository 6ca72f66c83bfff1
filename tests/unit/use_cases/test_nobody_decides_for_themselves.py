"""Whoever owes a payment never decides about its money, whatever else their token allows."""

from collections.abc import Awaitable, Callable

import attrs
import pytest

from payments.domain.errors import OperatorIsPayer
from payments.domain.events import ReviewKind
from payments.domain.refund import Refund
from payments.domain.refund_rules import RefundRules
from payments.domain.transitions import PaymentStatus, RefundStatus
from tests.unit.use_cases.deciding import (
    decide,
    is_open,
    paid_twice,
    resolve,
    short_money,
    story,
    stuck,
    the_review,
)
from tests.unit.use_cases.shop import Shop, birr, refused
from tests.unit.use_cases.test_refunds import till_of

pytestmark = pytest.mark.anyio

PAYER = "operator:user_1"
UNKNOWN = "p-" + "c" * 26
LIMITS = RefundRules(approval_above={"ETB": birr("500.00")})


@pytest.mark.parametrize("decision", ["accept", "refund"])
async def test_the_payer_does_not_decide_about_their_own_money(shop: Shop, decision: str) -> None:
    before = await short_money(shop)

    await refused(OperatorIsPayer, decide(shop, decision, actor=PAYER))

    assert await shop.payment() == before
    assert await shop.reviews() == ["amount_mismatch"]
    await decide(shop, "accept")
    assert (await shop.payment()).status is PaymentStatus.SUCCESS


async def test_the_payer_dismisses_no_surplus_of_theirs(shop: Shop) -> None:
    before = await paid_twice(shop)
    await refused(OperatorIsPayer, decide(shop, "dismiss", actor=PAYER))
    assert await shop.payment() == before
    assert is_open(await the_review(shop))


@pytest.mark.parametrize(
    ("decision", "details"),
    [("ask_again", {}), ("record", {"outcome": "paid", "provider_reference": "AP-1"})],
)
async def test_the_payer_vouches_for_nothing_and_has_nobody_asked(
    shop: Shop, decision: str, details: dict[str, str]
) -> None:
    reference = await stuck(shop)
    asked = shop.provider.calls["check"]

    await refused(OperatorIsPayer, decide(shop, decision, actor=PAYER, **details))

    assert shop.provider.calls["check"] == asked
    payment = await shop.payment()
    assert payment.captures == ()
    assert not [event for event in await story(shop, payment) if event["actor"] == PAYER]
    assert (await the_review(shop)).subject == reference


async def test_money_is_attached_by_neither_of_its_two_payers(shop: Shop) -> None:
    """Neither by whom the question is about, nor by whom the money would go to."""
    shop.kit.orders.put(attrs.evolve(shop.kit.order("order_2"), user_id="user_2"))
    asked, owner = await shop.initiate(), await shop.initiate("order_2", user_id="user_2")
    await shop.attests(asked.reference, reference=owner.reference, capture_key="X1", provider_reference="X1")
    await shop.ask(asked.reference)
    checks = shop.provider.calls["check"]

    for payer in (PAYER, "operator:user_2"):
        await refused(OperatorIsPayer, decide(shop, "attach", actor=payer, reference=owner.reference))

    assert shop.provider.calls["check"] == checks
    assert is_open(await the_review(shop))
    await decide(shop, "attach", reference=owner.reference)
    assert (await shop.payment("order_2")).status is PaymentStatus.SUCCESS


async def test_a_notice_of_no_payment_is_dismissed_by_any_operator_and_attached_by_no_payer(
    shop: Shop,
) -> None:
    opened = await shop.initiate()
    await shop.hear(UNKNOWN)
    await shop.pass_hours(36)
    question = await the_review(shop, ReviewKind.ORPHAN)

    await refused(OperatorIsPayer, resolve(shop, question, "attach", actor=PAYER, reference=opened.reference))

    assert not is_open(await resolve(shop, question, "dismiss", actor=PAYER))


@pytest.mark.parametrize("word", ["approve", "refuse"])
async def test_the_payer_says_neither_yes_nor_no_to_a_refund_that_waits(word: str) -> None:
    till = await till_of(rules=LIMITS)
    waiting = await till.refund("1000.00")
    payment = await till.shop.payment()
    say: dict[str, Callable[[], Awaitable[object]]] = {
        "approve": lambda: till.approve(waiting, PAYER),
        "refuse": lambda: till.shop.kit.payments.refuse_refund(
            payment.payment_id, waiting.refund_id, actor=PAYER, reason="no"
        ),
    }

    await refused(OperatorIsPayer, say[word]())

    assert (await till.refunds())[0] == attrs.evolve(waiting, status=RefundStatus.AWAITING_APPROVAL)
    assert await till.shop.payment() == payment


@pytest.mark.parametrize("actor", [PAYER, "user_1"])
@pytest.mark.parametrize("amount", ["200.00", "1000.00"])
async def test_the_payer_asks_for_no_refund_of_their_own_whether_it_would_wait_or_not(
    actor: str, amount: str
) -> None:
    till = await till_of(rules=LIMITS)
    payment = await till.shop.payment()

    await refused(OperatorIsPayer, till.refund(amount, actor=actor))

    assert await till.shop.payment() == payment
    assert (await till.refund(amount)).actor == "operator:clerk"


async def test_the_payer_decides_no_review_by_asking_for_the_refund_that_would_answer_it(shop: Shop) -> None:
    before = await short_money(shop)
    (held,) = before.captures

    def all_of_it(actor: str) -> Awaitable[Refund]:
        return shop.kit.payments.refund(
            before.payment_id, amount=held.amount, reason="short", actor=actor, capture_id=held.capture_id
        )

    await refused(OperatorIsPayer, all_of_it(PAYER))

    assert await shop.payment() == before
    assert (await the_review(shop)).decision is None
    await all_of_it("operator:clerk")
    assert (await shop.payment()).refunds != ()
    assert await shop.reviews() == []
