"""Cash on delivery, as docs/model.md section 7 has it: the door, the code, and money that goes astray."""

import json
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import attrs
import pytest

from payments.adapters.cipher import AesGcmCipher
from payments.application.addresses import Addresses
from payments.application.answers import Initiated
from payments.application.ports.providers import Flow, Provider
from payments.application.records import ReviewQuery
from payments.application.tokens import Tokens
from payments.domain.collection import AtTheDoor, CashRecord, CashResult, Collection, code_unlocked
from payments.domain.errors import (
    CashCodeLocked,
    CollectionConflict,
    CollectorIsPayer,
    ConfigurationInvalid,
    FieldError,
    InvalidRequest,
    PaymentAlreadyProcessed,
    PaymentInReview,
    PaymentsError,
    ReferenceNotFound,
    UnsupportedCurrency,
    WrongDeliveryCode,
)
from payments.domain.events import Reason, ReviewKind
from payments.domain.evidence import Channel, Rule
from payments.domain.money import Money
from payments.domain.transitions import AttemptStatus, Disposition, PaymentStatus
from payments.testing import cash_on_delivery, in_memory_payments
from tests.unit.use_cases.deciding import resolve, the_review
from tests.unit.use_cases.kept import everything_holds
from tests.unit.use_cases.shop import HesitatingProvider, Shop, birr, refused

pytestmark = pytest.mark.anyio


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    """A shop that takes cash, too; at the end every invariant must hold."""
    async for opened in _shop(cash=cash_on_delivery()):
        yield opened


@pytest.fixture
async def trusting_shop() -> AsyncIterator[Shop]:
    """A shop whose collectors need no code."""
    async for opened in _shop(cash=cash_on_delivery(delivery_codes=False)):
        yield opened


async def _shop(*, cash: Provider) -> AsyncIterator[Shop]:
    provider, other = HesitatingProvider(), HesitatingProvider(name="other")
    kit = in_memory_payments(provider, other, cash=cash)
    kit.order()
    yield Shop(kit=kit, provider=provider, other=other)
    await everything_holds(kit)


async def by_cash(shop: Shop) -> tuple[Initiated, str]:
    """An open cash attempt for ``order_1``, and its delivery code."""
    opened = await shop.initiate(provider="cash")
    return opened, await shop.kit.delivery_code(opened.checkout_url)


def record(reference: str | None = None, **changed: Any) -> CashRecord:
    """``rider_7`` collected 1000.00 ETB."""
    said = CashRecord(
        collection_id="c-1",
        collector="rider_7",
        outcome=AtTheDoor.COLLECTED,
        amount=birr("1000.00"),
        reference=reference,
    )
    return attrs.evolve(said, **changed)


async def collected(shop: Shop, reference: str | None = None, **changed: Any) -> Collection:
    return await shop.kit.payments.collect_cash(record(reference, **changed))


def another_than(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06d}"


async def paid_online(shop: Shop) -> Initiated:
    online = await shop.initiate()
    shop.provider.pays(online.reference)
    await shop.ask(online.reference)
    return online


# It opens at initiate, and the order is told.


async def test_cash_opens_at_initiate_on_our_own_page_and_the_order_is_told(shop: Shop) -> None:
    opened, code = await by_cash(shop)

    assert (opened.flow, opened.status, opened.expires_at) == (Flow.CASH, PaymentStatus.PROCESSING, None)
    assert opened.checkout_url.startswith("http://payments.example/pay/")
    assert len(code) == 6
    assert await shop.told() == ["pay_on_delivery"]
    attempt = await shop.attempt(opened.reference)
    assert (attempt.status, attempt.next_check_at) == (AttemptStatus.OPEN, None)


async def test_initiating_again_answers_the_same_page_and_code(shop: Shop) -> None:
    first, code = await by_cash(shop)
    again, same_code = await by_cash(shop)

    assert (again.reference, again.checkout_url, same_code) == (first.reference, first.checkout_url, code)
    assert await shop.told() == ["pay_on_delivery"]


async def test_only_the_currencies_of_the_settings_are_taken() -> None:
    kit = in_memory_payments(cash=cash_on_delivery(currencies=("KES",)))
    kit.order()
    await refused(UnsupportedCurrency, kit.payments.initiate("order_1", "user_1", "cash"))


async def test_an_attempt_that_waits_for_weeks_is_still_open(shop: Shop) -> None:
    opened, _ = await by_cash(shop)
    shop.skip(days=30)
    await shop.kit.work()
    assert (await shop.attempt(opened.reference)).status is AttemptStatus.OPEN


# Collected: a collector's record is the evidence.


async def test_what_is_collected_with_the_code_pays_the_order(shop: Shop) -> None:
    opened, code = await by_cash(shop)

    kept = await collected(shop, opened.reference, delivery_code=code)

    assert (kept.result, kept.status) == (CashResult.SETTLED, PaymentStatus.SUCCESS)
    payment = await shop.payment()
    assert [(c.key, c.disposition, c.provider) for c in payment.captures] == [
        ("c-1", Disposition.SETTLES, "cash")
    ]
    assert await shop.told() == ["pay_on_delivery", "paid"]
    (evidence,) = await shop.kit.unit_of_work.reads.evidence_of(payment.payment_id)
    assert (evidence.channel, evidence.rule) == (Channel.COLLECTOR, Rule.SETTLED)
    trail = await shop.kit.unit_of_work.reads.audit_of(payment.payment_id)
    assert trail[-1].actor == "collector:rider_7"
    await shop.initiate_refused(PaymentAlreadyProcessed)


async def test_an_order_stands_for_its_newest_cash_attempt(shop: Shop) -> None:
    first, _ = await by_cash(shop)
    await shop.initiate()
    opened, code = await by_cash(shop)
    assert opened.reference != first.reference

    kept = await collected(shop, order_id="order_1", delivery_code=code)

    assert (kept.reference, kept.result) == (opened.reference, CashResult.SETTLED)


async def test_the_same_record_again_is_answered_the_same_and_counts_once(shop: Shop) -> None:
    opened, code = await by_cash(shop)
    first = await collected(shop, opened.reference, delivery_code=code)
    shop.skip(hours=1)

    assert await collected(shop, opened.reference, delivery_code=code) == first
    assert len((await shop.payment()).captures) == 1
    assert await shop.told() == ["pay_on_delivery", "paid"]


@pytest.mark.parametrize(
    "changed",
    [
        {"amount": birr("999.00")},
        {"amount": Money.of("1000.00", "USD")},
        {"collector": "rider_8"},
        {"reference": None, "order_id": "order_1"},
        {"outcome": AtTheDoor.REFUSED, "amount": None},
        {"reason": "other"},
    ],
    ids=lambda changed: next(iter(changed)),
)
async def test_the_same_id_with_another_body_is_a_conflict(shop: Shop, changed: dict[str, Any]) -> None:
    opened, code = await by_cash(shop)
    await collected(shop, opened.reference, delivery_code=code)

    again = attrs.evolve(record(opened.reference, delivery_code=code), **changed)
    await refused(CollectionConflict, shop.kit.payments.collect_cash(again))

    assert (await shop.payment()).received == birr("1000.00")


async def test_the_same_id_with_another_code_is_a_conflict_and_no_try(shop: Shop) -> None:
    opened, code = await by_cash(shop)
    await collected(shop, opened.reference, delivery_code=code)
    wrong = record(opened.reference, delivery_code=another_than(code))
    await refused(CollectionConflict, shop.kit.payments.collect_cash(wrong))
    assert (await shop.attempt(opened.reference)).wrong_codes == 0


async def test_one_id_never_counts_for_two_orders(shop: Shop) -> None:
    opened, code = await by_cash(shop)
    await collected(shop, opened.reference, delivery_code=code)
    shop.kit.order("order_2")
    second = await shop.initiate("order_2", provider="cash")
    code = await shop.kit.delivery_code(second.checkout_url)

    await refused(
        CollectionConflict,
        shop.kit.payments.collect_cash(record(second.reference, delivery_code=code)),
    )

    assert (await shop.payment("order_2")).captures == ()


@pytest.mark.parametrize("amount", [birr("999.99"), birr("1000.01"), Money.of("1000.00", "USD")], ids=str)
async def test_cash_that_is_short_over_or_of_another_currency_is_held(shop: Shop, amount: Money) -> None:
    opened, code = await by_cash(shop)

    kept = await collected(shop, opened.reference, delivery_code=code, amount=amount)

    assert (kept.result, kept.status) == (CashResult.HELD, PaymentStatus.PROCESSING)
    payment = await shop.payment()
    assert [c.disposition for c in payment.held_captures] == [Disposition.HELD]
    kind = "amount_mismatch" if amount.currency.code == "ETB" else "currency_mismatch"
    assert await shop.reviews() == [kind]
    assert await shop.told() == ["pay_on_delivery"]
    await shop.initiate_refused(PaymentInReview)


async def test_nothing_or_less_is_no_cash(shop: Shop) -> None:
    opened, code = await by_cash(shop)
    for amount in (None, birr("0"), birr("-1.00")):
        error = await refused(
            InvalidRequest,
            shop.kit.payments.collect_cash(record(opened.reference, delivery_code=code, amount=amount)),
        )
        assert error.errors == (FieldError("/amount", "Say how much was collected: more than nothing."),)


@pytest.mark.parametrize("named", [{}, {"reference": "p-1", "order_id": "order_1"}], ids=["none", "both"])
async def test_a_record_names_a_reference_or_an_order_and_not_both(shop: Shop, named: dict[str, Any]) -> None:
    said = attrs.evolve(record(), **named)
    error = await refused(InvalidRequest, shop.kit.payments.collect_cash(said))
    remedy = "Name the reference or the order_id, and only one of them."
    assert error.errors == (FieldError("/reference", remedy),)


async def test_nobody_collects_their_own_cash(shop: Shop) -> None:
    opened, code = await by_cash(shop)
    for outcome in AtTheDoor:
        said = record(opened.reference, delivery_code=code, collector="user_1", outcome=outcome)
        await refused(CollectorIsPayer, shop.kit.payments.collect_cash(said))
    assert (await shop.payment()).captures == ()


# The delivery code.


async def test_a_wrong_code_counts_and_stores_no_money(shop: Shop) -> None:
    opened, code = await by_cash(shop)

    error = await refused(
        WrongDeliveryCode,
        shop.kit.payments.collect_cash(record(opened.reference, delivery_code=another_than(code))),
    )

    assert error.facts["tries_left"] == 4
    assert (await shop.attempt(opened.reference)).wrong_codes == 1
    assert await shop.verdicts() == [Rule.CODE_WRONG]
    payment = await shop.payment()
    trail = await shop.kit.unit_of_work.reads.audit_of(payment.payment_id)
    assert [told["event"] for told in json.loads(trail[-1].events)] == ["DeliveryCodeWrong"]
    assert payment.captures == ()
    assert await shop.kit.unit_of_work.reads.collection("c-1") is None


async def test_after_a_wrong_code_the_right_one_is_taken_under_the_same_id(shop: Shop) -> None:
    opened, code = await by_cash(shop)
    wrong = record(opened.reference, delivery_code=another_than(code))
    await refused(WrongDeliveryCode, shop.kit.payments.collect_cash(wrong))

    assert (await collected(shop, opened.reference, delivery_code=code)).result is CashResult.SETTLED


async def test_a_missing_code_is_refused_without_counting(shop: Shop) -> None:
    opened, _ = await by_cash(shop)
    await refused(WrongDeliveryCode, shop.kit.payments.collect_cash(record(opened.reference)))
    assert (await shop.attempt(opened.reference)).wrong_codes == 0


async def test_the_fifth_wrong_code_locks_it_and_asks_a_person(shop: Shop) -> None:
    opened, code = await by_cash(shop)
    wrong = record(opened.reference, delivery_code=another_than(code))
    for left in (
        "4 more wrong ones lock",
        "3 more wrong ones lock",
        "2 more wrong ones lock",
        "one more wrong one locks",
    ):
        error = await refused(WrongDeliveryCode, shop.kit.payments.collect_cash(wrong))
        assert error.detail == f"It is not the delivery code of this order; {left} it."
        remedy = "Ask the payer for the code on their page."
        assert error.errors == (FieldError("/delivery_code", remedy),)
    await refused(CashCodeLocked, shop.kit.payments.collect_cash(wrong))
    await refused(CashCodeLocked, shop.kit.payments.collect_cash(wrong))

    right = record(opened.reference, delivery_code=code)
    await refused(CashCodeLocked, shop.kit.payments.collect_cash(right))
    assert (await shop.attempt(opened.reference)).wrong_codes == 5
    assert await shop.reviews() == [ReviewKind.CASH_CODE_LOCKED.value]


@pytest.mark.parametrize("first_is", ["open", "refused at the door"])
async def test_a_page_whose_key_is_gone_is_not_handed_out_again(shop: Shop, first_is: str) -> None:
    """It was, as an empty address."""
    first, code = await by_cash(shop)
    if first_is != "open":
        said = record(first.reference, delivery_code=code, outcome=AtTheDoor.REFUSED, amount=None)
        await shop.kit.payments.collect_cash(said)
    tokens = Tokens(Addresses("http://payments.example"), AesGcmCipher.of([b"another-key-than-it-had"]))
    initiate = shop.kit.payments.initiate
    forgetful = attrs.evolve(
        initiate,
        tokens=tokens,
        checkout=attrs.evolve(initiate._checkout, tokens=tokens),
    )

    second = await forgetful("order_1", "user_1", "cash")

    assert second.reference != first.reference
    assert second.checkout_url.startswith("http://payments.example/pay/")
    assert not (await shop.attempt(first.reference)).live


async def test_a_code_whose_key_is_gone_is_no_wrong_code_and_says_what_helps(shop: Shop) -> None:
    opened, code = await by_cash(shop)
    tokens = Tokens(Addresses("http://payments.example"), AesGcmCipher.of([b"another-key-than-it-had"]))
    forgetful = attrs.evolve(shop.kit.payments.collect_cash, tokens=tokens)

    error = await refused(ConfigurationInvalid, forgetful(record(opened.reference, delivery_code=code)))

    assert error.detail == "The key this delivery code was made with is gone."
    remedy = "Put the earlier key back, behind the present one."
    assert error.errors == (FieldError("PAYMENTS_DATA_KEYS", remedy),)
    assert (await shop.attempt(opened.reference)).wrong_codes == 0


async def test_a_locked_delivery_can_still_be_refused(shop: Shop) -> None:
    opened, code = await by_cash(shop)
    wrong = record(opened.reference, delivery_code=another_than(code))
    for error in (*(WrongDeliveryCode,) * 4, CashCodeLocked):
        await refused(error, shop.kit.payments.collect_cash(wrong))
    kept = await collected(shop, opened.reference, outcome=AtTheDoor.REFUSED)
    assert kept.result is CashResult.DECLINED


async def test_unlocking_lets_collectors_try_again(shop: Shop) -> None:
    opened, _ = await by_cash(shop)
    payment = await shop.payment()
    tried = payment.with_attempt(attrs.evolve(payment.attempt(opened.reference), wrong_codes=5))

    unlocked = code_unlocked(tried, opened.reference)

    assert unlocked.payment.attempt(opened.reference).wrong_codes == 0
    assert [type(event).__name__ for event in unlocked.events] == ["DeliveryCodeUnlocked"]
    assert code_unlocked(payment, opened.reference).events == ()


async def test_a_shop_may_do_without_codes(trusting_shop: Shop) -> None:
    opened = await trusting_shop.initiate(provider="cash")
    page = await trusting_shop.kit.payments.page(opened.checkout_url.split("/")[-2])
    assert (page.delivery_code, page.wants_code) == (None, False)
    assert (await collected(trusting_shop, opened.reference)).result is CashResult.SETTLED


# Refused at the door, and what comes after.


async def test_a_refused_delivery_declines_the_attempt_and_tells_everybody(shop: Shop) -> None:
    opened, _ = await by_cash(shop)

    kept = await collected(shop, opened.reference, outcome=AtTheDoor.REFUSED, reason="Nobody was at home.")

    assert (kept.result, kept.status, kept.amount) == (CashResult.DECLINED, PaymentStatus.FAILED, None)
    attempt = await shop.attempt(opened.reference)
    assert (attempt.status, attempt.reason) == (AttemptStatus.FAILED, Reason.DECLINED)
    assert attempt.detail == "Nobody was at home."
    assert await shop.told() == ["pay_on_delivery", "failed"]
    await shop.kit.work()
    (mail,) = shop.kit.notifier.sent
    assert "Nobody was at home." in mail.text


async def test_after_a_refusal_the_same_attempt_opens_again_and_pay_on_delivery_is_told_again(
    shop: Shop,
) -> None:
    opened, code = await by_cash(shop)
    await collected(shop, opened.reference, outcome=AtTheDoor.REFUSED)
    again, same_code = await by_cash(shop)

    assert (again.reference, same_code) == (opened.reference, code)
    assert await shop.told() == ["pay_on_delivery", "failed", "pay_on_delivery"]
    second = await collected(shop, opened.reference, collection_id="c-2", outcome=AtTheDoor.REFUSED)
    assert second.result is CashResult.DECLINED
    await by_cash(shop)
    paid = await collected(shop, opened.reference, collection_id="c-3", delivery_code=code)
    assert paid.status is PaymentStatus.SUCCESS


async def test_cash_after_a_refusal_still_counts(shop: Shop) -> None:
    opened, code = await by_cash(shop)
    await collected(shop, opened.reference, outcome=AtTheDoor.REFUSED)
    late = await collected(shop, opened.reference, collection_id="c-2", delivery_code=code)
    assert (late.result, late.status) == (CashResult.SETTLED, PaymentStatus.SUCCESS)


async def test_refusing_what_is_over_changes_nothing_and_each_is_on_record(shop: Shop) -> None:
    opened, code = await by_cash(shop)
    await collected(shop, opened.reference, delivery_code=code)
    for collection_id in ("c-2", "c-3"):
        kept = await collected(shop, opened.reference, collection_id=collection_id, outcome=AtTheDoor.REFUSED)
        assert (kept.result, kept.status) == (CashResult.UNCHANGED, PaymentStatus.SUCCESS)
    assert await shop.verdicts() == [Rule.SETTLED, Rule.NO_LONGER_LIVE, Rule.NO_LONGER_LIVE]


async def test_refusing_what_was_never_to_be_collected_is_not_found(shop: Shop) -> None:
    said = record(order_id="order_9", outcome=AtTheDoor.REFUSED)
    await refused(ReferenceNotFound, shop.kit.payments.collect_cash(said))


# Edge case 31: cash, then online.


async def test_choosing_online_calls_the_collector_off_and_goes_on_processing(shop: Shop) -> None:
    opened, _ = await by_cash(shop)
    online = await shop.initiate()

    assert online.status is PaymentStatus.PROCESSING
    attempt = await shop.attempt(opened.reference)
    assert (attempt.status, attempt.reason) == (AttemptStatus.EXPIRED, Reason.SUPERSEDED)
    assert await shop.told() == ["pay_on_delivery", "failed"]
    messages = await shop.kit.unit_of_work.reads.messages_of(opened.payment_id)
    assert json.loads(messages[-1].body)["reason"] == "superseded"


async def test_cash_for_an_order_that_was_then_paid_online_is_surplus(shop: Shop) -> None:
    opened, code = await by_cash(shop)
    await paid_online(shop)

    kept = await collected(shop, opened.reference, delivery_code=code)

    assert (kept.result, kept.status) == (CashResult.SURPLUS, PaymentStatus.SUCCESS)
    assert await shop.reviews() == ["surplus"]
    assert (await shop.told())[-1] == "paid"
    assert (await shop.told()).count("paid") == 1


async def test_late_cash_for_a_superseded_attempt_settles_and_closes_the_online_one(shop: Shop) -> None:
    opened, code = await by_cash(shop)
    online = await shop.initiate()

    kept = await collected(shop, opened.reference, delivery_code=code)

    assert (kept.result, kept.status) == (CashResult.SETTLED, PaymentStatus.SUCCESS)
    assert (await shop.attempt(online.reference)).reason is Reason.SUPERSEDED
    shop.provider.pays(online.reference)
    await shop.ask(online.reference)
    assert await shop.reviews() == ["surplus"]


async def test_late_online_money_calls_the_collector_off(shop: Shop) -> None:
    online = await shop.initiate()
    opened, _ = await by_cash(shop)
    shop.provider.pays(online.reference)
    await shop.ask(online.reference)

    assert (await shop.payment()).status is PaymentStatus.SUCCESS
    assert (await shop.attempt(opened.reference)).reason is Reason.SUPERSEDED
    assert await shop.told() == ["pay_on_delivery", "failed", "paid"]
    page = await shop.kit.payments.page(opened.checkout_url.split("/")[-2])
    assert (page.face.value, page.delivery_code) == ("paid", None)


async def test_cash_for_a_cancelled_attempt_still_counts(shop: Shop) -> None:
    opened, code = await by_cash(shop)
    cancelled = await shop.kit.payments.cancel(opened.payment_id, "user_1", "payer:user_1")
    assert cancelled.status is PaymentStatus.FAILED
    assert await shop.told() == ["pay_on_delivery", "failed"]
    assert (await collected(shop, opened.reference, delivery_code=code)).result is CashResult.SETTLED


async def test_cash_never_refuses_to_give_way_to_another_provider(shop: Shop) -> None:
    first = await shop.initiate()
    opened, _ = await by_cash(shop)
    assert (await shop.attempt(first.reference)).reason is Reason.SUPERSEDED
    assert (await shop.initiate(provider="other")).status is PaymentStatus.PROCESSING
    assert not (await shop.attempt(opened.reference)).live


# Money that belongs to no cash attempt.


async def test_money_for_an_order_we_never_saw_is_stored_and_asked_about(shop: Shop) -> None:
    kept = await collected(shop, order_id="order_9")

    assert (kept.result, kept.payment_id, kept.status) == (CashResult.ORPHAN, None, None)
    (review,) = await shop.kit.unit_of_work.reads.reviews(ReviewQuery(limit=10))
    assert (review.kind, review.subject) == (ReviewKind.ORPHAN, "collection:c-1")
    assert await collected(shop, order_id="order_9") == kept
    assert len(await shop.kit.unit_of_work.reads.reviews(ReviewQuery(limit=10))) == 1


async def test_money_for_an_order_that_is_paid_another_way_is_an_orphan_of_its_payment(shop: Shop) -> None:
    online = await paid_online(shop)

    kept = await collected(shop, order_id="order_1")

    assert (kept.result, kept.payment_id) == (CashResult.ORPHAN, online.payment_id)
    assert await shop.reviews() == ["orphan"]
    assert (await shop.payment()).received == birr("1000.00")
    by_reference = await collected(shop, online.reference, collection_id="c-2")
    assert by_reference.result is CashResult.ORPHAN


async def test_a_reference_that_nobody_has_is_not_found_and_nothing_is_stored(shop: Shop) -> None:
    await refused(ReferenceNotFound, shop.kit.payments.collect_cash(record("p-nobody")))
    assert await shop.kit.unit_of_work.reads.collection("c-1") is None


# Edge case 30: who holds what.


async def test_what_is_collected_is_with_its_collector_until_it_is_handed_in(shop: Shop) -> None:
    opened, code = await by_cash(shop)
    first = await collected(shop, opened.reference, delivery_code=code)
    shop.skip(hours=2)
    stray = await collected(shop, order_id="order_9", collection_id="c-2", amount=Money.of("7.50", "USD"))
    await collected(shop, opened.reference, collection_id="c-3", outcome=AtTheDoor.REFUSED)

    birr_held, dollars_held = await shop.kit.payments.cash()
    assert (birr_held.held.total, birr_held.held.count) == (birr("1000.00"), 1)
    assert (birr_held.held.oldest_at, birr_held.collections) == (first.recorded_at, (first,))
    assert (dollars_held.held.total, dollars_held.collections) == (stray.amount, (stray,))

    handed = await shop.kit.payments.hand_over_cash("h-1", "rider_7", ("c-1",), "operator:ops")
    assert (handed.actor, handed.recorded_at) == ("operator:ops", shop.kit.clock.now())
    (left,) = await shop.kit.payments.cash("rider_7")
    assert left.held.total == stray.amount
    assert await shop.kit.payments.cash("rider_8") == ()


# Why.


async def test_cash_that_nobody_can_carry_hides_neither_the_rest_nor_its_payment(shop: Shop) -> None:
    opened, code = await by_cash(shop)
    for n in range(3):
        slip = {"collection_id": f"c-{n}", "amount": birr("9000000000000.00")}
        await collected(shop, opened.reference, delivery_code=code, **slip)

    (in_hand,) = await shop.kit.payments.cash()

    assert (in_hand.held.count, in_hand.held.total.decimal) == (3, "27000000000000.00")
    (line,) = (await shop.kit.payments.find("order_1")).items
    assert line.received.decimal == "27000000000000.00"


async def test_why_tells_of_cash_in_words_of_cash(shop: Shop) -> None:
    opened, code = await by_cash(shop)
    wrong = record(opened.reference, delivery_code=another_than(code))
    await refused(WrongDeliveryCode, shop.kit.payments.collect_cash(wrong))
    waiting = await shop.kit.payments.explain.by_reference(opened.reference)
    assert waiting.summary.endswith("is to be paid in cash on delivery; the attempt is open.")
    assert waiting.waiting_for[0].startswith("A collector's record of 1000.00 ETB in cash")
    await collected(shop, opened.reference, outcome=AtTheDoor.REFUSED, reason="Nobody was at home.")
    failed = await shop.kit.payments.explain.by_reference(opened.reference)
    assert "no cash was handed over at the door" in failed.summary
    await collected(shop, opened.reference, collection_id="c-2", delivery_code=code)

    story = [step.what for step in (await shop.kit.payments.explain(opened.payment_id, None)).steps]

    for sentence in (
        "The payer pays in cash on delivery, and was shown what to hand over.",
        "A collector recorded cash with a wrong delivery code.",
        "A collector gave a wrong delivery code, the first time.",
        "A collector recorded that no cash was handed over at the door (Nobody was at home.).",
        "The attempt failed: no cash was handed over at the door. Nobody was at home.",
        "A collector recorded 1000.00 ETB in cash (collection c-2).",
        "1000.00 ETB in cash was collected (collection c-2); it settles the payment.",
    ):
        assert sentence in story
    assert not any("rovider" in sentence for sentence in story)


async def test_why_tells_that_our_own_records_were_looked_at(shop: Shop) -> None:
    opened, _ = await by_cash(shop)
    await shop.initiate()
    story = [step.what for step in (await shop.kit.payments.explain(opened.payment_id, None)).steps]
    assert "Our own records, looked at because of a new request to pay, said 'no money recorded'." in story


# The payer's page.


async def test_the_page_is_dead_a_day_after_the_end_of_its_attempt(shop: Shop) -> None:
    opened, code = await by_cash(shop)
    token = opened.checkout_url.split("/")[-2]
    shop.skip(days=9)
    assert (await shop.kit.payments.page(token)).delivery_code == code
    await collected(shop, opened.reference, delivery_code=code)
    shop.skip(hours=23, minutes=59)
    paid = await shop.kit.payments.page(token)
    assert (paid.face.value, paid.delivery_code) == ("paid", None)
    shop.skip(minutes=1)
    dead = await refused(ReferenceNotFound, shop.kit.payments.page(token))
    unknown = await refused(ReferenceNotFound, shop.kit.payments.page("0" * 32))
    assert dead.detail == unknown.detail


async def test_the_page_is_dead_a_day_after_its_own_end_whatever_happens_to_the_payment(shop: Shop) -> None:
    opened, _ = await by_cash(shop)
    token = opened.checkout_url.split("/")[-2]
    await shop.initiate()
    shop.skip(hours=23)
    await shop.initiate(provider="other")
    shop.skip(minutes=59)
    assert (await shop.kit.payments.page(token)).face.value == "elsewhere"
    shop.skip(minutes=1)
    await refused(ReferenceNotFound, shop.kit.payments.page(token))
    await shop.kit.work()


async def test_the_page_of_a_refused_delivery_says_why_and_lives_again_with_its_attempt(shop: Shop) -> None:
    opened, code = await by_cash(shop)
    token = opened.checkout_url.split("/")[-2]
    await collected(shop, opened.reference, outcome=AtTheDoor.REFUSED, reason="Nobody was at home.")
    shown = await shop.kit.payments.page(token)
    assert (shown.face.value, shown.detail) == ("unpaid", "Nobody was at home.")
    shop.kit.clock.advance(timedelta(hours=25))
    await refused(ReferenceNotFound, shop.kit.payments.page(token))
    await by_cash(shop)
    assert (await shop.kit.payments.page(token)).delivery_code == code


async def test_the_page_of_a_superseded_attempt_says_so_until_the_order_is_paid(shop: Shop) -> None:
    opened, _ = await by_cash(shop)
    token = opened.checkout_url.split("/")[-2]
    await shop.initiate()
    assert (await shop.kit.payments.page(token)).face.value == "elsewhere"
    await paid_online(shop)
    assert (await shop.kit.payments.page(token)).face.value == "paid"


async def test_the_page_says_what_arrived_and_what_was_due(shop: Shop) -> None:
    opened, code = await by_cash(shop)
    await collected(shop, opened.reference, delivery_code=code, amount=birr("900.00"))
    shown = await shop.kit.payments.page(opened.checkout_url.split("/")[-2])
    assert (shown.face.value, shown.arrived, shown.due) == ("held", (birr("900.00"),), birr("1000.00"))


async def locked(shop: Shop) -> tuple[str, str]:
    opened, code = await by_cash(shop)
    for n in range(5):
        with suppress(PaymentsError):
            await collected(shop, opened.reference, collection_id=f"w-{n}", delivery_code=another_than(code))
    return opened.reference, code


async def test_a_door_that_was_refused_is_not_handed_out_locked(shop: Shop) -> None:
    await locked(shop)
    await resolve(shop, await the_review(shop), "refuse")
    again, code = await by_cash(shop)
    kept = await collected(shop, again.reference, delivery_code=code)
    assert kept.result is CashResult.SETTLED


async def test_who_collected_at_a_refused_door_is_put_before_a_person(shop: Shop) -> None:
    reference, code = await locked(shop)
    await resolve(shop, await the_review(shop), "refuse")
    with suppress(PaymentsError):
        await collected(shop, reference, delivery_code=code)
    await resolve(shop, await the_review(shop), "unlock")
    kept = await collected(shop, reference, delivery_code=code)
    assert kept.result is CashResult.SETTLED


async def handed_out_again(shop: Shop) -> tuple[str, str]:
    """An older cash attempt that its payer got back after a newer one, and its code."""
    first, _ = await locked(shop)
    await collected(shop, first, collection_id="no", outcome=AtTheDoor.REFUSED, amount=None)
    newer, _ = await by_cash(shop)
    await shop.kit.payments.cancel(newer.payment_id, "user_1", "payer:user_1")
    await resolve(shop, await the_review(shop), "unlock")
    again, code = await by_cash(shop)
    assert again.reference == first != newer.reference
    return first, code


async def test_an_order_stands_for_the_attempt_whose_code_its_payer_is_shown(shop: Shop) -> None:
    reference, code = await handed_out_again(shop)
    kept = await collected(shop, order_id="order_1", delivery_code=code)
    assert (kept.reference, kept.result) == (reference, CashResult.SETTLED)


async def test_a_delivery_refused_by_its_order_ends_the_attempt_that_is_live(shop: Shop) -> None:
    await handed_out_again(shop)
    kept = await collected(
        shop, collection_id="no-2", order_id="order_1", outcome=AtTheDoor.REFUSED, amount=None
    )
    assert (kept.result, kept.status) == (CashResult.DECLINED, PaymentStatus.FAILED)


async def test_attached_cash_that_is_recorded_again_is_answered_the_same_and_tells_no_code(
    shop: Shop,
) -> None:
    await shop.initiate()
    told = {"order_id": "order_1", "delivery_code": "000000"}
    await collected(shop, **told)
    opened, code = await by_cash(shop)
    await resolve(shop, await the_review(shop), "attach", reference=opened.reference)

    again = [await collected(shop, **{**told, "delivery_code": tried}) for tried in ("000000", code)]

    assert {kept.result for kept in again} == {CashResult.SETTLED}
    assert (await shop.payment()).attempt(opened.reference).wrong_codes == 0
