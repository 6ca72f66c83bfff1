"""The double of the database is no stronger than one, and the killed leave only what they committed."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest

from payments.adapters.sql.runner import TryAgain
from payments.application.ports.repository import Transaction
from payments.application.records import StoredReview
from payments.application.review_recording import opened_alone
from payments.domain.events import ReviewKind
from payments.domain.money import Money
from payments.domain.payment import Customer, Payment
from payments.domain.review import Review
from payments.testing.simulation.faults import Fault
from payments.testing.simulation.processes import BEGINNING, Fenced
from tests.simulation.worlds import in_a_process, world_with


def review(number: int, subject: str = "same") -> StoredReview:
    new = Review(
        review_id=UUID(int=number),
        kind=ReviewKind.ORPHAN,
        subject=subject,
        payment_id=None,
        detail="",
        opened_at=BEGINNING,
    )
    return opened_alone(new, actor="provider:pages", cause="webhook")


def adding(new: StoredReview) -> Callable[[Transaction], Awaitable[None]]:
    async def work(transaction: Transaction) -> None:
        await transaction.add_review(new)

    return work


def test_what_is_not_committed_is_seen_by_nobody_and_gone_with_its_process() -> None:
    world, ends = world_with(), list[str]()

    async def dies_inside(transaction: Transaction) -> None:
        await transaction.add_review(review(1))
        world.steps.kill(world.machines[0].process, "is killed")
        try:
            await transaction.add_review(review(2, "other"))
        except Fenced:
            ends.append("the next statement is refused")
            raise

    async def process() -> None:
        try:
            await world.database.transact(dies_inside)
        finally:
            try:
                await world.database.transact(adding(review(3)))
            except Fenced:
                ends.append("what finally does is refused")

    with pytest.raises(Fenced):
        in_a_process(world, process())

    assert ends == ["the next statement is refused", "what finally does is refused"]
    assert world.database.committed.reviews == {}
    assert world.database.locks == {}


def test_a_commit_may_happen_and_raise() -> None:
    world = world_with(Fault.COMMIT_UNCONFIRMED)

    async def process() -> None:
        with pytest.raises(TryAgain):
            await world.database.transact(adding(review(1)))

    in_a_process(world, process())

    assert list(world.database.committed.reviews) == [UUID(int=1)]


def test_a_commit_that_is_refused_did_not_happen() -> None:
    world = world_with(Fault.COMMIT_REFUSED)

    async def process() -> None:
        with pytest.raises(TryAgain):
            await world.database.transact(adding(review(1)))

    in_a_process(world, process())

    assert world.database.committed.reviews == {}


def test_an_insert_waits_for_another_one_of_the_same_key() -> None:
    world, order = world_with(), list[str]()

    async def slow(transaction: Transaction) -> None:
        await transaction.add_review(review(1))
        await asyncio.sleep(5)
        order.append("first")

    async def quick(transaction: Transaction) -> None:
        await asyncio.sleep(1)
        await transaction.add_review(review(2))
        order.append("second")

    async def both() -> None:
        await asyncio.gather(world.database.transact(slow), world.database.transact(quick))

    in_a_process(world, both())

    assert order == ["first", "second"]
    assert list(world.database.committed.reviews) == [UUID(int=1)], "one question is asked once"


@pytest.mark.parametrize("held", [True, False])
def test_who_a_payer_was_is_erased_unless_somebody_holds_the_payment(*, held: bool) -> None:
    world, erased = world_with(), list[int]()
    payment = Payment(
        payment_id=UUID(int=7),
        order_id="order_1",
        payer="user_1",
        amount=Money.of("250.00", "KES"),
        order_version="v1",
        customer=Customer(email="sara@shop.et"),
        created_at=BEGINNING,
        updated_at=BEGINNING,
    )

    async def keep(transaction: Transaction) -> None:
        await transaction.open_payment(payment)

    async def hold(transaction: Transaction) -> None:
        await transaction.lock_payment(payment.payment_id)
        await asyncio.sleep(5)

    async def erase(transaction: Transaction) -> None:
        await asyncio.sleep(1)
        erased.append(await transaction.erase_people(BEGINNING, limit=10))

    async def both() -> None:
        await world.database.transact(keep)
        others = [world.database.transact(hold)] if held else []
        await asyncio.gather(world.database.transact(erase), *others)

    in_a_process(world, both())

    assert erased == [0 if held else 1]
    (kept,) = world.database.committed.payments.values()
    assert kept.customer == (payment.customer if held else Customer())


def test_those_who_wait_for_each_other_are_told_to_try_again() -> None:
    world, broken = world_with(), list[str]()

    def crossing(first: StoredReview, then: StoredReview) -> Callable[[Transaction], Awaitable[None]]:
        async def work(transaction: Transaction) -> None:
            await transaction.add_review(first)
            await asyncio.sleep(1)
            await transaction.add_review(then)

        return work

    async def run(first: StoredReview, then: StoredReview) -> None:
        try:
            await world.database.transact(crossing(first, then))
        except TryAgain as trouble:
            broken.append(str(trouble))

    async def both() -> None:
        await asyncio.gather(run(review(1, "a"), review(2, "b")), run(review(3, "b"), review(4, "a")))

    in_a_process(world, both())

    assert broken == ["deadlock detected"]
    assert len(world.database.committed.reviews) == 2
