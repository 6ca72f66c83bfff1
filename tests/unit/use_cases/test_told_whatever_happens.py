"""Nothing about a name, a cause or a clock keeps a payment from being settled, told and explained."""

import attrs
import pytest

from payments.application.records import Claim
from payments.domain.payment import Customer
from payments.domain.transitions import PaymentStatus
from tests.unit.use_cases.shop import NOTHING, Shop, birr

pytestmark = pytest.mark.anyio


async def test_a_name_that_cannot_be_written_as_utf8_does_not_keep_the_order_from_being_told(
    shop: Shop,
) -> None:
    order = shop.kit.order()
    shop.kit.orders.put(
        attrs.evolve(order, customer=Customer(email="sara@shop.et", first_name="Sara \ud83d"))
    )
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)

    payment = await shop.ask(opened.reference)

    assert payment.status is PaymentStatus.SUCCESS
    await shop.kit.work()
    assert [message.kind for message in shop.kit.orders.received] == ["paid"]
    assert len(shop.kit.notifier.sent) == 1


async def test_a_payment_is_explained_whatever_a_program_called_the_cause_of_its_question(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)
    await shop.kit.payments.settle(opened.reference, "the nightly job")

    explained = await shop.kit.payments.explain(opened.payment_id, "user_1")

    assert any("the nightly job" in step.what for step in explained.steps)


async def test_a_paid_payment_with_other_money_held_is_still_said_to_be_paid(shop: Shop) -> None:
    first = await shop.initiate()
    second = await shop.initiate(provider="other")
    shop.provider.pays(first.reference, amount=birr("400.00"))
    await shop.ask(first.reference)
    shop.other.pays(second.reference)
    await shop.ask(second.reference)

    explained = await shop.kit.payments.explain(first.payment_id, "user_1")

    assert "is paid" in explained.summary
    assert "400.00 ETB arrived and is held" in explained.summary


@pytest.mark.parametrize("claim", [Claim.PAID, Claim.RETURNED])
async def test_a_notice_that_is_not_confirmed_is_put_before_a_person_after_a_day_and_not_later(
    shop: Shop, claim: Claim
) -> None:
    opened = await shop.initiate()
    shop.provider.answers(opened.reference, NOTHING)
    await shop.hear(opened.reference, claim)

    await shop.pass_hours(24.5)

    assert len(await shop.reviews()) == 1


async def test_a_question_that_a_notice_led_to_is_in_the_payments_trail(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.answers(opened.reference, NOTHING)
    await shop.hear(opened.reference)

    await shop.pass_hours(30)

    explained = await shop.kit.payments.explain(opened.payment_id, "user_1")
    asked = [step.what for step in explained.steps if "A person has to decide (stuck_unknown)" in step.what]
    assert len(asked) == 1
