"""The orders in memory follow the rule that receivers follow."""

import json
from uuid import UUID

import attrs
import pytest

from payments.adapters.orders.memory import MemoryOrders
from payments.testing.contracts.orders import A_MESSAGE, AN_ORDER

pytestmark = pytest.mark.anyio


async def test_a_lower_sequence_changes_nothing() -> None:
    orders = MemoryOrders()
    newer = attrs.evolve(
        A_MESSAGE, message_id=UUID(int=2), sequence=3, body=b'{"payment_status": "refunded"}'
    )
    await orders.tell(newer)
    await orders.tell(A_MESSAGE)
    told = orders.told(AN_ORDER.order_id)
    assert told is not None
    assert json.loads(told.body) == {"payment_status": "refunded"}
    assert orders.times_applied(AN_ORDER.order_id) == 1


async def test_a_repeated_message_counts_once() -> None:
    orders = MemoryOrders()
    await orders.tell(A_MESSAGE)
    await orders.tell(A_MESSAGE)
    assert len(orders.received) == 2
    assert orders.times_applied(AN_ORDER.order_id) == 1


async def test_an_order_can_be_taken_away() -> None:
    orders = MemoryOrders()
    orders.put(AN_ORDER)
    orders.remove([AN_ORDER.order_id, "never there"])
    assert await orders.get(AN_ORDER.order_id) is None
    assert orders.told(AN_ORDER.order_id) is None
