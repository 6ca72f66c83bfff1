"""The public test kit does what its users are promised."""

import inspect
from collections.abc import Iterable, Mapping
from datetime import timedelta

import attrs
import pytest
from hypothesis import given
from starlette.datastructures import Headers

import payments.testing
from payments import Money, PaymentsError
from payments.application.ports.orders import Order
from payments.domain.transitions import PaymentStatus
from payments.testing import InMemoryPayments, MovableClock, ScriptedPrompts, in_memory_payments
from payments.testing.strategies import money, orders, references

pytestmark = pytest.mark.anyio


async def test_the_plugin_hands_out_a_working_service(payments_in_memory: InMemoryPayments) -> None:
    kit = payments_in_memory
    kit.order("order_1", "250.00")
    checkout = await kit.payments.initiate(order_id="order_1", user_id="user_1", provider="scripted")
    kit.provider.pays(checkout.reference)
    await kit.payments.settle(checkout.reference)
    await kit.work()
    payment = await kit.payments.get(checkout.payment_id, "user_1")
    assert payment.status is PaymentStatus.SUCCESS
    assert [mail.subject for mail in kit.notifier.sent] == ["Payment received: 250.00 ETB for order order_1"]
    assert await kit.payments.check() == ()


async def test_a_notice_is_taken_with_its_headers_as_pairs_or_as_a_framework_has_them(
    payments_in_memory: InMemoryPayments,
) -> None:
    kit = payments_in_memory
    kit.order("order_1", "250.00")
    checkout = await kit.payments.initiate(order_id="order_1", user_id="user_1", provider="scripted")
    notice = kit.provider.notice(checkout.reference)
    frameworks: list[Mapping[str, str] | Iterable[tuple[str, str]]] = [
        notice.headers,
        dict(notice.headers),
        Headers(dict(notice.headers)),
    ]
    stored = [
        (await kit.payments.receive_notice("scripted", headers, notice.body)).stored for headers in frameworks
    ]
    assert stored == [True, False, False]


@pytest.mark.parametrize(
    "name", ["UnitOfWorkContract", "GatewayContract", "OrdersContract", "NotifierContract"]
)
def test_the_contract_suites_are_part_of_the_kit(name: str) -> None:
    suite = getattr(payments.testing, name)
    assert suite is getattr(payments.testing.contracts, name)
    assert inspect.isclass(suite)
    assert name in dir(payments.testing)
    with pytest.raises(AttributeError, match="NoContract"):
        _ = payments.testing.NoContract
    with pytest.raises(AttributeError, match="NoContract"):
        _ = payments.testing.contracts.NoContract


@pytest.mark.parametrize("phone", ["0712345678", "+254 712 345 678", "(0712) 345-678", "0712.345.678"])
def test_a_scripted_prompt_takes_a_phone_as_people_write_it(phone: str) -> None:
    assert ScriptedPrompts().normal(phone) == "254712345678"


async def test_two_services_in_one_process_know_nothing_of_each_other() -> None:
    one, other = in_memory_payments(), in_memory_payments()
    one.order()
    await one.payments.initiate(order_id="order_1", user_id="user_1", provider="scripted")
    assert (await other.payments.list("user_1")).items == ()


async def test_the_clock_moves_only_when_it_is_told_to() -> None:
    clock = MovableClock()
    before = clock.now()
    await clock.sleep(2.5)
    clock.advance(timedelta(seconds=1))
    clock.step_back(timedelta(hours=1))
    assert clock.monotonic() == 3.5
    assert clock.now() == before + timedelta(seconds=3.5) - timedelta(hours=1)


@given(order=orders())
async def test_any_order_is_opened_for_what_it_costs_or_refused_in_words(order: Order) -> None:
    kit = in_memory_payments()
    kit.orders.put(order)
    provider = kit.payments.providers.named("scripted")
    span = provider.ranges.get(order.amount.currency.code)
    call = kit.payments.initiate(order_id=order.order_id, user_id="user_1", provider="scripted")
    if span is not None and span.least <= order.amount <= span.most:
        checkout = await call
        assert kit.provider.opened[checkout.reference].amount == order.amount
        return
    with pytest.raises(PaymentsError) as refused:
        await call
    assert refused.value.errors[0].detail
    assert not kit.provider.opened


@given(amount=money(), reference=references())
async def test_strategies_draw_what_the_package_takes(amount: Money, reference: str) -> None:
    assert attrs.evolve(amount) == amount
    assert len(reference) == 28
