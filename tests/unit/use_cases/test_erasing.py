"""What is kept for a while only goes in time, and every promise holds afterwards (docs/adr/0026)."""

from collections.abc import AsyncIterator
from datetime import timedelta

import attrs
import pytest

from payments.adapters.cipher import AesGcmCipher
from payments.application.records import ERASED, Claim, Destination
from payments.application.retention import Retention
from payments.application.use_cases.erase_old import EraseOld
from payments.application.use_cases.read_reports import ReadReports
from payments.domain.payment import Customer
from payments.domain.transitions import PaymentStatus
from payments.testing import ScriptedPrompts, in_memory_payments
from tests.unit.use_cases.kept import everything_holds
from tests.unit.use_cases.prompts_shop import PromptsShop
from tests.unit.use_cases.shop import Shop

pytestmark = pytest.mark.anyio

USUAL = Retention()
DAY = timedelta(days=1)


@pytest.fixture
async def prompts_shop() -> AsyncIterator[PromptsShop]:
    prompts = ScriptedPrompts()
    kit = in_memory_payments(prompts=prompts)
    kit.order(amount="1000.00", currency="KES")
    yield PromptsShop(kit=kit, prompts=prompts)
    await everything_holds(kit)


async def paid(shop: Shop) -> str:
    """The reference of a payment of which everybody was told."""
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)
    await shop.hear(opened.reference)
    await shop.kit.work()
    assert (await shop.payment()).status is PaymentStatus.SUCCESS
    return opened.reference


async def test_a_raw_notice_goes_after_its_time_and_its_repetition_is_still_a_duplicate(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)
    sent = shop.provider.notice(opened.reference)
    await shop.kit.payments.receive_notice("scripted", sent.headers, sent.body)
    await shop.kit.work()
    (before,) = await shop.notices(opened.reference)
    shop.kit.clock.advance(USUAL.notices_for - DAY)
    assert await shop.kit.payments.erase() == 0
    shop.kit.clock.advance(DAY)

    assert await shop.kit.payments.erase() == 1

    assert await shop.notices(opened.reference) == (attrs.evolve(before, sealed=b""),)
    repeated = await shop.kit.payments.receive_notice("scripted", sent.headers, sent.body)
    assert not repeated.stored
    assert await shop.kit.payments.erase() == 0


async def test_a_notice_nobody_has_handled_is_kept_however_old_it_is(shop: Shop) -> None:
    opened = await shop.initiate()
    await shop.hear(opened.reference)
    shop.kit.clock.advance(2 * USUAL.notices_for)

    await shop.kit.payments.erase()

    (notice,) = await shop.notices(opened.reference)
    assert notice.sealed
    await shop.kit.pass_time(timedelta(minutes=5))


async def test_a_paid_order_forgets_its_payer_in_time_and_stays_paid(shop: Shop) -> None:
    reference = await paid(shop)
    payment_id = (await shop.payment()).payment_id
    told = await shop.kit.payments.explain.by_reference(reference)
    shop.kit.clock.advance(USUAL.people_for)

    await shop.kit.payments.erase()

    after = await shop.payment()
    assert (after.status, after.customer) == (PaymentStatus.SUCCESS, Customer())
    messages = await shop.kit.unit_of_work.reads.messages_of(payment_id)
    assert [m.body == ERASED for m in messages] == [m.destination is Destination.PAYER for m in messages]
    again = await shop.kit.payments.explain.by_reference(reference)
    assert [step.what for step in again.steps] == [step.what for step in told.steps]
    assert await shop.kit.payments.erase() == 0


async def test_money_of_an_erased_payer_still_goes_back_and_nobody_is_mailed(shop: Shop) -> None:
    await paid(shop)
    shop.kit.clock.advance(USUAL.people_for)
    await shop.kit.payments.erase()
    mailed = len(shop.kit.notifier.sent)

    payment = await shop.payment()
    await shop.kit.payments.refund(
        payment.payment_id, amount=payment.amount, reason="late", actor="operator:7"
    )
    await shop.kit.pass_time(timedelta(minutes=5))

    assert (await shop.payment()).given_back == payment.amount
    assert len(shop.kit.notifier.sent) == mailed


async def test_a_payer_who_comes_back_after_years_pays_as_ever(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.declines(opened.reference)
    await shop.hear(opened.reference, Claim.FAILED)
    await shop.kit.pass_time(timedelta(days=4), step=timedelta(hours=1))
    shop.kit.clock.advance(USUAL.people_for)
    await shop.kit.payments.erase()
    assert (await shop.payment()).customer == Customer()

    again = await shop.initiate()
    shop.provider.pays(again.reference)
    await shop.hear(again.reference)
    await shop.kit.work()

    assert (await shop.payment()).customer.email == "sara@shop.et"
    assert (await shop.payment()).status is PaymentStatus.SUCCESS


async def test_a_report_that_was_erased_is_passed_over(prompts_shop: PromptsShop) -> None:
    kit = prompts_shop.kit
    opened = await prompts_shop.initiate()
    prompts_shop.prompts.pays(opened.reference)
    await prompts_shop.reports(opened.reference)
    await kit.work()
    kit.clock.advance(USUAL.people_for)

    assert await kit.payments.erase() > 0

    assert (await prompts_shop.attempt(opened.reference)).phone is None
    reports = ReadReports(kit.payments.cipher, kit.unit_of_work)
    assert await reports(kit.payments.providers.named("prompts"), opened.reference) == ()


async def test_small_batches_come_to_the_same(shop: Shop) -> None:
    reference = await paid(shop)
    shop.kit.clock.advance(2 * USUAL.people_for)
    erase = EraseOld(shop.kit.clock, USUAL, shop.kit.unit_of_work)
    done = [await erase(limit=1) for _ in range(3)]
    assert done == [2, 0, 0], "one notice and one payer, once"
    assert not any(notice.sealed for notice in await shop.notices(reference))


async def test_reports_are_read_under_the_key_they_were_sealed_with_and_written_under_the_new_one(
    prompts_shop: PromptsShop,
) -> None:
    kit, first, second = prompts_shop.kit, b"the first key of this shop", b"the second key of it"
    provider = kit.payments.providers.named("prompts")
    opened = await prompts_shop.initiate()
    await prompts_shop.reports(opened.reference)
    (stored,) = await prompts_shop.notices(opened.reference)
    body = kit.payments.cipher.open(stored.sealed)
    before, rotated, careless = (
        AesGcmCipher.of([first]),
        AesGcmCipher.of([second, first]),
        AesGcmCipher.of([second]),
    )

    old, new = before.seal(body), rotated.seal(body)

    assert rotated.open(old) == rotated.open(new) == careless.open(new) == body
    assert provider.callbacks is not None
    assert provider.callbacks.read(rotated.open(old)) == provider.callbacks.read(body)
    with pytest.raises(ValueError, match="a key we do not have"):
        careless.open(old)
