"""Orders that change, or change hands, while somebody is paying for them."""

from collections.abc import Awaitable, Callable

import attrs
import pytest

from payments.application.ports.orders import Order, Orders
from payments.application.ports.providers import CheckoutRequest
from payments.application.records import Message
from payments.domain.errors import OrderNotFound, OrderNotPayable
from payments.domain.transitions import AttemptStatus, Disposition, PaymentStatus
from tests.unit.use_cases.shop import CLOSED, Shop, birr, refused

pytestmark = pytest.mark.anyio


async def test_a_page_handed_out_again_asks_for_what_is_owed_after_an_edit_was_taken_back(
    shop: Shop,
) -> None:
    first = await shop.initiate()
    shop.provider.declines(first.reference)
    await shop.ask(first.reference)
    shop.provider.forgets_to_cancel = True
    shop.kit.order(amount="1200.00")
    second = await shop.initiate(provider="other")
    shop.other.declines(second.reference)
    await shop.ask(second.reference)
    shop.kit.order(amount="1000.00")
    again = await shop.initiate()
    assert again.reference == first.reference, "its page could not be closed, and serves again"

    shop.provider.pays(again.reference)
    payment = await shop.ask(again.reference)

    assert [(c.amount, c.disposition) for c in payment.captures] == [(birr("1000.00"), Disposition.SETTLES)]
    assert (payment.amount, payment.status) == (birr("1000.00"), PaymentStatus.SUCCESS)
    assert await shop.reviews() == []


@attrs.define
class OvertakenOrders(Orders):
    """Has something happen between the question and the answer, once."""

    _orders: Orders
    meanwhile: Callable[[], Awaitable[None]] | None = None

    async def get(self, order_id: str) -> Order | None:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            await meanwhile()
        return await self._orders.get(order_id)

    async def tell(self, message: Message) -> None:
        await self._orders.tell(message)


async def test_whoever_got_the_order_while_its_payment_began_is_not_shown_that_payment(shop: Shop) -> None:
    async def somebody_else_begins() -> None:
        order = shop.kit.order()
        await shop.initiate()
        shop.kit.orders.put(attrs.evolve(order, user_id="user_2"))

    orders = OvertakenOrders(shop.kit.orders, somebody_else_begins)
    initiate = attrs.evolve(shop.kit.payments.initiate, orders=orders)

    await refused(OrderNotFound, initiate("order_1", "user_2", "scripted"))

    assert (await shop.payment()).payer == "user_1"


async def test_after_an_answer_that_came_too_late_the_order_is_read_again(shop: Shop) -> None:
    async def slow(request: CheckoutRequest) -> None:
        shop.provider.after_opening = None
        shop.provider.answers(request.reference, CLOSED)
        await shop.ask(request.reference)
        shop.kit.order(amount="1500.00")

    shop.provider.after_opening = slow

    opened = await shop.initiate()

    attempt = await shop.attempt(opened.reference)
    assert (attempt.amount, attempt.status) == (birr("1500.00"), AttemptStatus.OPEN)
    assert (await shop.payment()).amount == birr("1500.00")


async def test_after_an_answer_that_came_too_late_a_closed_order_is_not_claimed_again(shop: Shop) -> None:
    async def slow(request: CheckoutRequest) -> None:
        shop.provider.after_opening = None
        shop.provider.answers(request.reference, CLOSED)
        await shop.ask(request.reference)
        shop.kit.order(payable=False)

    shop.provider.after_opening = slow

    await shop.initiate_refused(OrderNotPayable)

    assert (await shop.payment()).live_attempt is None
    assert len(shop.provider.opened) == 1


@attrs.define
class SlowOrders(Orders):
    """Has something happen before an answer arrives that is old by then, once."""

    _orders: Orders
    meanwhile: Callable[[], Awaitable[None]] | None = None

    async def get(self, order_id: str) -> Order | None:
        meanwhile, self.meanwhile = self.meanwhile, None
        order = await self._orders.get(order_id)
        if meanwhile is not None:
            await meanwhile()
        return order

    async def tell(self, message: Message) -> None:
        await self._orders.tell(message)


@pytest.mark.parametrize("before", ["nothing", "a live page", "a declined page"])
@pytest.mark.parametrize("provider", ["scripted", "other"])
async def test_a_slow_tab_does_not_put_the_older_price_in_place_of_the_newer(
    shop: Shop, before: str, provider: str
) -> None:
    if before != "nothing":
        first = await shop.initiate()
        if before == "a declined page":
            shop.provider.forgets_to_cancel = True
            shop.provider.declines(first.reference)
            await shop.ask(first.reference)

    async def another_tab() -> None:
        shop.kit.order(amount="1200.00")
        await shop.initiate(provider="other")

    initiate = attrs.evolve(shop.kit.payments.initiate, orders=SlowOrders(shop.kit.orders, another_tab))
    await initiate("order_1", "user_1", provider)
    assert (await shop.payment()).amount == birr("1200.00")
