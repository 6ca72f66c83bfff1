"""What every store keeps about cash: collectors' records, who holds what, and hand-overs."""

import asyncio
from abc import ABC, abstractmethod
from contextlib import AbstractAsyncContextManager
from typing import Any

from payments.application.ports.repository import Transaction
from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.records import HeldCash
from payments.domain.collection import AtTheDoor, CashResult, Collection, Handover
from payments.domain.money import Money
from payments.domain.transitions import PaymentStatus
from payments.testing.contracts.promises import promise, promise_to_raise
from payments.testing.contracts.stored import a_payment, after_s, an_attempt, keep, numbered


class CashContract(ABC):
    """Money that is on its way from a door to the shop."""

    @abstractmethod
    def stage(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """A unit of work over an empty store."""

    async def test_a_collection_is_read_back_exactly(self) -> None:
        async with self.stage() as units:
            await keep(units, a_payment(1, attempts=(an_attempt(1),)))
            whole = a_collection(
                1,
                payment_id=numbered(1, 1),
                reference=f"p-{1:026d}",
                order_id="order_1",
                status=PaymentStatus.SUCCESS,
                result=CashResult.SETTLED,
            )
            refused = a_collection(
                2, outcome=AtTheDoor.REFUSED, amount=None, reason="አልተገኘም", payment_id=numbered(1, 1)
            )
            bare = a_collection(3)
            for collection in (whole, refused, bare):
                promise("a new collection is stored.", kept=await _add(units, collection))
                found = await units.reads.collection(collection.collection_id)
                promise(f"a collection is read back; found {found!r}.", kept=found == collection)
            promise("an unknown collection is None.", kept=await units.reads.collection("c-9") is None)
            of_payment = await units.reads.collections_of(numbered(1, 1))
            promise(
                f"a payment's collections come oldest first: {of_payment!r}.",
                kept=of_payment == (whole, refused),
            )

    async def test_a_collections_id_is_given_once(self) -> None:
        async with self.stage() as units:
            await _add(units, a_collection(1))
            again = a_collection(1, collector="rider_8")
            promise("a known id is not stored again.", kept=not await _add(units, again))
            found = await units.reads.collection("c-1")
            promise("what was stored first stays.", kept=found == a_collection(1))
            stored = await asyncio.gather(*(_add(units, a_collection(2)) for _ in range(4)))
            promise(f"of many with one id one is stored: {stored}.", kept=sum(stored) == 1)

    async def test_an_orphans_cash_is_attached_to_an_attempt_once(self) -> None:
        async with self.stage() as units:
            await keep(units, a_payment(1, attempts=(an_attempt(1),)))
            await _add(units, a_collection(1))
            attached = a_collection(
                1,
                payment_id=numbered(1, 1),
                reference=f"p-{1:026d}",
                result=CashResult.SETTLED,
                status=PaymentStatus.SUCCESS,
            )
            promise("an orphan can be attached.", kept=await _attach(units, attached))
            found = await units.reads.collection("c-1")
            promise(f"an attached collection is read back; found {found!r}.", kept=found == attached)
            promise("what is no orphan is not attached.", kept=not await _attach(units, attached))
            promise("an unknown one is not attached.", kept=not await _attach(units, a_collection(9)))

    async def test_cash_is_held_by_its_collector_until_it_is_handed_in(self) -> None:
        async with self.stage() as units:
            shillings = Money.of("7.00", "KES")
            for collection in (
                a_collection(4, collector="rider_8"),
                a_collection(2, amount=shillings),
                a_collection(3),
                a_collection(1),
                a_collection(5, outcome=AtTheDoor.REFUSED, amount=None),
            ):
                await _add(units, collection)
            reads = units.reads
            promise(
                "everybody's cash is listed by collector, currency, oldest first.",
                kept=await _held(units) == [1, 3, 2, 4],
            )
            promise("one collector's cash is theirs.", kept=await _held(units, "rider_7") == [1, 3, 2])
            promise("at most so many are listed.", kept=await _held(units, limit=2) == [1, 3])
            wanted = (
                _sum("rider_7", Money.of("200.00", "ETB"), 2, 1),
                _sum("rider_7", shillings, 1, 2),
                _sum("rider_8", Money.of("100.00", "ETB"), 1, 4),
            )
            sums = await reads.cash_held_sums(None)
            promise(f"cash is summed by collector and currency: {sums!r}.", kept=sums == wanted)
            promise(
                "one collector's sums are theirs.", kept=await reads.cash_held_sums("rider_8") == wanted[2:]
            )
            missing = await _hand_over(units, a_handover(1, "c-1", "c-2"))
            promise(f"held cash can be handed in; missing {missing}.", kept=missing == ())
            promise("handed in cash is held no more.", kept=await _held(units) == [3, 4])
            marked = await reads.collection("c-1")
            promise(
                "a collection knows its hand-over.", kept=marked is not None and marked.handover_id == "h-1"
            )
            promise(
                "a hand-over is read back.", kept=await reads.handover("h-1") == a_handover(1, "c-1", "c-2")
            )
            promise("an unknown hand-over is None.", kept=await reads.handover("h-9") is None)

    async def test_a_hand_over_names_what_its_collector_does_not_hold(self) -> None:
        async with self.stage() as units:
            for collection in (
                a_collection(1),
                a_collection(2),
                a_collection(3, collector="rider_8"),
                a_collection(4, outcome=AtTheDoor.REFUSED, amount=None),
            ):
                await _add(units, collection)
            await _hand_over(units, a_handover(1, "c-1"))
            other = a_handover(2, "c-1", "c-2", "c-3", "c-4", "c-5")
            missing: list[str] = []
            with promise_to_raise(_Missing, "a hand-over of other cash is refused."):
                try:
                    await _hand_over(units, other)
                except _Missing as refused:
                    missing += sorted(refused.names)
                    raise
            promise(f"it names what is missing: {missing}.", kept=missing == ["c-1", "c-3", "c-4", "c-5"])
            promise("what was refused changed nothing.", kept=await _held(units) == [2, 3])

    async def test_a_hand_overs_id_is_given_once(self) -> None:
        async with self.stage() as units:
            for number in (1, 2):
                await _add(units, a_collection(number))
            await _hand_over(units, a_handover(1, "c-1"))
            again = await _hand_over(units, a_handover(1, "c-2"))
            promise("a known id stores nothing.", kept=again is None and await _held(units) == [2])
            promise(
                "what was stored first stays.", kept=await units.reads.handover("h-1") == a_handover(1, "c-1")
            )

    async def test_cash_changes_hands_once_however_many_hand_it_over(self) -> None:
        async with self.stage() as units:
            for number in range(1, 5):
                await _add(units, a_collection(number))
            names = ("c-1", "c-2", "c-3", "c-4")
            answers = await asyncio.gather(
                *(_hand_over(units, a_handover(number, *names)) for number in range(1, 5)),
                return_exceptions=True,
            )
            took = sum(answer == () for answer in answers)
            refused = sum(isinstance(answer, _Missing) for answer in answers)
            promise(f"one hand-over takes it: {answers!r}.", kept=(took, refused) == (1, 3))


class _Missing(Exception):
    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(names)
        self.names = names


def a_collection(number: int = 1, **changes: Any) -> Collection:
    """100.00 ETB that ``rider_7`` collected, for no order of ours."""
    fields: dict[str, Any] = {
        "collection_id": f"c-{number}",
        "fingerprint": "f" * 64,
        "collector": "rider_7",
        "outcome": AtTheDoor.COLLECTED,
        "amount": Money.of("100.00", "ETB"),
        "payment_id": None,
        "reference": None,
        "order_id": None,
        "reason": "",
        "result": CashResult.ORPHAN,
        "status": None,
        "recorded_at": after_s(number),
    }
    return Collection(**{**fields, **changes})


def a_handover(number: int, *names: str) -> Handover:
    """``rider_7`` brought in the collections called so."""
    return Handover(
        handover_id=f"h-{number}",
        collector="rider_7",
        collections=names,
        actor="operator:7",
        recorded_at=after_s(100 + number),
    )


def _sum(collector: str, total: Money, count: int, oldest: int) -> HeldCash:
    return HeldCash(collector=collector, count=count, total=total, oldest_at=after_s(oldest))


async def _add(units: UnitOfWork, collection: Collection) -> bool:
    return await units.write(lambda transaction: transaction.add_collection(collection))


async def _attach(units: UnitOfWork, collection: Collection) -> bool:
    return await units.write(lambda transaction: transaction.attach_collection(collection))


async def _held(units: UnitOfWork, collector: str | None = None, *, limit: int = 100) -> list[int]:
    found = await units.reads.cash_held(collector, limit)
    return [int(collection.collection_id.removeprefix("c-")) for collection in found]


async def _hand_over(units: UnitOfWork, handover: Handover) -> tuple[str, ...] | None:
    async def work(transaction: Transaction) -> tuple[str, ...] | None:
        missing = await transaction.add_handover(handover)
        if missing:
            raise _Missing(missing)
        return missing

    return await units.write(work)
