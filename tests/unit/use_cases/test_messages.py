"""Who is told what, and how it gets there (docs/model.md section 6)."""

import json
from datetime import timedelta

import pytest

from payments.adapters.memory.unit_of_work import MemoryUnitOfWork
from payments.application.records import Destination, Message, MessageState
from payments.application.sequences import place_of
from payments.domain.errors import OutcomeUnknown
from payments.domain.transitions import PaymentStatus
from tests.unit.use_cases.deciding import decide, short_money
from tests.unit.use_cases.kept import everything_holds
from tests.unit.use_cases.shop import Shop, birr

pytestmark = pytest.mark.anyio


async def paid(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)
    await shop.ask(opened.reference)


async def declined(shop: Shop, fingerprint: str = "first", *, provider: str = "scripted") -> str:
    opened = await shop.initiate(provider=provider)
    double = shop.provider if provider == "scripted" else shop.other
    double.declines(opened.reference, fingerprint=fingerprint, detail="Not enough money.")
    await shop.ask(opened.reference)
    return opened.reference


async def test_paid_is_told_to_the_orders_service_and_confirmed_to_the_payer(shop: Shop) -> None:
    await paid(shop)
    await shop.kit.work()

    (message,) = shop.kit.orders.received
    payment = await shop.payment()
    assert json.loads(message.body) == {
        "payment_status": "paid",
        "payment_id": str(payment.payment_id),
        "amount": "1000.00",
        "currency": "ETB",
        "refunded_amount": "0.00",
        "reason": None,
        "sequence": message.sequence,
    }
    (mail,) = shop.kit.notifier.sent
    assert mail.to.addr_spec == "sara@shop.et"
    assert "order_1" in mail.text
    assert "1000.00" in mail.text.replace(",", "")


async def test_a_mail_says_what_it_is_about_and_nothing_else(shop: Shop) -> None:
    first = await shop.initiate(provider="other")
    shop.other.declines(first.reference, detail="No funds.")
    await shop.ask(first.reference)
    await paid(shop)
    payment = await shop.payment()
    await shop.kit.payments.refund(payment.payment_id, amount="400.00", reason="late", actor="operator:anna")

    messages = await shop.kit.unit_of_work.reads.messages_of(payment.payment_id)

    common = {
        "to": "sara@shop.et",
        "name": "Sara",
        "order_id": "order_1",
        "payment_id": str(payment.payment_id),
        "currency": "ETB",
    }
    assert [json.loads(each.body) for each in messages if each.destination is Destination.PAYER] == [
        {**common, "kind": kind, "amount": amount, "provider": provider, "detail": detail}
        for kind, amount, provider, detail in (
            ("declined", "1000.00", "other", "No funds."),
            ("confirmation", "1000.00", "scripted", None),
            ("refunded", "400.00", "scripted", None),
        )
    ]


async def test_an_order_hears_how_much_went_back(shop: Shop) -> None:
    await paid(shop)
    payment = await shop.payment()
    for amount in ("400.00", "600.00"):
        await shop.kit.payments.refund(
            payment.payment_id, amount=amount, reason="late", actor="operator:anna"
        )

    messages = await shop.kit.unit_of_work.reads.messages_of(payment.payment_id)

    told = [json.loads(each.body) for each in messages if each.destination is Destination.ORDERS]
    assert [(each["payment_status"], each["refunded_amount"], each["reason"]) for each in told] == [
        ("paid", "0.00", None),
        ("partially_refunded", "400.00", None),
        ("refunded", "1000.00", None),
    ]


async def test_an_order_without_an_address_is_confirmed_to_nobody(shop: Shop) -> None:
    order = shop.kit.order("order_2")
    shop.kit.orders.put(shop.without_email(order))
    opened = await shop.initiate("order_2")
    shop.provider.pays(opened.reference)
    await shop.ask(opened.reference)
    await shop.kit.work()

    assert shop.kit.orders.told("order_2") is not None
    assert shop.kit.notifier.sent == ()


async def test_a_declined_payment_is_told_with_its_reason_and_the_payer_hears_what_to_do(shop: Shop) -> None:
    await declined(shop)
    await shop.kit.work()

    (message,) = shop.kit.orders.received
    told = json.loads(message.body)
    assert (told["payment_status"], told["reason"]) == ("failed", "declined")
    (mail,) = shop.kit.notifier.sent
    assert "Not enough money." in mail.text
    assert "again" in mail.text


async def test_a_payment_that_timed_out_or_was_cancelled_is_told_but_mailed_to_nobody(shop: Shop) -> None:
    await shop.initiate()
    await shop.pass_minutes(80)

    assert await shop.told() == ["failed"]
    assert await shop.told(Destination.PAYER) == []
    assert json.loads(shop.kit.orders.received[0].body)["reason"] == "timed_out"


async def test_failed_is_not_told_twice_in_a_row(shop: Shop) -> None:
    await declined(shop)
    await shop.initiate()
    await declined(shop, "second")

    assert await shop.told() == ["failed"]


async def test_a_declined_attempt_is_mailed_about_once(shop: Shop) -> None:
    await declined(shop)
    await declined(shop, "second")
    await declined(shop, "third")

    assert await shop.told(Destination.PAYER) == ["declined"]


async def test_another_attempt_that_is_declined_is_mailed_about_again(shop: Shop) -> None:
    await declined(shop)
    await declined(shop, provider="other")

    assert await shop.told(Destination.PAYER) == ["declined", "declined"]
    assert await shop.told() == ["failed"]


async def test_a_decline_after_a_cancelled_attempt_reaches_the_payer(shop: Shop) -> None:
    opened = await shop.initiate()
    await shop.kit.payments.cancel(opened.payment_id, "user_1", "payer:user_1")
    await declined(shop)

    assert await shop.told(Destination.PAYER) == ["declined"]


async def test_a_payment_that_stayed_pending_is_told_to_nobody(shop: Shop) -> None:
    shop.provider.trouble.append(OutcomeUnknown("The answer was lost."))
    await shop.initiate_refused(OutcomeUnknown)
    await shop.pass_hours(4)

    assert (await shop.payment()).status is PaymentStatus.PENDING
    assert await shop.deliveries() == []


async def test_a_retry_is_told_to_nobody(shop: Shop) -> None:
    await declined(shop)
    await shop.initiate()

    assert await shop.told() == ["failed"]


async def test_each_message_carries_the_next_sequence_of_its_order(shop: Shop) -> None:
    await declined(shop)
    shop.provider.pays((await shop.payment()).attempts[0].reference)
    await shop.ask((await shop.payment()).attempts[0].reference)

    deliveries = await shop.deliveries()
    assert [(place_of(number), kind) for number, kind, _ in deliveries] == [
        (1, "failed"),
        (2, "declined"),
        (3, "paid"),
        (4, "confirmation"),
    ]
    numbers = [number for number, _, _ in deliveries]
    assert numbers == sorted(set(numbers))


async def test_whoever_forgot_what_it_told_is_believed_all_the_same(shop: Shop) -> None:
    """What a restored database tells carries a higher sequence than all that was told before (ADR 0022)."""
    reference = await declined(shop)
    storage = shop.kit.unit_of_work
    assert isinstance(storage, MemoryUnitOfWork)
    before = storage._committed
    shop.provider.pays(reference)
    await shop.ask(reference)
    await shop.kit.work()
    (paid_before,) = [m for m in shop.kit.orders.received if m.kind == "paid"]

    storage._committed = before  # restored from a backup
    shop.skip(minutes=5)
    await shop.ask(reference)
    await shop.kit.work()

    paid_again = shop.kit.orders.received[-1]
    assert paid_again.sequence > paid_before.sequence
    assert paid_again.message_id == paid_before.message_id, "an order ships once"


async def test_a_newer_message_overtakes_an_undelivered_older_one_of_its_order(shop: Shop) -> None:
    reference = (await shop.initiate()).reference
    shop.kit.orders.down = True
    shop.provider.declines(reference)
    await shop.ask(reference)
    await shop.kit.work()
    shop.provider.pays(reference)
    await shop.ask(reference)
    shop.kit.orders.down = False

    await shop.pass_minutes(10)

    assert [m.kind for m in shop.kit.orders.received] == ["paid"]
    states = {kind: state for _, kind, state in await shop.deliveries()}
    assert states["failed"] is MessageState.OVERTAKEN
    assert states["paid"] is MessageState.DELIVERED
    assert len(shop.kit.notifier.sent) == 2, "mails do not overtake each other"


async def test_what_was_overtaken_is_told_to_nobody_and_counts_as_looked_at(shop: Shop) -> None:
    reference = (await shop.initiate()).reference
    shop.provider.declines(reference)
    await shop.ask(reference)
    shop.provider.pays(reference)
    await shop.ask(reference)

    assert await shop.kit.payments.deliver() == 4, "two for the orders service and two mails"
    assert [m.kind for m in shop.kit.orders.received] == ["paid"]
    assert await shop.kit.payments.deliver() == 0


async def test_while_the_orders_service_is_down_the_same_bytes_are_tried_for_ever_and_told_once(
    shop: Shop,
) -> None:
    await paid(shop)
    shop.kit.orders.down = True
    (before, _) = await shop.kit.unit_of_work.reads.messages_of((await shop.payment()).payment_id)

    await shop.kit.pass_time(timedelta(days=3), step=timedelta(minutes=5))
    shop.kit.orders.down = False
    await shop.kit.pass_time(timedelta(minutes=5))

    assert len(shop.kit.orders.received) == 1
    (received,) = shop.kit.orders.received
    assert (received.message_id, received.body) == (before.message_id, before.body)
    assert received.tries > 500
    assert shop.kit.orders.times_applied("order_1") == 1


async def test_the_first_tries_follow_each_other_quickly_and_the_later_ones_every_few_minutes(
    shop: Shop,
) -> None:
    await paid(shop)
    shop.kit.orders.down = True
    waits = []
    for _ in range(12):
        await shop.kit.payments.deliver()
        (message, _) = await shop.kit.unit_of_work.reads.messages_of((await shop.payment()).payment_id)
        assert message.next_try_at is not None
        waits.append((message.next_try_at - shop.kit.clock.now()).total_seconds())
        shop.kit.clock.advance(message.next_try_at - shop.kit.clock.now())

    assert waits[0] <= 1.0
    assert max(waits) <= 300.0
    assert waits[-1] >= 150.0


async def test_a_message_refused_for_good_is_parked_and_paid_is_put_before_a_person(shop: Shop) -> None:
    shop.kit.orders.refusing = True
    await paid(shop)

    await shop.pass_minutes(10)

    states = {kind: state for _, kind, state in await shop.deliveries()}
    assert states == {"paid": MessageState.PARKED, "confirmation": MessageState.DELIVERED}
    assert await shop.reviews() == ["paid_after_cancel"]
    payment = await shop.payment()
    assert payment.status is PaymentStatus.SUCCESS
    (question,) = (await shop.kit.payments.reviews()).items
    assert question.subject == str(payment.payment_id)
    assert question.detail.startswith("The orders service refused the news that it is paid: ")


async def test_any_other_refused_message_is_parked_without_a_question(shop: Shop) -> None:
    shop.kit.orders.refusing = True
    await declined(shop)
    await shop.kit.work()

    states = {kind: state for _, kind, state in await shop.deliveries()}
    assert states["failed"] is MessageState.PARKED
    assert await shop.reviews() == []


async def test_a_mail_that_is_refused_for_good_is_parked_and_one_that_is_not_is_tried_again(
    shop: Shop,
) -> None:
    shop.kit.notifier.down = True
    await paid(shop)
    await shop.kit.work()
    shop.kit.notifier.down = False
    await shop.pass_minutes(1)
    assert len(shop.kit.notifier.sent) == 1

    shop.kit.notifier.refusing = True
    shop.kit.order("order_2")
    opened = await shop.initiate("order_2")
    shop.provider.pays(opened.reference)
    await shop.ask(opened.reference)
    await shop.pass_minutes(1)
    assert (await shop.kit.payments.backlog()).parked == 1


async def test_a_process_that_died_with_a_message_in_hand_repeats_the_same_id(shop: Shop) -> None:
    await paid(shop)
    now, token = shop.kit.clock.now(), shop.kit.payments.deliver._identifiers.unique()
    leased = await shop.kit.unit_of_work.single.lease_messages(
        now, until=now + timedelta(seconds=60), token=token, limit=50
    )
    for message in leased:
        if message.destination is Destination.ORDERS:
            await shop.kit.orders.tell(message)
    assert await shop.kit.payments.deliver() == 0, "they are leased"

    await shop.pass_minutes(1.5)

    first, again = shop.kit.orders.received
    assert (first.message_id, first.body) == (again.message_id, again.body)
    assert shop.kit.orders.times_applied("order_1") == 1


async def test_refunding_a_surplus_never_makes_the_order_refunded(shop: Shop) -> None:
    first = await shop.initiate()
    second = await shop.initiate(provider="other")
    shop.other.pays(second.reference)
    await shop.ask(second.reference)
    shop.provider.pays(first.reference)
    await shop.ask(first.reference)
    await shop.attests_returned(first.reference)

    payment = await shop.ask(first.reference)

    assert payment.given_back == birr("1000.00")
    assert await shop.told() == ["paid"]
    assert await shop.told(Destination.PAYER) == ["confirmation", "refunded"]


async def test_an_order_that_will_not_hear_of_a_part_that_went_back_is_a_question(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.kit.orders.down = True
    shop.provider.pays(opened.reference)
    await shop.ask(opened.reference)
    payment = await shop.payment()
    await shop.kit.payments.refund(payment.payment_id, amount="400.00", reason="late", actor="operator:anna")
    await shop.pass_minutes(10)
    shop.kit.orders.down, shop.kit.orders.refusing = False, True
    await shop.pass_minutes(10)
    assert await shop.reviews() == ["paid_after_cancel"]


def said(message: Message) -> tuple[str, str]:
    return message.kind, json.loads(message.body)["refunded_amount"]


async def to_orders(shop: Shop) -> list[tuple[str, str]]:
    payment = await shop.payment()
    messages = await shop.kit.unit_of_work.reads.messages_of(payment.payment_id)
    return [said(message) for message in messages if message.destination is Destination.ORDERS]


async def test_what_was_too_much_of_accepted_money_and_went_back_makes_no_order_refunded(shop: Shop) -> None:
    await short_money(shop, "2000.00")
    await decide(shop, "accept")
    payment_id = (await shop.payment()).payment_id
    for amount, reason in (("1000.00", "twice the price"), ("400.00", "late"), ("600.00", "returned")):
        await shop.kit.payments.refund(payment_id, amount=amount, reason=reason, actor="operator:anna")
        await shop.kit.work()

    assert await to_orders(shop) == [
        ("paid", "0.00"),
        ("partially_refunded", "0.00"),
        ("partially_refunded", "400.00"),
        ("refunded", "1000.00"),
    ]
    await everything_holds(shop.kit)


async def test_what_went_back_before_the_rest_was_accepted_is_none_of_the_price(shop: Shop) -> None:
    (held,) = (await short_money(shop, "1500.00")).captures
    payment_id, part = (await shop.payment()).payment_id, birr("500.00")
    await shop.kit.payments.refund(
        payment_id, amount=part, reason="too much", actor="operator:anna", capture_id=held.capture_id
    )
    await shop.kit.work()
    await decide(shop, "accept")

    assert await to_orders(shop) == [("paid", "0.00")]
    await everything_holds(shop.kit)


async def test_of_accepted_money_that_was_too_little_all_of_it_is_the_price(shop: Shop) -> None:
    await short_money(shop, "900.00")
    await decide(shop, "accept")
    payment_id = (await shop.payment()).payment_id
    await shop.kit.payments.refund(payment_id, amount="900.00", reason="late", actor="operator:anna")
    await shop.kit.work()

    assert await to_orders(shop) == [("paid", "0.00"), ("refunded", "900.00")]
