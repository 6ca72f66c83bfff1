"""Cash that collectors hand in: all of it or none, once, and by who holds it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import attrs
import pytest

from payments.adapters.memory.repository import MemoryReads
from payments.domain.collection import AtTheDoor, CashRecord, Collection
from payments.domain.errors import FieldError, HandoverConflict, InvalidRequest
from payments.domain.money import Money
from payments.testing import InMemoryPayments, cash_on_delivery, in_memory_payments
from tests.unit.use_cases.shop import refused

pytestmark = pytest.mark.anyio


@pytest.fixture
async def kit() -> InMemoryPayments:
    """``rider_7`` holds a, b and c; ``rider_8`` holds d. None of it belongs to an order."""
    kit = in_memory_payments(cash=cash_on_delivery())
    for name, collector in (("a", "rider_7"), ("b", "rider_7"), ("c", "rider_7"), ("d", "rider_8")):
        record = CashRecord(
            collection_id=name,
            collector=collector,
            outcome=AtTheDoor.COLLECTED,
            amount=Money.of("100.00", "ETB"),
            order_id=f"order_{name}",
        )
        await kit.payments.collect_cash(record)
    return kit


async def held(kit: InMemoryPayments) -> dict[str, list[str]]:
    """By collector, the collections that were not handed in."""
    return {
        in_hand.held.collector: [c.collection_id for c in in_hand.collections]
        for in_hand in await kit.payments.cash()
    }


async def test_no_amount_is_so_large_that_the_cash_of_nobody_can_be_shown(kit: InMemoryPayments) -> None:
    largest = Money.of("10000000000000.00", "ETB")
    for name in ("e", "f"):
        record = CashRecord(
            collection_id=name,
            collector="rider_8",
            outcome=AtTheDoor.COLLECTED,
            amount=largest,
            order_id=f"order_{name}",
        )
        await kit.payments.collect_cash(record)

    assert await held(kit) == {"rider_7": ["a", "b", "c"], "rider_8": ["d", "e", "f"]}
    *_, by_rider_8 = await kit.payments.cash()
    assert by_rider_8.held.total == largest + largest + Money.of("100.00", "ETB")


async def test_handed_in_cash_is_no_longer_with_its_collector(kit: InMemoryPayments) -> None:
    handed = await kit.payments.hand_over_cash("h", "rider_7", ("b", "a"), "operator:ops")
    assert handed.collections == ("a", "b")
    assert await held(kit) == {"rider_7": ["c"], "rider_8": ["d"]}


async def test_the_same_hand_over_again_is_answered_the_same(kit: InMemoryPayments) -> None:
    first = await kit.payments.hand_over_cash("h", "rider_7", ("a", "b"), "operator:ops")
    kit.clock.advance(timedelta(hours=1))
    again = await kit.payments.hand_over_cash("h", "rider_7", ("b", "a"), "operator:other")
    assert again == first


@pytest.mark.parametrize(
    ("collector", "names"), [("rider_8", ("a", "b")), ("rider_7", ("a",)), ("rider_7", ("a", "c"))]
)
async def test_an_id_belongs_to_one_hand_over(
    kit: InMemoryPayments, collector: str, names: tuple[str, ...]
) -> None:
    await kit.payments.hand_over_cash("h", "rider_7", ("a", "b"), "operator:ops")
    error = await refused(
        HandoverConflict, kit.payments.hand_over_cash("h", collector, names, "operator:ops")
    )
    assert (error.detail, error.facts) == ("This id belongs to another hand-over.", {"handover_id": "h"})


async def test_cash_that_the_collector_does_not_hold_is_named_and_nothing_changes_hands(
    kit: InMemoryPayments,
) -> None:
    await kit.payments.hand_over_cash("h", "rider_7", ("b",), "operator:ops")

    names = ("a", "never", "d", "b")
    error = await refused(
        HandoverConflict, kit.payments.hand_over_cash("h-2", "rider_7", names, "operator:ops")
    )

    assert error.detail == "rider_7 does not hold 3 of these collections."
    assert error.facts == {"handover_id": "h-2"}
    assert error.errors == tuple(
        FieldError(f"/collections/{place}", "rider_7 does not hold it.") for place in (1, 2, 3)
    )
    assert await held(kit) == {"rider_7": ["a", "c"], "rider_8": ["d"]}
    assert await kit.unit_of_work.reads.handover("h-2") is None


async def test_of_two_hand_overs_of_the_same_cash_one_is_recorded(kit: InMemoryPayments) -> None:
    answers = await asyncio.gather(
        *(kit.payments.hand_over_cash(f"h-{n}", "rider_7", ("a", "b"), "operator:ops") for n in range(5)),
        return_exceptions=True,
    )
    assert sum(isinstance(answer, HandoverConflict) for answer in answers) == 4


@pytest.mark.parametrize("names", [(), ("a", "a"), tuple(f"n{n}" for n in range(501))], ids=len)
async def test_a_hand_over_names_some_collections_each_once(
    kit: InMemoryPayments, names: tuple[str, ...]
) -> None:
    error = await refused(InvalidRequest, kit.payments.hand_over_cash("h", "rider_7", names, "operator:ops"))
    assert error.errors == (FieldError("/collections", "Name 1 to 500 collections, each once."),)


@attrs.define
class HandedInMeanwhile(MemoryReads):
    """Reads between which somebody hands cash in."""

    hand_in: Callable[[], Awaitable[object]]

    async def cash_held(self, collector: str | None, limit: int) -> tuple[Collection, ...]:
        found = await MemoryReads.cash_held(self, collector, limit)
        await self.hand_in()
        return found


async def test_sums_are_those_of_the_cash_that_is_listed_though_some_is_handed_in_meanwhile(
    kit: InMemoryPayments, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hand_in() -> None:
        await kit.payments.hand_over_cash("h", "rider_7", ("a", "b"), "operator:ops")

    kept = kit.unit_of_work.reads
    assert isinstance(kept, MemoryReads)
    reads = HandedInMeanwhile(kept._tables, hand_in)
    monkeypatch.setattr(type(kit.unit_of_work), "reads", property(lambda _: reads))

    for in_hand in await kit.payments.cash():
        listed = [c.amount.minor for c in in_hand.collections if c.amount]
        assert (len(listed), sum(listed)) == (in_hand.held.count, in_hand.held.total.minor)
    assert await held(kit) == {"rider_7": ["c"], "rider_8": ["d"]}
