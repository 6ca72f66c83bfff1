"""What anybody with a reference may cause (the redirect needs no token)."""

import asyncio
from datetime import timedelta

import pytest

from payments.application.notice_limits import NoticeLimits
from payments.application.use_cases.settle_payment import MOST_ASKED, MOST_ASKED_WITHIN_S
from payments.domain.errors import InboxFull
from payments.testing import in_memory_payments
from tests.unit.use_cases.kept import everything_holds

pytestmark = pytest.mark.anyio


async def test_many_redirects_ask_once_each_and_within_one_budget_for_all() -> None:
    kit = in_memory_payments()
    references = []
    for number in range(MOST_ASKED + 10):
        kit.order(f"order_{number}")
        checkout = await kit.payments.initiate(f"order_{number}", "user_1", "scripted")
        references.append(checkout.reference)
    for _ in range(3):
        await asyncio.gather(*(kit.payments.settle(r, "redirect", coalesce_s=10) for r in references))
    assert kit.provider.calls["check"] == MOST_ASKED
    kit.clock.advance(timedelta(seconds=MOST_ASKED_WITHIN_S + 1))
    await kit.payments.settle(references[-1], "redirect", coalesce_s=10)
    assert kit.provider.calls["check"] == MOST_ASKED + 1


async def test_a_payment_that_no_redirect_asked_about_is_found_by_the_sweep() -> None:
    kit = in_memory_payments()
    kit.order()
    checkout = await kit.payments.initiate("order_1", "user_1", "scripted")
    for _ in range(MOST_ASKED):
        await kit.payments.settle._shared_state.spend(
            "ask:anonymous", most=MOST_ASKED, window_s=MOST_ASKED_WITHIN_S
        )
    kit.provider.pays(checkout.reference)
    unasked = await kit.payments.settle(checkout.reference, "redirect", coalesce_s=10)
    assert unasked.status.value == "processing"
    await kit.pass_time(timedelta(minutes=1))
    assert (await kit.payments.get(checkout.payment_id, "user_1")).status.value == "success"


def stranger(number: int) -> str:
    return f"p-{'abcdefghijklmnopqrstuvwxyz'[number] * 26}"


async def test_genuine_notices_about_nobody_find_so_many_places_and_those_about_ours_always_one() -> None:
    kit = in_memory_payments(notice_limits=NoticeLimits(unknown=3))
    kit.order()
    checkout = await kit.payments.initiate("order_1", "user_1", "scripted")

    async def hear(reference: str) -> bool:
        notice = kit.provider.notice(reference)
        return (await kit.payments.receive_notice("scripted", notice.headers, notice.body)).stored

    assert [await hear(stranger(number)) for number in (0, 1, 2)] == [True] * 3
    first = []
    for number in (3, 4):
        with pytest.raises(InboxFull) as refused:
            await hear(stranger(number))
        assert refused.value.retry_after_s
        first.append(refused.value.first)
    assert first == [True, False], "the log hears of it once"
    assert not await hear(stranger(0)), "what is here is a duplicate"
    assert (await kit.payments.backlog()).notices == 3
    kit.provider.pays(checkout.reference)
    assert await hear(checkout.reference)
    await kit.work()
    assert (await kit.payments.get(checkout.payment_id, "user_1")).status.value == "success"

    await kit.pass_time(timedelta(hours=36))
    assert await hear(stranger(3)), "those that waited a day are questions now, and left their places"
    assert len((await kit.payments.reviews()).items) == 3
    await everything_holds(kit)
