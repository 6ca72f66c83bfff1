"""Only a handled notice is a duplicate (docs/model.md, section 3)."""

from datetime import timedelta

import pytest

from payments.domain.transitions import PaymentStatus
from payments.testing import in_memory_payments

pytestmark = pytest.mark.anyio


async def test_a_repeated_notice_asks_again_at_once_when_the_first_was_not_handled() -> None:
    kit = in_memory_payments()
    kit.order()
    checkout = await kit.payments.initiate(order_id="order_1", user_id="user_1", provider="scripted")
    notice = kit.provider.notice(checkout.reference)
    await kit.payments.receive_notice("scripted", notice.headers, notice.body)
    await kit.pass_time(timedelta(minutes=20))
    kit.provider.pays(checkout.reference)
    kit.clock.advance(timedelta(seconds=1))
    await kit.payments.process_notices()
    assert (await kit.payments.get(checkout.payment_id, "user_1")).status is PaymentStatus.PROCESSING
    received = await kit.payments.receive_notice("scripted", notice.headers, notice.body)
    await kit.payments.process_notices()
    assert not received.stored
    assert (await kit.payments.get(checkout.payment_id, "user_1")).status is PaymentStatus.SUCCESS
