"""A refund that is cut off between any two of its steps is neither lost nor made twice."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import TypeVar, cast
from uuid import UUID

import attrs
import pytest

from payments.adapters.memory.unit_of_work import MemoryUnitOfWork
from payments.application.ports.providers import RefundOutcome, RefundRequest
from payments.application.ports.repository import Transaction
from payments.application.review_details import Details
from payments.domain.errors import OutcomeUnknown
from payments.domain.events import ReviewKind
from payments.domain.refund import Refund
from payments.domain.refund_rules import RefundRules
from payments.testing import InMemoryPayments, in_memory_payments
from tests.unit.use_cases.kept import everything_holds
from tests.unit.use_cases.shop import Death, HesitatingProvider, HesitatingRefunds, Shop, birr

T = TypeVar("T")

pytestmark = pytest.mark.anyio

REFUND_ID = UUID(int=7)


@attrs.define
class MortalStorage(MemoryUnitOfWork):
    """Once armed, dies before or after the commit numbered ``dies_at``; or runs every unit twice."""

    dies_at: int | None = None
    committed: bool = False
    twice: bool = False
    writes: int = 0

    async def write(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        if self.dies_at is None:
            if self.twice:
                await super().write(work)
            return await super().write(work)
        self.writes += 1
        if self.writes != self.dies_at:
            return await super().write(work)
        if self.committed:
            await super().write(work)
        raise Death


async def paid(
    storage: MortalStorage, refunds: HesitatingRefunds, rules: RefundRules | None = None
) -> tuple[InMemoryPayments, UUID]:
    provider = HesitatingProvider(refunds=refunds)
    kit = in_memory_payments(provider, unit_of_work=storage, refund_rules=rules)
    kit.order()
    opened = await kit.payments.initiate("order_1", "user_1", "scripted")
    provider.pays(opened.reference)
    await kit.payments.settle(opened.reference)
    return kit, opened.payment_id


async def refund(kit: InMemoryPayments, payment_id: UUID) -> Refund:
    return await kit.payments.refund(
        payment_id, amount="200.00", reason="broken", actor="operator:clerk", refund_id=REFUND_ID
    )


async def statuses(kit: InMemoryPayments, payment_id: UUID) -> list[str]:
    payment = await kit.unit_of_work.reads.payment(payment_id)
    assert payment is not None
    return [each.status.value for each in payment.refunds]


# Writes of one refund: 1 reserved, 2 requested, 3 the answer recorded.
@pytest.mark.parametrize(
    ("dies_at", "committed", "sent", "ends"),
    [
        (1, False, 0, []),
        (1, True, 1, ["succeeded"]),
        (2, False, 1, ["succeeded"]),
        # Committed and not sent: nobody can tell that from sent, so it is never sent, and a person looks.
        (2, True, 0, ["unknown"]),
        (3, False, 1, ["succeeded"]),
        (3, True, 1, ["succeeded"]),
    ],
)
async def test_whatever_step_a_process_dies_at_money_goes_back_at_most_once(
    *, dies_at: int, committed: bool, sent: int, ends: list[str]
) -> None:
    refunds, storage = HesitatingRefunds(), MortalStorage()
    kit, payment_id = await paid(storage, refunds)
    storage.dies_at, storage.committed = dies_at, committed

    with pytest.raises(Death):
        await refund(kit, payment_id)
    storage.dies_at = None
    await kit.pass_time(timedelta(minutes=5))

    assert refunds.calls["request"] == sent
    assert await statuses(kit, payment_id) == ends
    await everything_holds(kit)
    # The client repeats what it was never answered: the same refund.
    again = await refund(kit, payment_id)
    assert again.status.value == (ends or ["succeeded"])[0]
    assert refunds.calls["request"] == max(sent, 0 if ends == ["unknown"] else 1)


@pytest.mark.parametrize("arrived", [True, False])
async def test_a_request_that_is_cut_off_in_the_middle_is_unknown_after_a_minute(*, arrived: bool) -> None:
    waiting = asyncio.Event()

    async def never(_request: RefundRequest) -> None:
        waiting.set()
        await asyncio.Event().wait()

    refunds = HesitatingRefunds()
    kit, payment_id = await paid(MortalStorage(), refunds)
    setattr(refunds, "after_request" if arrived else "before_request", never)
    task = asyncio.create_task(refund(kit, payment_id))
    await waiting.wait()
    task.cancel()
    await asyncio.wait({task})
    refunds.before_request = refunds.after_request = None

    await kit.work()
    assert await statuses(kit, payment_id) == ["requested"]
    await kit.pass_time(timedelta(seconds=59))
    assert await statuses(kit, payment_id) == ["requested"]
    await kit.pass_time(timedelta(seconds=30))

    assert await statuses(kit, payment_id) == ["succeeded" if arrived else "unknown"]
    assert refunds.calls["request"] == int(arrived)


async def test_a_late_answer_to_a_request_that_was_given_up_still_counts() -> None:
    kit, payment_id = await paid(MortalStorage(), refunds := HesitatingRefunds())

    async def a_minute_later(_request: RefundRequest) -> None:
        refunds.silent = True
        await kit.pass_time(timedelta(minutes=2))

    refunds.after_request = a_minute_later
    assert (await refund(kit, payment_id)).status.value == "succeeded"
    assert refunds.calls["request"] == 1


@pytest.mark.parametrize("answer", [RefundOutcome.PENDING, RefundOutcome.FAILED, None])
async def test_a_request_that_arrives_although_a_person_recorded_its_failure_is_put_before_a_person(
    answer: RefundOutcome | None,
) -> None:
    kit, payment_id = await paid(MortalStorage(), refunds := HesitatingRefunds())

    async def given_up(request: RefundRequest) -> None:
        refunds.ends(request.reference, RefundOutcome.NEEDS_ATTENTION)
        await kit.pass_time(timedelta(minutes=2))
        (asked,) = (await kit.payments.reviews()).items
        failed = Details(outcome="failed")
        await kit.payments.resolve(asked.review_id, "record", "not there", "operator:boss", failed)
        if answer is None:
            raise OutcomeUnknown("No answer came.")

    refunds.after_request, refunds.answer = given_up, answer or RefundOutcome.PENDING
    assert (await refund(kit, payment_id)).status.value == "failed"

    asked_again = (await kit.payments.reviews()).items
    went = [] if answer is RefundOutcome.FAILED else [(ReviewKind.DISPUTE, str(REFUND_ID))]
    assert [(each.kind, each.subject) for each in asked_again] == went
    await everything_holds(kit)


@pytest.mark.parametrize("answer", [RefundOutcome.PENDING, None])
async def test_what_a_refund_that_a_person_recorded_as_failed_took_is_not_all_of_the_money(
    answer: RefundOutcome | None,
) -> None:
    """A clock that is ahead gave it up; its provider then says "refunded", and not how much."""
    kit, payment_id = await paid(MortalStorage(), refunds := HesitatingRefunds())
    payment = await kit.unit_of_work.reads.payment(payment_id)
    assert payment is not None
    shop = Shop(kit=kit, provider=cast("HesitatingProvider", kit.provider), other=HesitatingProvider())

    async def given_up(_request: RefundRequest) -> None:
        refunds.silent = True
        kit.clock.step_back(-timedelta(hours=25))
        await kit.payments.settle_refund(payment_id, REFUND_ID, "sweep")
        kit.clock.step_back(timedelta(hours=25))
        (asked,) = (await kit.payments.reviews()).items
        failed = Details(outcome="failed")
        await kit.payments.resolve(asked.review_id, "record", "not there", "operator:boss", failed)
        if answer is None:
            raise OutcomeUnknown("No answer came.")

    refunds.after_request, refunds.answer = given_up, RefundOutcome.PENDING
    assert (await refund(kit, payment_id)).status.value == "failed"
    await shop.attests_returned(payment.attempts[0].reference)
    await shop.pass_hours(3)

    assert (await shop.payment()).given_back == birr("0.00")
    assert await shop.reviews() == ["dispute", "dispute"]
    await everything_holds(kit)


@pytest.mark.parametrize("rules", [None, RefundRules(approval_above={"ETB": birr("1.00")})])
async def test_units_of_work_that_run_again_after_a_lost_commit_change_nothing_more(
    rules: RefundRules | None,
) -> None:
    refunds, storage = HesitatingRefunds(), MortalStorage(twice=True)
    kit, payment_id = await paid(storage, refunds, rules)

    made = await refund(kit, payment_id)
    if rules is not None:
        made = await kit.payments.approve_refund(payment_id, made.refund_id, approver="operator:manager")

    assert made.status.value == "succeeded"
    assert refunds.calls["request"] == 1
    assert await statuses(kit, payment_id) == ["succeeded"]
    storage.twice = False
    await everything_holds(kit)


async def test_of_many_who_bring_one_refund_on_one_sends_it() -> None:
    refunds, storage = HesitatingRefunds(), MortalStorage()
    kit, payment_id = await paid(storage, refunds)
    storage.dies_at, storage.committed = 1, True
    with pytest.raises(Death):
        await refund(kit, payment_id)
    storage.dies_at = None

    await asyncio.gather(
        *(kit.payments.settle_refund(payment_id, REFUND_ID) for _ in range(10)),
        *(refund(kit, payment_id) for _ in range(10)),
        *(kit.payments.sweep() for _ in range(3)),
    )

    assert refunds.calls["request"] == 1
    assert await statuses(kit, payment_id) == ["succeeded"]


async def test_a_refund_that_a_restored_database_believes_unsent_is_looked_for_before_it_is_sent() -> None:
    storage, refunds = MortalStorage(), HesitatingRefunds()
    kit, payment_id = await paid(storage, refunds)
    storage.dies_at = 2
    with suppress(Death):
        await refund(kit, payment_id)
    storage.dies_at = None
    backup = storage._committed
    assert await statuses(kit, payment_id) == ["reserved"]
    await kit.work()
    await kit.pass_time(timedelta(minutes=2))
    assert (await statuses(kit, payment_id), refunds.calls["request"]) == (["succeeded"], 1)

    storage._committed = backup
    await kit.pass_time(timedelta(minutes=2))

    assert (await statuses(kit, payment_id), refunds.calls["request"]) == (["succeeded"], 1)
    await everything_holds(kit)
