"""Lists: a payer's own payments, everybody's for operators, and the questions for people; page by page."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import pytest

from payments.application.answers import Found, Page, Reviews
from payments.domain.errors import FieldError, InvalidRequest, OrderNotFound, PaymentNotFound
from payments.domain.events import ReviewKind
from payments.domain.evidence import Answer, Outcome
from payments.domain.review import ReviewState
from payments.domain.transitions import PaymentStatus
from tests.unit.use_cases.kept import misshapen
from tests.unit.use_cases.shop import Shop, birr, refused

pytestmark = pytest.mark.anyio

DECLINED = Answer(outcome=Outcome.DECLINED, word="declined", fingerprint="d", detail="No funds.")


async def three_payments(shop: Shop) -> list[str]:
    """One paid by one provider, one declined and one open at another, a minute apart; their references."""
    references = []
    for order_id, provider in (("paid", "scripted"), ("declined", "other"), ("open", "other")):
        shop.kit.order(order_id)
        references.append((await shop.initiate(order_id, provider=provider)).reference)
        shop.skip(minutes=1)
    shop.provider.pays(references[0])
    shop.other.answers(references[1], DECLINED)
    for reference in references[:2]:
        await shop.ask(reference)
    return references


def orders(page: Page | Found) -> list[str]:
    return [line.order_id for line in page.items]


async def test_a_payer_reads_a_history_newest_first_and_page_by_page(shop: Shop) -> None:
    await three_payments(shop)
    first = await shop.kit.payments.list("user_1", 2)
    rest = await shop.kit.payments.list("user_1", 2, beyond=first.beyond)
    whole = await shop.kit.payments.list("user_1", 3)

    assert (orders(first), orders(rest)) == (["open", "declined"], ["paid"])
    assert (rest.beyond, whole.beyond) == (None, None)
    assert orders(whole) == ["open", "declined", "paid"]
    assert orders(await shop.kit.payments.list("user_2")) == []


async def test_a_payer_narrows_the_history_down(shop: Shop) -> None:
    await three_payments(shop)
    of = shop.kit.payments.list
    at = {line.order_id: line.created_at for line in (await of("user_1")).items}

    assert orders(await of("user_1", status=PaymentStatus.FAILED)) == ["declined"]
    assert orders(await of("user_1", provider="other")) == ["open", "declined"]
    assert orders(await of("user_1", order_id="paid")) == ["paid"]
    assert orders(await of("user_1", created_after=at["declined"])) == ["open"]
    assert orders(await of("user_1", created_before=at["declined"])) == ["paid"]


async def test_a_line_says_what_became_of_the_payment(shop: Shop) -> None:
    references = await three_payments(shop)
    open_one, declined, paid = (await shop.kit.payments.list("user_1")).items

    assert [line.reference for line in (paid, declined, open_one)] == references
    assert (paid.status, paid.received, paid.given_back) == (
        PaymentStatus.SUCCESS,
        birr("1000.00"),
        birr("0.00"),
    )
    assert (declined.status, declined.failure, declined.failure_detail) == (
        PaymentStatus.FAILED,
        "declined",
        "No funds.",
    )
    assert (open_one.failure, open_one.failure_detail, open_one.in_review) == (None, "", False)
    assert open_one.checkout_url == (await shop.attempt(references[2])).checkout_url
    assert (paid.checkout_url, declined.checkout_url) == (None, None)


async def test_operators_find_everybodys_payments_newest_first_and_page_by_page(shop: Shop) -> None:
    await three_payments(shop)
    first = await shop.kit.payments.find(limit=2)
    rest = await shop.kit.payments.find(limit=2, beyond=first.beyond)

    assert (orders(first), orders(rest), rest.beyond) == (["open", "declined"], ["paid"], None)
    assert (await shop.kit.payments.find(limit=3)).beyond is None
    assert orders(await shop.kit.payments.find(status=PaymentStatus.SUCCESS)) == ["paid"]


async def test_operators_find_one_payment_by_any_name_of_it(shop: Shop) -> None:
    references = await three_payments(shop)
    payment = await shop.payment("declined")
    for name in (str(payment.payment_id), str(payment.payment_id).upper(), "declined", references[1]):
        assert orders(await shop.kit.payments.find(name)) == ["declined"]
    assert orders(await shop.kit.payments.find("nobody")) == []


async def test_questions_are_listed_newest_first_and_page_by_page(shop: Shop) -> None:
    for order_id in ("first", "second"):
        shop.kit.order(order_id)
        opened = await shop.initiate(order_id)
        shop.provider.pays(opened.reference, amount=birr("900.00"))
        await shop.ask(opened.reference)
        shop.skip(minutes=1)
    about = [str((await shop.payment(order_id)).captures[0].capture_id) for order_id in ("second", "first")]

    newest = await shop.kit.payments.reviews(1)
    oldest = await shop.kit.payments.reviews(1, beyond=newest.beyond)

    assert [each.subject for page in (newest, oldest) for each in page.items] == about
    assert oldest.beyond is None
    assert (await shop.kit.payments.reviews(2)).beyond is None
    assert (await shop.kit.payments.reviews(kind=ReviewKind.SURPLUS)).items == ()
    assert len((await shop.kit.payments.reviews(kind=ReviewKind.AMOUNT_MISMATCH)).items) == len(about)
    assert (await shop.kit.payments.reviews(state=ReviewState.RESOLVED)).items == ()


@pytest.mark.parametrize("limit", [0, 101])
@pytest.mark.parametrize(
    "listing",
    [
        lambda shop, limit: shop.kit.payments.list("user_1", limit),
        lambda shop, limit: shop.kit.payments.find(limit=limit),
        lambda shop, limit: shop.kit.payments.reviews(limit),
    ],
)
async def test_a_page_has_one_to_a_hundred_lines(
    shop: Shop, listing: Callable[[Shop, int], Awaitable[Any]], limit: int
) -> None:
    error = await refused(InvalidRequest, listing(shop, limit))
    assert error.errors == (FieldError("limit", "Use a whole number from 1 to 100."),)
    for most in (1, 100):
        assert isinstance(await listing(shop, most), Page | Found | Reviews)


async def test_nothing_is_listed_of_a_payment_or_an_order_that_is_not_there(shop: Shop) -> None:
    await refused(PaymentNotFound, shop.kit.payments.refunds(uuid4()))
    await refused(OrderNotFound, shop.kit.payments.offers("nowhere", "user_1"))
    await refused(OrderNotFound, shop.kit.payments.offers("order_1", "user_2"))


async def test_every_provider_is_offered_by_name_with_what_it_takes(shop: Shop) -> None:
    offers = await shop.kit.payments.offers("order_1", "user_1")
    assert misshapen(offers) == []
    assert [(each.provider, each.available, each.detail) for each in offers] == [
        (name, True, "") for name in ("cash", "other", "scripted")
    ]


async def test_a_payment_without_refunds_lists_none(shop: Shop) -> None:
    await shop.initiate()
    assert await shop.kit.payments.refunds((await shop.payment()).payment_id) == ()
