"""What ``payments why`` prints for people."""

import pytest

from payments.entrypoints.reports import story_as_text
from payments.testing import in_memory_payments

pytestmark = pytest.mark.anyio


async def test_when_the_provider_is_asked_next_is_said_once() -> None:
    kit = in_memory_payments()
    kit.order()
    opened = await kit.payments.initiate(order_id="order_1", user_id="user_1", provider="scripted")
    story = await kit.payments.explain(opened.payment_id, "user_1")
    assert story.next_check_at is not None

    told = story_as_text(story)

    assert told.count(f"{story.next_check_at:%Y-%m-%d %H:%M:%S} UTC") == 1
    assert "Waiting for: scripted's answer about" in told
