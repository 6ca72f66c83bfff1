"""The facade for programs without an event loop: every call there is, waited for."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from anyio.from_thread import start_blocking_portal

from payments import BlockingPayments
from payments.application.ports.providers import Span
from payments.application.reconciling import Kind
from payments.domain.errors import OrderNotFound, UnsupportedProvider
from payments.testing import InMemoryPayments, ScriptedProvider, in_memory_payments


@pytest.fixture
def provider() -> ScriptedProvider:
    return ScriptedProvider()


@pytest.fixture
def kit(provider: ScriptedProvider) -> InMemoryPayments:
    kit = in_memory_payments(provider)
    kit.order()
    return kit


@pytest.fixture
def blocking(kit: InMemoryPayments) -> Iterator[BlockingPayments]:
    with start_blocking_portal() as portal:
        yield BlockingPayments(kit.payments, portal)


def test_a_call_is_answered_or_raises_as_if_it_had_been_awaited(blocking: BlockingPayments) -> None:
    opened = blocking.initiate(order_id="order_1", user_id="user_1", provider="scripted")
    assert blocking.get(opened.payment_id, "user_1").order_id == "order_1"
    with pytest.raises(OrderNotFound):
        blocking.initiate(order_id="order_1", user_id="user_2", provider="scripted")


def test_another_question_that_a_use_case_answers_is_waited_for_too(blocking: BlockingPayments) -> None:
    opened = blocking.initiate(order_id="order_1", user_id="user_1", provider="scripted")
    assert blocking.explain.by_reference(opened.reference).payment_id == opened.payment_id


def test_what_is_told_one_by_one_is_iterated(
    blocking: BlockingPayments, kit: InMemoryPayments, provider: ScriptedProvider
) -> None:
    reference = blocking.initiate(order_id="order_1", user_id="user_1", provider="scripted").reference
    provider.pays(reference)
    provider.lists(reference)
    now = kit.clock.now()
    span = Span(since=now - timedelta(hours=6), until=now)

    assert [each.kind for each in blocking.reconcile("scripted", span)] == [Kind.DIFFERS]
    for _ in blocking.reconcile("scripted", span):
        break
    with pytest.raises(UnsupportedProvider):
        list(blocking.reconcile("nobody", span))


def test_what_is_no_call_is_given_as_it_is(blocking: BlockingPayments, kit: InMemoryPayments) -> None:
    assert blocking.clock is kit.clock
