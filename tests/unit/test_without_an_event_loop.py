"""Programs without an event loop have every call, and wait for it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from payments import BlockingPayments, Money, Parts, Settings, open_payments_sync
from payments.adapters.notifiers.memory import MemoryNotifier
from payments.adapters.orders.memory import MemoryOrders
from payments.application.ports.orders import Order
from payments.application.ports.providers import Providers, Span
from payments.bootstrap import migrate_database
from payments.domain.errors import OrderNotFound, StorageUnavailable, UnsupportedProvider
from payments.domain.payment import Customer
from payments.testing import ScriptedProvider

ORDER = Order(
    order_id="order_1",
    user_id="user_1",
    amount=Money.of("1000.00", "ETB"),
    payable=True,
    version="1",
    customer=Customer(),
)
EVER = Span(since=datetime(2020, 1, 1, tzinfo=UTC), until=datetime(2100, 1, 1, tzinfo=UTC))


@pytest.fixture
def scripted() -> ScriptedProvider:
    return ScriptedProvider()


@pytest.fixture
def payments(scripted: ScriptedProvider) -> Iterator[BlockingPayments]:
    orders = MemoryOrders()
    orders.put(ORDER)
    providers = Providers({"scripted": scripted.provider()})
    parts = Parts(orders=orders, notifier=MemoryNotifier(), providers=providers)
    with open_payments_sync(Settings(database_url="memory://"), parts) as payments:
        yield payments


def test_a_call_is_answered_or_raises_as_if_it_had_been_awaited(payments: BlockingPayments) -> None:
    opened = payments.initiate(order_id="order_1", user_id="user_1", provider="scripted")
    assert payments.get(opened.payment_id, "user_1").order_id == "order_1"
    assert payments.explain.by_reference(opened.reference).payment_id == opened.payment_id
    with pytest.raises(OrderNotFound):
        payments.initiate(order_id="order_1", user_id="user_2", provider="scripted")


def test_a_reader_beside_the_service_sees_and_writes_nothing(
    tmp_path: Path, scripted: ScriptedProvider
) -> None:
    settings = Settings(database_url=f"sqlite:///{tmp_path}/payments.db")
    migrate_database(settings)
    orders = MemoryOrders()
    orders.put(ORDER)
    parts = Parts(
        orders=orders, notifier=MemoryNotifier(), providers=Providers({"scripted": scripted.provider()})
    )
    with open_payments_sync(settings, parts) as writer:
        writer.initiate(order_id="order_1", user_id="user_1", provider="scripted")
        with open_payments_sync(settings, parts, read_only=True) as reader:
            assert [line.order_id for line in reader.list("user_1").items] == ["order_1"]
            with pytest.raises(StorageUnavailable):
                reader.sweep()


def test_what_a_provider_lists_is_compared_one_by_one(
    payments: BlockingPayments, scripted: ScriptedProvider
) -> None:
    checkout = payments.initiate(order_id="order_1", user_id="user_1", provider="scripted")
    scripted.pays(checkout.reference)
    payments.settle(checkout.reference)
    scripted.lists(checkout.reference)
    (compared,) = payments.reconcile("scripted", EVER)
    assert compared.reference == checkout.reference


def test_whoever_stops_reading_may_go_on_with_something_else(
    payments: BlockingPayments, scripted: ScriptedProvider
) -> None:
    checkout = payments.initiate(order_id="order_1", user_id="user_1", provider="scripted")
    scripted.pays(checkout.reference)
    scripted.lists(checkout.reference)
    scripted.lists(checkout.reference, capture_key="T-other")
    for _ in payments.reconcile("scripted", EVER):
        break
    assert payments.check() == ()


def test_what_goes_wrong_while_comparing_is_raised_where_it_is_read(payments: BlockingPayments) -> None:
    with pytest.raises(UnsupportedProvider):
        list(payments.reconcile("nobody", EVER))
