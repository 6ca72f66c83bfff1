"""Settling takes first money for free and leaves it to the save to tell: whoever has it already is found."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from payments.adapters.sql.sqlite import open_sqlite
from payments.domain.evidence import Rule
from payments.domain.transitions import Disposition
from payments.testing import InMemoryPayments, in_memory_payments

pytestmark = pytest.mark.anyio


@pytest.fixture
async def kit(database: Path) -> AsyncIterator[InMemoryPayments]:
    async with open_sqlite(str(database)) as units:
        kit = in_memory_payments(unit_of_work=units)
        kit.order("order_1")
        kit.order("order_2")
        yield kit


async def test_first_money_under_free_names_settles(kit: InMemoryPayments) -> None:
    reference = await _opened(kit, "order_1")
    kit.provider.pays(reference)
    payment = await kit.payments.settle(reference)
    assert [c.disposition for c in payment.captures] == [Disposition.SETTLES]
    assert payment.attempt(reference).provider_reference == f"T-{reference}"
    assert await _verdicts(kit, reference) == [Rule.SETTLED]


@pytest.mark.parametrize("name", ["capture_key", "provider_reference"])
async def test_money_that_counts_for_another_order_is_put_before_a_person(
    kit: InMemoryPayments, name: str
) -> None:
    first, second = [await _opened(kit, order) for order in ("order_1", "order_2")]
    kit.provider.pays(first)
    await kit.payments.settle(first)
    taken: dict[str, Any] = {name: f"T-{first}"}
    kit.provider.pays(second, **taken)

    told, told_again = [await kit.payments.settle(second) for _ in range(2)]

    for payment in (told, told_again):
        assert payment.captures == ()
        assert payment.attempt(second).provider_reference is None
    assert set(await _verdicts(kit, second)) == {Rule.KEY_TAKEN}
    reviews = await kit.unit_of_work.reads.reviews_of(told.payment_id)
    assert [review.kind.value for review in reviews] == ["orphan"]
    assert await kit.payments.check() == ()


async def _opened(kit: InMemoryPayments, order_id: str) -> str:
    return (await kit.payments.initiate(order_id, "user_1", "scripted")).reference


async def _verdicts(kit: InMemoryPayments, reference: str) -> list[Rule]:
    payment = await kit.unit_of_work.reads.payment_with_reference(reference)
    assert payment is not None
    return [evidence.rule for evidence in await kit.unit_of_work.reads.evidence_of(payment.payment_id)]
