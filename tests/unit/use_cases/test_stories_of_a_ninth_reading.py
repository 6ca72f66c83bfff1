"""Stories that a ninth reading of the money code found: each ended otherwise than it should."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

import attrs
import pytest

from payments.adapters.memory.unit_of_work import MemoryUnitOfWork
from payments.application.ports.providers import Cancelled, CheckoutRequest, RefundOutcome
from payments.application.records import Claim, Destination
from payments.application.review_details import Details
from payments.domain.collection import AtTheDoor, CashRecord
from payments.domain.errors import (
    DecisionNotPossible,
    OutcomeUnknown,
    PaymentInFlight,
    PaymentInReview,
    ProviderRejected,
    ReviewAlreadyDecided,
)
from payments.domain.evidence import Mode, Outcome
from payments.domain.refund import Refund
from payments.domain.refund_rules import RefundRules, SurplusPolicy
from payments.domain.review import ReviewState
from payments.domain.transitions import AttemptStatus, PaymentStatus
from payments.testing import InMemoryPayments, ScriptedPrompts, cash_on_delivery, in_memory_payments
from tests.unit.use_cases.deciding import resolve, the_review
from tests.unit.use_cases.kept import everything_holds
from tests.unit.use_cases.prompts_shop import PromptsShop
from tests.unit.use_cases.shop import (
    NOTHING,
    Death,
    HesitatingProvider,
    HesitatingRefunds,
    InterruptedStorage,
    Shop,
    birr,
    refused,
)
from tests.unit.use_cases.test_attached_money import FORGOTTEN, attached, forgotten_money
from tests.unit.use_cases.test_reconcile import LOST, lost, orphans, reconciled, told
from tests.unit.use_cases.test_refunds_cut_off import MortalStorage, paid, refund, statuses

pytestmark = pytest.mark.anyio

AUTOMATIC = RefundRules(surplus=SurplusPolicy.AUTOMATIC, automatic_up_to={"ETB": birr("5000.00")})


def one_provider(
    provider: HesitatingProvider,
    *,
    rules: RefundRules | None = None,
    storage: MemoryUnitOfWork | None = None,
) -> Shop:
    kit = in_memory_payments(provider, refund_rules=rules, unit_of_work=storage)
    kit.order()
    return Shop(kit=kit, provider=provider, other=provider)


def door(reference: str, **changed: Any) -> CashRecord:
    said = CashRecord(
        collection_id="c-1",
        collector="rider_7",
        outcome=AtTheDoor.COLLECTED,
        amount=birr("1000.00"),
        reference=reference,
    )
    return attrs.evolve(said, **changed)


# 1. Money that is sent twice, or back although it is the only one.


async def test_a_refund_is_not_sent_again_because_nobody_could_be_asked_whether_it_had_been() -> None:
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
    # In the night in which the database is restored, questions to the provider fail for a while, too.
    refunds.silent = True
    await kit.pass_time(timedelta(minutes=2))
    refunds.silent = False
    await kit.pass_time(timedelta(hours=2))

    assert (await statuses(kit, payment_id), refunds.calls["request"]) == (["succeeded"], 1)


async def refunded_in_part(shop: Shop) -> str:
    """The reference of a checkout of which 300.00 of 1000.00 ETB went back by a refund of ours."""
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)
    payment = await shop.ask(opened.reference)
    await shop.kit.payments.refund(payment.payment_id, amount="300.00", reason="late", actor="operator:anna")
    return opened.reference


async def test_no_policy_sends_back_the_only_money_of_a_payment_that_a_person_recorded_elsewhere() -> None:
    provider = HesitatingProvider()
    shop = one_provider(provider, rules=AUTOMATIC)
    assert provider.refunds is not None
    first = await shop.initiate()
    shop.skip(minutes=70)
    second = await shop.initiate()
    provider.silent = True
    await shop.pass_hours(80)
    asked = {review.subject: review for review in (await shop.kit.payments.reviews()).items}
    # The provider's portal shows one payment of this payer, and not on which of the two pages.
    await resolve(shop, asked[second.reference], "record", outcome="paid", provider_reference="FT-77")
    provider.silent = False
    provider.pays(first.reference)
    await shop.hear(first.reference)
    await shop.pass_minutes(10)

    assert provider.refunds.calls["request"] == 0


# 2. Money that went, and that nobody is asked about.


@pytest.mark.parametrize("gone", ["300.00", "1000.00"])
async def test_a_bank_that_takes_money_beside_a_refund_at_the_dashboard_is_asked_about(
    shop: Shop, gone: str
) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)
    await shop.ask(opened.reference)
    await shop.attests(opened.reference, outcome=Outcome.RETURNED, word="reversed", returned=birr(gone))
    await shop.hear(opened.reference, Claim.RETURNED)
    await shop.kit.work()
    await resolve(shop, await the_review(shop), "dismiss")
    shop.skip(days=20)

    # How much went, Paystack tells by its refunds alone: a charge back is none of them.
    await shop.hear(opened.reference, Claim.CHARGED_BACK)
    await shop.pass_hours(26)

    assert await shop.reviews() == ["dispute"]


async def test_a_refund_of_ours_explains_one_notice_and_not_the_next_that_money_went_back(shop: Shop) -> None:
    reference = await refunded_in_part(shop)
    # Its provider goes on to say "success" of what was refunded in part: what Paystack says is not known.
    await shop.hear(reference, Claim.RETURNED)
    await shop.kit.work()
    await shop.pass_hours(48)
    assert await shop.reviews() == []

    # Somebody sends more back at the provider, and one more notice says so.
    await shop.hear(reference, Claim.RETURNED)
    await shop.pass_hours(26)

    assert await shop.reviews() == ["dispute"]


async def test_what_goes_back_a_second_time_of_attached_money_is_a_question_again(shop: Shop) -> None:
    reference = await attached(shop)
    for gone in ("300.00", "1000.00"):
        back = attrs.evolve(forgotten_money(outcome=Outcome.RETURNED), returned=birr(gone))
        shop.provider.answers(FORGOTTEN, back)
        shop.skip(hours=1)
        await shop.hear(FORGOTTEN, Claim.RETURNED)
        await shop.pass_hours(30)
        for orphan in await orphans(shop):
            await resolve(shop, orphan, "attach", reference=reference)
        for review in (await shop.kit.payments.reviews()).items:
            await resolve(shop, review, "dismiss")

    assert (await shop.payment()).given_back == birr("1000.00")


async def test_reconcile_asks_a_person_about_attached_money_that_went_back_as_it_says(shop: Shop) -> None:
    lost(shop)
    await reconciled(shop, apply=True)
    (orphan,) = await orphans(shop)
    reference = (await shop.initiate()).reference
    await resolve(shop, orphan, "attach", reference=reference)
    shop.provider.ledger.lines.clear()
    gone = attrs.evolve(shop.provider._answers[LOST], outcome=Outcome.RETURNED, word="reversed")
    shop.provider.answers(LOST, gone)
    shop.provider.lists(LOST)

    found = await reconciled(shop, apply=True)

    assert [came.value for _, came in told(found)] == ["asked_a_person"]
    assert len((await shop.kit.payments.reviews()).items) == 1


async def test_money_that_a_person_took_for_another_orders_and_that_goes_back_is_a_question(
    shop: Shop,
) -> None:
    shop.kit.order("order_2")
    first = await shop.initiate()
    second = await shop.initiate("order_2")
    for opened in (first, second):
        shop.provider.answers(opened.reference, NOTHING)
    await shop.pass_hours(74)
    asked = {review.subject: review for review in (await shop.kit.payments.reviews()).items}
    taken_for = {"outcome": "paid", "provider_reference": f"T-{first.reference}"}
    await resolve(shop, asked[second.reference], "record", **taken_for)
    shop.provider.pays(first.reference)
    await shop.ask(first.reference)
    (orphan,) = await orphans(shop)
    await resolve(shop, orphan, "dismiss")

    await shop.attests_returned(first.reference)
    await shop.hear(first.reference, Claim.RETURNED)
    await shop.pass_hours(26)

    kinds = {review.kind.value for review in (await shop.kit.payments.reviews()).items}
    went = (await shop.payment("order_2")).given_back
    assert went == birr("1000.00") or kinds & {"orphan", "dispute"}


async def test_a_question_about_a_failure_is_not_the_answer_to_a_notice_of_money(shop: Shop) -> None:
    await shop.hear(FORGOTTEN, Claim.FAILED)
    shop.skip(hours=1)
    await shop.hear(FORGOTTEN, Claim.PAID)
    await shop.pass_hours(26)

    asked = {review.subject: review for review in await orphans(shop)}
    assert asked.keys() == {f"{FORGOTTEN}:failed", FORGOTTEN}
    # The provider may say by now that it was paid after all.
    shop.provider.answers(FORGOTTEN, forgotten_money())
    reference = (await shop.initiate()).reference
    await resolve(shop, asked[f"{FORGOTTEN}:failed"], "attach", reference=reference)
    assert (await shop.payment()).status is PaymentStatus.SUCCESS


async def test_a_charge_back_is_not_lost_in_an_open_question_about_a_dispute(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)
    await shop.ask(opened.reference)
    shop.provider.answers(opened.reference, NOTHING)
    await shop.hear(opened.reference, Claim.DISPUTED)
    await shop.pass_hours(26)
    await shop.hear(opened.reference, Claim.CHARGED_BACK)
    await shop.pass_hours(26)

    asked = {review.subject for review in (await shop.kit.payments.reviews()).items}
    assert asked == {opened.reference, f"{opened.reference}:charged_back"}


async def test_a_question_about_reported_money_is_not_answered_once_the_report_is_erased(
    prompted: PromptsShop,
) -> None:
    opened = await prompted.initiate()
    prompted.prompts.declines(opened.reference)
    await prompted.reports(opened.reference, name="C-9", receipt="SGH1111111")
    await prompted.kit.pass_time(timedelta(hours=50), step=timedelta(minutes=15))
    (asked,) = (await prompted.kit.payments.reviews()).items

    async def ask_again() -> str:
        after = await prompted.kit.payments.resolve(asked.review_id, "ask_again", "seen", "operator:boss")
        return after.state.value

    assert await ask_again() == "open"
    prompted.skip(days=91)
    await prompted.kit.payments.erase()

    assert await ask_again() == "open"


# 3. What an order, a payer or a person is told.


async def test_a_refused_delivery_whose_short_cash_is_held_is_not_told_as_failed_with_nothing_paid(
    shop: Shop,
) -> None:
    opened = await shop.initiate(provider="cash")
    code = await shop.kit.delivery_code(opened.checkout_url)
    await shop.kit.payments.collect_cash(door(opened.reference, amount=birr("900.00"), delivery_code=code))
    assert await shop.reviews() == ["amount_mismatch"]

    refusal = door(opened.reference, collection_id="c-2", outcome=AtTheDoor.REFUSED, amount=None)
    await shop.kit.payments.collect_cash(refusal)

    # The mail says: "The delivery was not taken, and nothing was paid."
    assert await shop.told(Destination.PAYER) == []
    assert await shop.told() == ["pay_on_delivery"]
    assert (await shop.payment()).status is PaymentStatus.PROCESSING


@attrs.define
class InterruptedClosing(HesitatingProvider):
    """Lets something happen between the closing of a page and its record, once."""

    storage: InterruptedStorage = attrs.field(factory=InterruptedStorage)
    meanwhile: Callable[[], Awaitable[object]] | None = None

    async def cancel(self, reference: str) -> Cancelled:
        self.storage.meanwhile, self.meanwhile = self.meanwhile, None
        return await super().cancel(reference)


@pytest.mark.parametrize("by", ["the sweep", "its payer"])
async def test_money_that_is_held_while_its_page_is_closed_is_not_told_as_failed(by: str) -> None:
    provider = InterruptedClosing()
    shop = one_provider(provider, storage=provider.storage)
    opened = await shop.initiate()

    async def it_is_paid_short() -> None:
        provider.pays(opened.reference, amount=birr("900.00"))
        await shop.ask(opened.reference)

    provider.meanwhile = it_is_paid_short
    if by == "the sweep":
        shop.skip(minutes=61)
        await shop.kit.payments.sweep()
    else:
        cancelling = shop.kit.payments.cancel(opened.payment_id, "user_1", "payer:user_1")
        await refused(PaymentInReview, cancelling)

    payment = await shop.payment()
    assert payment.held_captures
    assert (payment.status, await shop.told()) == (PaymentStatus.PROCESSING, [])


async def test_another_answer_by_the_same_person_is_not_answered_as_if_it_had_been_taken(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.answers(opened.reference, NOTHING)
    await shop.pass_hours(74)
    review = await the_review(shop)
    await resolve(shop, review, "record", outcome="not_paid")

    # They looked again, and it is there.
    other = resolve(shop, review, "record", outcome="paid", provider_reference="T-4711")
    await refused(ReviewAlreadyDecided, other)


async def test_what_a_person_recorded_is_a_question_where_its_provider_says_another_amount_of_it(
    shop: Shop,
) -> None:
    opened = await shop.initiate()
    shop.provider.answers(opened.reference, NOTHING)
    await shop.pass_hours(74)
    # All that was due, as nobody said how much.
    named = f"T-{opened.reference}"
    await resolve(shop, await the_review(shop), "record", outcome="paid", provider_reference=named)

    shop.provider.pays(opened.reference, amount=birr("500.00"))
    await shop.hear(opened.reference)
    await shop.kit.work()
    await shop.ask(opened.reference)

    assert await shop.reviews() == ["dispute"]


async def test_nobody_gets_a_page_while_an_ended_prompt_is_said_to_be_paid_during_its_opening() -> None:
    prompts, provider = ScriptedPrompts(), HesitatingProvider()
    kit = in_memory_payments(provider, prompts=prompts)
    kit.order(amount="1000.00", currency="KES")
    first = await kit.payments.initiate("order_1", "user_1", "prompts", phone_number="254712345678")
    prompts.silent = True
    await kit.pass_time(timedelta(minutes=10))

    async def it_was_paid(_request: CheckoutRequest) -> None:
        prompts.silent = False
        prompts.pays(first.reference)
        await kit.payments.settle(first.reference)

    provider.before_opening = it_was_paid
    await refused(PaymentInFlight, kit.payments.initiate("order_1", "user_1", "scripted"))


# 4. Cash of an attempt that was begun before the shop went live on the same database.


async def went_live_with_cash_on_its_way() -> tuple[Shop, str]:
    """The shop in live mode, and the reference of a cash attempt of its test days whose cash was recorded."""
    tried = in_memory_payments(cash=cash_on_delivery())
    tried.order()
    opened = await tried.payments.initiate("order_1", "user_1", "cash")
    code = await tried.delivery_code(opened.checkout_url)
    provider, cash = HesitatingProvider(mode=Mode.LIVE), attrs.evolve(cash_on_delivery(), mode=Mode.LIVE)
    kit = in_memory_payments(provider, cash=cash, unit_of_work=tried.unit_of_work)
    kit.order()
    await kit.payments.collect_cash(door(opened.reference, delivery_code=code))
    return Shop(kit=kit, provider=provider, other=provider), opened.reference


async def test_cash_of_an_attempt_of_the_other_world_is_accounted_for_once_it_is_attached() -> None:
    shop, _ = await went_live_with_cash_on_its_way()
    opened = await shop.initiate(provider="cash")

    await resolve(shop, await the_review(shop), "attach", reference=opened.reference)

    # Promise I20 breaks: the cash c-1 was collected by nobody, or not as what counts.
    await everything_holds(shop.kit)


async def test_nobody_collects_their_own_cash_by_way_of_an_attempt_of_the_other_world() -> None:
    shop, _ = await went_live_with_cash_on_its_way()
    shop.kit.orders.put(attrs.evolve(shop.kit.order("order_2"), user_id="rider_7"))
    own = await shop.kit.payments.initiate("order_2", "rider_7", "cash")

    attaching = resolve(shop, await the_review(shop), "attach", reference=own.reference)
    await refused(DecisionNotPossible, attaching)


# 5. What the first mends of these stories had left out.


async def test_a_charge_back_is_a_question_though_a_dispute_of_it_was_put_aside(shop: Shop) -> None:
    reference = await refunded_in_part(shop)
    await shop.attests_returned(reference)
    await shop.hear(reference, Claim.DISPUTED)
    await shop.kit.work()
    await resolve(shop, await the_review(shop), "dismiss")
    shop.skip(days=10)

    await shop.hear(reference, Claim.CHARGED_BACK)
    await shop.pass_hours(30)

    assert (await the_review(shop)).subject == f"{reference}:charged_back"


async def test_one_refund_explains_one_of_two_notices_that_are_looked_at_together(shop: Shop) -> None:
    reference = await refunded_in_part(shop)
    for _ in range(2):
        await shop.hear(reference, Claim.RETURNED)
        shop.skip(seconds=1)
    await shop.kit.work()
    await shop.pass_hours(48)

    assert await shop.reviews() == ["dispute"]


async def test_reconcile_asks_about_attached_money_that_went_back_where_lists_have_no_reference_of_ours(
    shop: Shop,
) -> None:
    shop.provider.lists_references = False
    lost(shop)
    await reconciled(shop, apply=True)
    (orphan,) = await orphans(shop)
    reference = (await shop.initiate()).reference
    await resolve(shop, orphan, "attach", reference=reference, paid_under=LOST)
    shop.provider.ledger.lines.clear()
    gone = attrs.evolve(shop.provider._answers[LOST], outcome=Outcome.RETURNED, word="reversed")
    shop.provider.answers(LOST, gone)
    shop.provider.lists(LOST)

    assert [came.value for _, came in told(await reconciled(shop, apply=True))] == ["asked_a_person"]
    assert [came.value for _, came in told(await reconciled(shop, apply=True))] == ["asked_before"]
    assert len((await shop.kit.payments.reviews()).items) == 1


async def test_reminders_of_a_dispute_about_what_nobody_here_has_ask_once(shop: Shop) -> None:
    asked = 0
    for _ in range(4):
        await shop.hear(FORGOTTEN, Claim.DISPUTED)
        await shop.pass_hours(26)
        for orphan in await orphans(shop):
            asked += 1
            await resolve(shop, orphan, "dismiss")
    assert asked == 1


async def test_money_that_had_gone_back_when_it_was_asked_about_is_one_question(shop: Shop) -> None:
    shop.kit.order("order_2")
    first = await shop.initiate()
    second = await shop.initiate("order_2")
    for opened in (first, second):
        shop.provider.answers(opened.reference, NOTHING)
    await shop.pass_hours(74)
    asked = {review.subject: review for review in (await shop.kit.payments.reviews()).items}
    taken_for = {"outcome": "paid", "provider_reference": f"T-{first.reference}"}
    await resolve(shop, asked[second.reference], "record", **taken_for)
    await resolve(shop, asked[first.reference], "record", outcome="not_paid")
    await shop.attests_returned(first.reference)
    for _ in range(2):
        await shop.ask(first.reference)
    (orphan,) = await orphans(shop)
    await resolve(shop, orphan, "dismiss")
    await shop.ask(first.reference)

    assert await shop.reviews() == []


async def test_listed_money_with_a_colon_in_its_name_can_be_attached(shop: Shop) -> None:
    shop.provider.lists_references = False
    named = "txn:4711"
    shop.provider.pays(LOST, amount=birr("1000.00"), capture_key=named, provider_reference=named)
    shop.provider.lists(LOST)
    await reconciled(shop, apply=True)
    (orphan,) = await orphans(shop)
    reference = (await shop.initiate()).reference

    await resolve(shop, orphan, "attach", reference=reference, paid_under=LOST)

    assert (orphan.subject, (await shop.payment()).status) == (named, PaymentStatus.SUCCESS)


async def test_a_page_that_ends_while_it_is_handed_out_again_is_not(shop: Shop) -> None:
    storage = InterruptedStorage()
    shop = one_provider(HesitatingProvider(), storage=storage)
    first = await shop.initiate()

    storage.meanwhile = lambda: shop.kit.payments.cancel(first.payment_id, "user_1", "payer:user_1")
    again = await shop.kit.payments.initiate("order_1", "user_1", "scripted", return_to="app")

    assert again.reference != first.reference
    attempt = await shop.attempt(again.reference)
    assert (attempt.status, attempt.return_to) == (AttemptStatus.OPEN, "app")


async def test_a_checkout_that_is_paid_short_before_it_is_refused_is_not_told_as_failed() -> None:
    provider = HesitatingProvider()
    shop = one_provider(provider)

    async def short(request: CheckoutRequest) -> None:
        provider._requests[request.reference] = request
        provider.pays(request.reference, amount=birr("900.00"))
        await shop.kit.payments.settle(request.reference)

    provider.before_opening = short
    provider.trouble.append(ProviderRejected("no"))
    await refused(ProviderRejected, shop.initiate())

    payment = await shop.payment()
    assert payment.held_captures
    assert (payment.status, await shop.told()) == (PaymentStatus.PROCESSING, [])


async def approved_after_a_day(refunds: HesitatingRefunds) -> tuple[InMemoryPayments, UUID]:
    """A refund that waited for its approval for more than a day, and whose provider is silent then."""
    rules = RefundRules(approval_above={"ETB": birr("100.00")})
    kit, payment_id = await paid(MortalStorage(), refunds, rules)
    made = await kit.payments.refund(payment_id, amount="200.00", reason="broken", actor="operator:clerk")
    await kit.pass_time(timedelta(hours=30), step=timedelta(minutes=15))
    refunds.silent = True
    await kit.payments.approve_refund(payment_id, made.refund_id, approver="operator:boss")
    return kit, payment_id


async def test_one_silent_moment_at_its_approval_puts_a_refund_before_nobody() -> None:
    refunds = HesitatingRefunds()
    kit, payment_id = await approved_after_a_day(refunds)
    assert (await kit.payments.reviews()).items == ()

    refunds.silent = False
    await kit.pass_time(timedelta(minutes=20))

    assert (await statuses(kit, payment_id), refunds.calls["request"]) == (["succeeded"], 1)
    await everything_holds(kit)


async def test_a_refund_that_waits_is_asked_about_now_and_then_and_after_a_day_a_person_is() -> None:
    refunds = HesitatingRefunds()
    kit, payment_id = await approved_after_a_day(refunds)
    before = refunds.calls["check"]

    await kit.pass_time(timedelta(hours=1), step=timedelta(seconds=30))

    assert refunds.calls["check"] - before <= 5
    (asked,) = (await kit.payments.reviews()).items
    assert "does not answer whether it was sent" in asked.detail
    assert await statuses(kit, payment_id) == ["reserved"]


async def recorded_as_sent(refunds: HesitatingRefunds) -> tuple[InMemoryPayments, UUID, UUID]:
    """A refund whose answer was lost, and that a person recorded as succeeded, as R-1; and the review."""
    kit, payment_id = await paid(MortalStorage(), refunds)
    refunds.trouble.append(OutcomeUnknown("lost"))
    await refund(kit, payment_id)
    await kit.pass_time(timedelta(hours=30), step=timedelta(minutes=15))
    (review,) = (await kit.payments.reviews()).items
    said = Details(outcome="succeeded", provider_reference="R-1")
    await kit.payments.resolve(review.review_id, "record", "seen", "operator:boss", said)
    return kit, payment_id, review.review_id


async def test_what_was_recorded_of_a_refund_may_be_said_again_and_nothing_else() -> None:
    refunds = HesitatingRefunds()
    kit, payment_id, review_id = await recorded_as_sent(refunds)
    payment = await kit.unit_of_work.reads.payment(payment_id)
    assert payment is not None
    (sent,) = payment.refunds
    refunds.ends(sent.reference, RefundOutcome.FAILED)
    await kit.payments.settle_refund(payment_id, sent.refund_id)
    assert await statuses(kit, payment_id) == ["failed"]

    async def said(**details: str) -> None:
        await kit.payments.resolve(review_id, "record", "seen", "operator:boss", Details(**details))

    await said(outcome="succeeded", provider_reference="R-1")
    await refused(ReviewAlreadyDecided, said(outcome="failed"))


async def test_money_that_was_attached_is_attached_to_no_other_attempt_by_saying_so_again(shop: Shop) -> None:
    shop.kit.order("order_2")
    other = (await shop.initiate("order_2")).reference
    reference = await attached(shop)
    reads = shop.kit.unit_of_work.reads
    decided = (await shop.kit.payments.reviews(state=ReviewState.RESOLVED)).items
    (review,) = [review for review in decided if review.decision == "attach"]

    await resolve(shop, review, "attach", reference=reference)
    await refused(ReviewAlreadyDecided, resolve(shop, review, "attach", reference=other))
    assert (payment := await reads.payment_with_reference(other)) is not None
    assert payment.captures == ()


async def test_two_refunds_explain_two_notices_that_an_outage_kept_for_more_than_a_day(
    shop: Shop,
) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)
    payment = await shop.ask(opened.reference)
    for _ in range(2):
        await shop.kit.payments.refund(
            payment.payment_id, amount="300.00", reason="late", actor="operator:anna"
        )
        await shop.hear(opened.reference, Claim.RETURNED)
        shop.skip(seconds=1)
    shop.skip(hours=25)
    await shop.kit.work()
    await shop.pass_minutes(5)

    assert await shop.reviews() == []
    assert {notice.outcome for notice in await shop.notices(opened.reference)} == {"explained by a refund"}


async def test_notices_by_a_refunds_own_name_are_answered_by_what_became_of_it(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)
    payment = await shop.ask(opened.reference)
    made = await shop.kit.payments.refund(
        payment.payment_id, amount="300.00", reason="late", actor="operator:anna"
    )
    for _ in range(2):
        await shop.hear(made.reference, Claim.RETURNED)
        shop.skip(seconds=1)
    shop.skip(hours=25)
    await shop.kit.work()

    assert {notice.outcome for notice in await shop.notices(made.reference)} == {"refund succeeded"}


async def test_each_charge_back_is_a_question_whatever_was_decided_about_the_one_before(shop: Shop) -> None:
    reference = await refunded_in_part(shop)
    await shop.attests_returned(reference)
    for _ in range(2):
        await shop.hear(reference, Claim.CHARGED_BACK)
        await shop.pass_hours(30)
        await resolve(shop, await the_review(shop), "dismiss")
        await shop.pass_hours(240)
    assert await shop.reviews() == []


async def test_a_refund_that_is_made_again_explains_its_own_notice(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)
    payment = await shop.ask(opened.reference)
    refunds = shop.provider.refunds
    assert refunds is not None

    async def sent_back() -> Refund:
        made = await shop.kit.payments.refund(
            payment.payment_id, amount="300.00", reason="late", actor="operator:anna"
        )
        await shop.hear(opened.reference, Claim.RETURNED)
        await shop.kit.work()
        return made

    first = await sent_back()
    refunds.ends(first.reference, RefundOutcome.FAILED)
    await shop.kit.payments.settle_refund(payment.payment_id, first.refund_id)
    for review in (await shop.kit.payments.reviews()).items:
        await resolve(shop, review, "dismiss")
    shop.skip(minutes=5)
    await sent_back()
    await shop.pass_hours(30)

    assert await shop.reviews() == []


async def test_a_refund_that_had_waited_and_whose_process_died_is_a_question_after_a_day() -> None:
    storage, refunds = MortalStorage(), HesitatingRefunds()
    kit, payment_id = await paid(storage, refunds, RefundRules(approval_above={"ETB": birr("100.00")}))
    made = await kit.payments.refund(payment_id, amount="200.00", reason="broken", actor="operator:clerk")
    await kit.pass_time(timedelta(minutes=5))
    refunds.silent = True
    await kit.payments.approve_refund(payment_id, made.refund_id, approver="operator:boss")
    assert await statuses(kit, payment_id) == ["reserved"]
    refunds.silent = False
    storage.dies_at, storage.committed = 1, True
    with suppress(Death):
        await kit.payments.settle_refund(payment_id, made.refund_id)
    storage.dies_at = None

    await kit.pass_time(timedelta(hours=30), step=timedelta(minutes=15))

    assert (await statuses(kit, payment_id), refunds.calls["request"]) == (["unknown"], 0)
    (asked,) = (await kit.payments.reviews()).items
    assert "nobody can tell whether it happened" in asked.detail


@pytest.mark.parametrize("outcome", ["succeeded", "failed"])
async def test_what_was_recorded_of_a_refund_with_a_name_of_its_own_may_be_said_again(outcome: str) -> None:
    refunds = HesitatingRefunds()
    kit, payment_id = await paid(MortalStorage(), refunds)
    refunds.answer = RefundOutcome.NEEDS_ATTENTION
    await refund(kit, payment_id)
    (review,) = (await kit.payments.reviews()).items
    said = Details(outcome=outcome, provider_reference="BANK-1")
    for _ in range(2):
        await kit.payments.resolve(review.review_id, "record", "seen", "operator:boss", said)
    assert await statuses(kit, payment_id) == [outcome]


async def test_attaching_may_be_said_again_where_the_money_has_another_name_or_was_here_already(
    shop: Shop,
) -> None:
    shop.provider.lists_references = False
    lost(shop)
    await reconciled(shop, apply=True)
    (orphan,) = await orphans(shop)
    reference = (await shop.initiate()).reference
    for _ in range(2):
        await resolve(shop, orphan, "attach", reference=reference, paid_under=LOST)

    one, other, target = [(await shop.initiate(order)).reference for order in _three_more(shop)]
    strange = "p-" + "b" * 26
    for asked in (one, other):
        await shop.attests(asked, reference=strange, capture_key="T-odd", provider_reference="T-odd")
        await shop.ask(asked)
    found = await orphans(shop)
    assert len(found) == 2
    for asked in (one, other, strange):
        shop.provider.answers(asked, NOTHING)
    for review in (*found, *found):
        await resolve(shop, review, "attach", reference=target)
        shop.skip(seconds=5)
    payment = await shop.payment("order_4")
    assert [capture.key for capture in payment.captures] == ["T-odd"]


def _three_more(shop: Shop) -> tuple[str, ...]:
    orders = ("order_2", "order_3", "order_4")
    for order in orders:
        shop.kit.order(order)
    return orders
