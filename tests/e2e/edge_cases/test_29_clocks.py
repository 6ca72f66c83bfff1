"""Case 29: clocks that are wrong, and times without a zone."""

import json
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.e2e.edge_cases.scripted import Scripted
from tests.e2e.story import Story

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("jump", [timedelta(hours=-3), timedelta(days=2)], ids=str)
async def test_case_29_a_clock_that_jumps_costs_no_money(scripted: Scripted, jump: timedelta) -> None:
    opened = await scripted.initiated()
    if jump < timedelta(0):
        scripted.kit.clock.step_back(-jump)
    else:
        scripted.kit.clock.advance(jump)

    scripted.provider.pays(opened["reference"])
    await scripted.hear(opened["reference"])
    await scripted.kit.work()

    payment = await scripted.payment(opened["payment_id"])
    assert (payment["status"], payment["amount_received"]) == ("success", "1000.00")
    assert (await scripted.told())[-1] == "paid"


@pytest.mark.parametrize("at", ["2019-03-31T02:30:00", "2031-01-01T00:00:00Z", "yesterday"])
async def test_case_29_the_time_a_notice_claims_decides_nothing(scripted: Scripted, at: str) -> None:
    opened = await scripted.initiated()
    scripted.provider.pays(opened["reference"])

    heard = await scripted.hear(opened["reference"], at=at)
    await scripted.kit.work()

    assert heard.status_code == 200
    assert (await scripted.payment(opened["payment_id"]))["status"] == "success"


async def test_case_29_mpesa_is_told_the_time_of_nairobi(story: Story) -> None:
    await story.owes("1500.00", "KES")
    before = story.clock.now().replace(microsecond=0)

    await story.initiated(provider="mpesa")

    (push,) = await story.outside.mpesa_calls("push")
    digits = json.loads(push["body"])["Timestamp"]
    sent = datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=ZoneInfo("Africa/Nairobi"))
    assert before <= sent <= story.clock.now()
