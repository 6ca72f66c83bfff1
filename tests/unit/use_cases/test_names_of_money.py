"""One money may have several names, and one attempt several payments: none is lost, none counts twice."""

from contextlib import suppress
from datetime import timedelta

import attrs
import pytest

from payments.application.ports.providers import Providers, Span
from payments.application.records import Claim
from payments.application.review_details import Details
from payments.domain.capture import Vouched
from payments.domain.errors import DecisionNotPossible
from payments.domain.events import ReviewKind
from payments.domain.evidence import Outcome
from payments.domain.transitions import Disposition, PaymentStatus
from payments.testing import in_memory_payments
from tests.unit.use_cases.deciding import decide, resolve, stuck, the_review
from tests.unit.use_cases.kept import everything_holds
from tests.unit.use_cases.prompts_shop import PromptsShop
from tests.unit.use_cases.shop import IN_FLIGHT, NOTHING, HesitatingProvider, Shop, birr
from tests.unit.use_cases.test_reconcile import orphans, reconciled

pytestmark = pytest.mark.anyio

RECEIPT, OTHER = "SGH1111111", "SGH2222222"


async def record(prompted: PromptsShop, receipt: str) -> None:
    """A person records what they saw: money called ``receipt``."""
    (asked,) = (await prompted.kit.payments.reviews()).items
    seen = Details(outcome="paid", provider_reference=receipt)
    with suppress(DecisionNotPossible):
        await prompted.kit.payments.resolve(asked.review_id, "record", "seen", "operator:boss", seen)


@pytest.mark.parametrize("typed", [RECEIPT, f" {RECEIPT}\n"])
async def test_one_receipt_pays_one_order(prompted: PromptsShop, typed: str) -> None:
    prompted.kit.order("order_2", amount="1000.00", currency="KES")
    paid = await prompted.initiate()
    prompted.prompts.pays(paid.reference)
    await prompted.reports(paid.reference, receipt=RECEIPT)
    await prompted.kit.work()
    prompted.prompts.silent = True
    await prompted.initiate("order_2")
    await prompted.pass_time(hours=26)
    await record(prompted, typed)
    assert (await prompted.payment("order_2")).captures == ()


async def test_a_receipt_that_was_recorded_for_another_order_is_asked_about(prompted: PromptsShop) -> None:
    prompted.kit.order("order_2", amount="1000.00", currency="KES")
    await prompted.initiate()
    prompted.prompts.silent = True
    await prompted.pass_time(hours=26)
    await record(prompted, RECEIPT)
    prompted.prompts.silent = False
    second = await prompted.initiate("order_2")
    prompted.prompts.pays(second.reference)
    await prompted.reports(second.reference, receipt=RECEIPT)
    await prompted.kit.work()
    assert await prompted.reviews("order_2") == ["orphan"]


async def test_a_receipt_that_was_reported_for_another_order_is_asked_about(prompted: PromptsShop) -> None:
    prompted.kit.order("order_2", amount="1000.00", currency="KES")
    for order_id in ("order_1", "order_2"):
        opened = await prompted.initiate(order_id)
        prompted.prompts.pays(opened.reference)
        await prompted.reports(opened.reference, receipt=RECEIPT)
        await prompted.kit.work()
        prompted.skip(minutes=1)
    assert await prompted.reviews("order_1") == []
    assert await prompted.reviews("order_2") == ["dispute"]

    (asked,) = (await prompted.kit.payments.reviews()).items
    await prompted.kit.payments.resolve(asked.review_id, "dismiss", "seen", "operator:boss")
    (second,) = (await prompted.payment("order_2")).attempts
    await prompted.reports(second.reference, receipt=RECEIPT, sent="again")
    await prompted.kit.work()
    assert await prompted.reviews("order_2") == [], "asked once"


async def test_a_receipt_that_was_recorded_for_another_order_is_not_learnt_of_money_that_is_here(
    prompted: PromptsShop,
) -> None:
    prompted.kit.order("order_2", amount="1000.00", currency="KES")
    await prompted.initiate("order_2")
    prompted.prompts.silent = True
    await prompted.pass_time(hours=26)
    await record(prompted, RECEIPT)
    prompted.prompts.silent = False
    opened = await prompted.initiate()
    prompted.prompts.pays(opened.reference)
    await prompted.ask(opened.reference)
    prompted.skip(seconds=11)
    await prompted.ask(opened.reference)

    await prompted.reports(opened.reference, receipt=RECEIPT)
    await prompted.kit.work()

    assert [(c.key, c.receipt) for c in (await prompted.payment()).captures] == [("C-2", None)]
    assert await prompted.reviews() == ["dispute"]


async def test_money_that_is_here_is_not_recorded_again_by_its_receipt(prompted: PromptsShop) -> None:
    opened = await prompted.initiate()
    prompted.prompts.pays(opened.reference)
    await prompted.reports(opened.reference, receipt=RECEIPT)
    await prompted.kit.work()
    await prompted.reports(opened.reference, name="C-again", receipt=OTHER)
    await prompted.pass_time(hours=25)
    await record(prompted, RECEIPT)
    assert len((await prompted.payment()).captures) == 1


async def test_what_was_recorded_by_its_receipt_is_not_counted_again_when_asked(
    prompted: PromptsShop,
) -> None:
    opened = await prompted.initiate()
    prompted.prompts.silent = True
    await prompted.reports(opened.reference, receipt=RECEIPT)
    await prompted.pass_time(hours=26)
    await record(prompted, RECEIPT)
    prompted.prompts.silent = False
    prompted.prompts.pays(opened.reference)
    await prompted.ask(opened.reference)
    prompted.skip(seconds=11)
    await prompted.ask(opened.reference)
    assert len((await prompted.payment()).captures) == 1


@pytest.mark.parametrize("receipts", [(RECEIPT, OTHER), (None, None)], ids=["receipts", "no receipts"])
@pytest.mark.parametrize("first", ["both together", "the second alone", "the push's answer lost"])
async def test_both_payments_of_a_prompt_that_came_twice_are_counted(
    prompted: PromptsShop, first: str, receipts: tuple[str | None, str | None]
) -> None:
    lost = first == "the push's answer lost"
    reference = await prompted.lost() if lost else (await prompted.initiate()).reference
    prompted.prompts.pays(reference)
    prompted.prompts.twice(reference, "C-again")
    if first != "the second alone":
        await prompted.reports(reference, receipt=receipts[0])
        prompted.skip(seconds=1)
    await prompted.reports(reference, name="C-again", receipt=receipts[1])
    await prompted.pass_time(hours=26)
    assert len((await prompted.payment()).captures) == 2


@pytest.mark.parametrize("final", [True, False])
async def test_paid_under_another_name_than_the_declined_one(
    prompted: PromptsShop,
    final: bool,  # noqa: FBT001 -- a row's field
) -> None:
    opened = await prompted.initiate()
    prompted.prompts.pays(opened.reference)
    prompted.prompts.twice(opened.reference, "C-again")
    prompted.prompts.declines(opened.reference, final=final)
    await prompted.reports(opened.reference, name="C-again", receipt=OTHER)
    await prompted.pass_time(hours=25)
    assert [c.key for c in (await prompted.payment()).captures] == ["C-again"]


@pytest.mark.parametrize("asked", [0, 1])
@pytest.mark.parametrize("amount", ["1000.00", "900.00"], ids=["paid", "held"])
async def test_what_is_here_is_asked_about_by_the_reported_name_that_is_not_and_by_no_other(
    prompted: PromptsShop, amount: str, asked: int
) -> None:
    """Few questions are answered, and each turn counts."""
    opened = await prompted.initiate()
    prompted.prompts.pays(opened.reference)
    await prompted.reports(opened.reference, receipt=RECEIPT, amount=amount)
    await prompted.kit.work()
    await prompted.reports(opened.reference, name="C-again", receipt=OTHER)
    for _ in range(asked):
        await prompted.ask(opened.reference)
    prompted.prompts.twice(opened.reference, "C-again")

    await prompted.ask(opened.reference)

    assert [c.key for c in (await prompted.payment()).captures] == ["C-1", "C-again"]


async def test_asking_again_ends_no_question_about_a_second_payment_in_flight(prompted: PromptsShop) -> None:
    opened = await prompted.initiate()
    prompted.prompts.pays(opened.reference)
    await prompted.reports(opened.reference, receipt=RECEIPT)
    await prompted.kit.work()
    prompted.prompts._answers["C-again"] = IN_FLIGHT
    await prompted.reports(opened.reference, name="C-again", receipt=OTHER)
    await prompted.pass_time(hours=25)
    (asked,) = (await prompted.kit.payments.reviews()).items
    await prompted.kit.payments.resolve(asked.review_id, "ask_again", "look", "operator:ann")
    assert await prompted.reviews() == ["stuck_unknown"]


@pytest.mark.parametrize("receipt", [RECEIPT, None])
async def test_the_second_payment_was_recorded_and_then_the_first_is_reported(
    prompted: PromptsShop, receipt: str | None
) -> None:
    opened = await prompted.initiate()
    prompted.prompts.silent = True
    await prompted.reports(opened.reference, name="C-again", receipt=OTHER)
    await prompted.pass_time(hours=26)
    await record(prompted, OTHER)
    prompted.prompts.silent = False
    prompted.prompts.pays(opened.reference)
    await prompted.reports(opened.reference, receipt=receipt)
    await prompted.pass_time(hours=26)
    assert len((await prompted.payment()).captures) == 2 or await prompted.reviews()


@pytest.mark.parametrize("then", ["a notice", "an operator"])
async def test_what_a_person_recorded_by_our_reference_is_not_counted_again(shop: Shop, then: str) -> None:
    reference = await stuck(shop)
    with suppress(DecisionNotPossible):
        await decide(shop, "record", outcome="paid", provider_reference=reference)
    shop.provider.pays(reference)
    if then == "a notice":
        await shop.hear(reference, Claim.OTHER)
        await shop.kit.work()
    else:
        await shop.ask(reference)
    assert len((await shop.payment()).captures) == 1


async def recorded(shop: Shop, name: str = "as the dashboard has it", **details: str) -> str:
    """The reference of an attempt of which a person recorded that it was paid."""
    reference = await stuck(shop)
    await decide(shop, "record", outcome="paid", provider_reference=name, **details)
    return reference


async def test_what_a_person_recorded_by_another_name_than_its_provider_attests_is_counted_once(
    shop: Shop,
) -> None:
    reference = await recorded(shop)
    shop.provider.pays(reference)

    await shop.ask(reference)
    await shop.hear(reference, Claim.PAID)
    await shop.kit.work()

    payment = await shop.payment()
    assert [(c.key, c.vouched) for c in payment.captures] == [("as the dashboard has it", Vouched.RECORDED)]
    assert await shop.reviews() == []
    await everything_holds(shop.kit)


async def test_what_is_attested_beside_recorded_money_of_another_amount_is_other_money(shop: Shop) -> None:
    reference = await recorded(shop, amount="900.00")
    shop.provider.pays(reference)

    await shop.ask(reference)

    assert len((await shop.payment()).captures) == 2
    assert sorted(await shop.reviews()) == ["amount_mismatch"]
    await everything_holds(shop.kit)


OURS = "{}"
"""The name that we gave an attempt."""


@pytest.mark.parametrize("then", ["999.99", "899.99"])
@pytest.mark.parametrize("names", [(OURS, "T-1"), ("T-1", OURS), ("T-1", "a slip"), ("a slip", "T-1")])
async def test_what_people_record_of_one_page_by_two_names_is_one_money_if_it_is_as_much(
    shop: Shop, names: tuple[str, str], then: str
) -> None:
    """Simulated history 115256037: it was held twice, and the second refund was refused."""
    reference = await stuck(shop)
    first, second = (name.format(reference) for name in names)
    await decide(shop, "record", outcome="paid", amount="999.99", provider_reference=first)

    # What is held does not answer it, so a person is asked a second time.
    await shop.hear(reference, Claim.PAID)
    await shop.pass_hours(26)
    await answer(shop, second, then)

    as_much = then == "999.99"
    assert [c.key for c in (await shop.payment()).captures] == ([first] if as_much else [first, second])
    assert await shop.reviews() == ["amount_mismatch"] * (1 if as_much else 2)
    await everything_holds(shop.kit)


async def answer(shop: Shop, name: str, amount: str) -> None:
    """A person says that it was paid, as they are asked."""
    questions = (await shop.kit.payments.reviews()).items
    (asked,) = (review for review in questions if review.kind is ReviewKind.STUCK_UNKNOWN)
    seen = Details(outcome="paid", amount=amount, provider_reference=name)
    await shop.kit.payments.resolve(asked.review_id, "record", "seen", "operator:boss", seen)


async def test_by_neither_name_that_people_gave_money_of_a_page_it_pays_another_order(shop: Shop) -> None:
    reference = await recorded(shop, "slip 1", amount="999.99")
    await shop.hear(reference, Claim.PAID)
    await shop.pass_hours(26)
    await answer(shop, "T-1", "999.99")

    shop.kit.order("order_2", amount="999.99", currency="ETB")
    other = await shop.initiate("order_2")
    shop.provider.answers(other.reference, NOTHING)
    await shop.pass_hours(73)

    for name in ("T-1", "slip 1"):
        with pytest.raises(DecisionNotPossible, match="another attempt"):
            await answer(shop, name, "999.99")
    assert (await shop.payment("order_2")).captures == ()
    await everything_holds(shop.kit)


async def test_a_part_that_was_accepted_is_not_the_whole_that_is_recorded_then(shop: Shop) -> None:
    reference = await recorded(shop, "slip 1", amount="400.00")
    await shop.hear(reference, Claim.PAID)
    await shop.pass_hours(26)
    (held,) = (r for r in (await shop.kit.payments.reviews()).items if r.kind is ReviewKind.AMOUNT_MISMATCH)
    await shop.kit.payments.resolve(held.review_id, "accept", "a discount", "operator:boss")

    await answer(shop, "T-1", "1000.00")

    assert len((await shop.payment()).captures) == 2
    assert await shop.reviews() == ["surplus"]
    await everything_holds(shop.kit)


async def test_recorded_money_that_went_back_is_that_money(shop: Shop) -> None:
    reference = await recorded(shop)
    await shop.attests_returned(reference)

    await shop.ask(reference)

    payment = await shop.payment()
    assert len(payment.captures) == 1
    assert payment.given_back == birr("1000.00")
    await everything_holds(shop.kit)


async def test_a_late_report_with_another_receipt_than_was_recorded_is_other_money(
    prompted: PromptsShop,
) -> None:
    opened = await prompted.initiate()
    prompted.prompts.silent = True
    await prompted.pass_time(hours=26)
    await record(prompted, OTHER)
    prompted.prompts.silent = False
    prompted.prompts.pays(opened.reference)
    await prompted.reports(opened.reference, receipt=RECEIPT)
    await prompted.pass_time(hours=26)
    assert len((await prompted.payment()).captures) == 2 or await prompted.reviews()


@pytest.mark.parametrize("asks", [1, 2])
async def test_what_was_said_once_is_not_forgotten_for_money_of_another_name(
    prompted: PromptsShop, asks: int
) -> None:
    opened = await prompted.initiate()
    prompted.prompts.silent = False
    prompted.prompts.declines(opened.reference, final=False)
    await prompted.ask(opened.reference)
    for _ in range(asks):
        await prompted.ask(opened.reference)
    prompted.prompts.pays(opened.reference)
    prompted.prompts.twice(opened.reference, "C-again")
    await prompted.ask(opened.reference)
    await prompted.reports(opened.reference, name="C-again", receipt=OTHER)
    await prompted.pass_time(hours=26)
    assert len((await prompted.payment()).captures) == 2 or await prompted.reviews()


@pytest.mark.parametrize("own", ["paid", "declined", "silence"])
async def test_a_prompt_that_was_paid_under_another_name_is_asked_about_by_its_own_too(
    prompted: PromptsShop, own: str
) -> None:
    """It came twice, its watch was over, and only the second was ever reported (seeds 10008707, 10506519)."""
    reference = (await prompted.initiate()).reference
    prompted.prompts.silent = True
    await prompted.pass_time(hours=30)
    prompted.prompts.silent = False
    prompted.prompts.pays(reference)
    prompted.prompts.twice(reference, "C-again")
    if own == "declined":
        prompted.prompts.declines(reference)
    elif own == "silence":
        prompted.prompts.answers(reference, NOTHING)
    await prompted.reports(reference, name="C-again", receipt=OTHER)
    await prompted.kit.payments.process_notices()
    (asked,) = (await prompted.kit.payments.reviews()).items
    await prompted.kit.payments.resolve(asked.review_id, "ask_again", "look", "operator:ann")
    await prompted.pass_time(hours=30)

    payment = await prompted.payment()
    reviews = {"paid": ["stuck_unknown", "surplus"], "declined": [], "silence": ["stuck_unknown"]}
    assert await prompted.reviews() == reviews[own]
    assert [c.key for c in payment.captures] == (["C-again", "C-1"] if own == "paid" else ["C-again"])
    assert (await prompted.attempt(reference)).next_check_at is None
    await everything_holds(prompted.kit)


@pytest.mark.parametrize("asked", [1, 2])
async def test_an_answer_about_the_declined_name_ends_no_question_about_the_reported_one(
    prompted: PromptsShop, asked: int
) -> None:
    opened = await prompted.initiate()
    prompted.prompts.declines(opened.reference)
    await prompted.reports(opened.reference, name="C-again", receipt=OTHER)
    await prompted.pass_time(hours=25)
    (question,) = (await prompted.kit.payments.reviews()).items
    for _ in range(asked):
        await prompted.kit.payments.resolve(question.review_id, "ask_again", "look", "operator:ann")
    assert await prompted.reviews() == ["stuck_unknown"]


async def test_money_of_the_own_name_ends_no_question_about_the_reported_one(prompted: PromptsShop) -> None:
    opened = await prompted.initiate()
    prompted.prompts.silent = True
    await prompted.reports(opened.reference, name="C-again", receipt=OTHER)
    await prompted.pass_time(hours=26)
    prompted.prompts.silent = False
    prompted.prompts.pays(opened.reference)
    (question,) = (await prompted.kit.payments.reviews()).items
    for _ in range(4):
        await prompted.kit.payments.resolve(question.review_id, "ask_again", "look", "operator:ann")
        prompted.skip(seconds=15)
    assert [c.key for c in (await prompted.payment()).captures] == ["C-1"]
    assert await prompted.reviews() == ["stuck_unknown"]


async def test_a_name_that_gets_no_answer_hides_no_older_one(prompted: PromptsShop) -> None:
    opened = await prompted.initiate()
    prompted.prompts.pays(opened.reference)
    await prompted.reports(opened.reference, receipt=RECEIPT)
    await prompted.kit.work()
    prompted.prompts.twice(opened.reference, "C-4")
    await prompted.reports(opened.reference, name="C-4", receipt=OTHER)
    prompted.skip(seconds=1)
    await prompted.reports(opened.reference, name="C-5", receipt="SGH3333333")
    await prompted.pass_time(hours=25)
    assert [c.key for c in (await prompted.payment()).captures] == ["C-1", "C-4"]
    assert sorted(await prompted.reviews()) == ["stuck_unknown", "surplus"]


async def nameless() -> Shop:
    provider, other = HesitatingProvider(lists_references=False), HesitatingProvider(name="other")
    kit = in_memory_payments(provider, other)
    kit.order()
    return Shop(kit=kit, provider=provider, other=other)


async def test_recorded_money_is_not_nobodys_in_a_list_without_our_references() -> None:
    shop = await nameless()
    reference = await recorded(shop)
    shop.provider.pays(reference)
    shop.provider.lists(reference)
    span = Span(since=shop.kit.clock.now() - timedelta(days=7), until=shop.kit.clock.now())
    async for _ in shop.kit.payments.reconcile("scripted", span, apply=True):
        pass
    assert await orphans(shop) == []
    await everything_holds(shop.kit)


@pytest.mark.parametrize("outcome", [Outcome.PAID, Outcome.RETURNED])
async def test_recorded_money_is_offered_for_no_second_attempt_once_its_provider_told_its_name(
    shop: Shop, outcome: Outcome
) -> None:
    """Seed 61505291: it was held on the second one, too, and sent back from there."""
    reference = await recorded(shop)
    await shop.attests(reference, outcome=outcome, word="said")
    await shop.ask(reference)
    shop.kit.order("order_2")
    second = await shop.initiate("order_2")
    name = f"T-{reference}"
    await shop.attests(second.reference, capture_key=name, provider_reference=name)
    await shop.ask(second.reference)

    assert (await shop.payment("order_2")).captures == ()
    assert (await the_review(shop, ReviewKind.ORPHAN)).subject == f"{second.reference}:{name}"


async def test_money_that_counts_is_attached_to_no_second_order(shop: Shop) -> None:
    shop.kit.order("order_2")
    reference = await recorded(shop)
    second = await shop.initiate("order_2")
    # As a notice without our reference would, or a list that was read before the person recorded it.
    shop.provider.pays(reference)
    shop.provider.ledger.lists(shop.provider._answers[reference], tells_reference=False)
    await reconciled(shop, apply=True)
    (asked,) = await orphans(shop)
    with suppress(DecisionNotPossible):
        await resolve(shop, asked, "attach", reference=second.reference, paid_under=reference)
    assert (await shop.payment("order_2")).captures == ()


async def test_a_second_payment_under_one_reference_is_attached_to_another_order(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)
    await shop.ask(opened.reference)
    await shop.kit.work()
    shop.skip(minutes=10)
    shop.provider.lists(opened.reference)
    shop.provider.lists(opened.reference, capture_key="T-second")
    await reconciled(shop, apply=True)
    (asked,) = await orphans(shop)
    await shop.attests(opened.reference, capture_key="T-second", provider_reference="T-second")
    shop.kit.order("order_2")
    second = await shop.initiate("order_2")

    await resolve(shop, asked, "attach", reference=second.reference, paid_under=opened.reference)

    assert (await shop.payment("order_2")).status is PaymentStatus.SUCCESS


async def test_a_difference_that_is_reported_is_asked_about_once_whatever_was_decided(
    prompted: PromptsShop,
) -> None:
    opened = await prompted.initiate()
    prompted.prompts.pays(opened.reference)
    await prompted.ask(opened.reference)
    prompted.skip(seconds=11)
    await prompted.ask(opened.reference)
    prompted.prompts.silent = True
    await prompted.reports(opened.reference, receipt=RECEIPT, amount="900.00")
    await prompted.reports(opened.reference, name="C-again", receipt=OTHER)
    asked = 0
    for _ in range(10):
        await prompted.pass_time(hours=2)
        for review in (await prompted.kit.payments.reviews()).items:
            asked += 1
            await prompted.kit.payments.resolve(review.review_id, "dismiss", "seen", "operator:boss")
    assert asked == 1


async def test_a_second_word_counts_however_late_it_comes(prompted: PromptsShop) -> None:
    """Whoever embeds this may have it sweep every ten minutes; and time leaps where processes are killed."""
    reference = (await prompted.initiate()).reference
    prompted.prompts.pays(reference)

    for _ in range(3):
        prompted.skip(minutes=10)
        await prompted.kit.payments.sweep()

    assert [capture.reference for capture in (await prompted.payment()).captures] == [reference]
    await everything_holds(prompted.kit)


async def test_a_name_that_another_prompt_got_is_not_learnt_for_recorded_money(prompted: PromptsShop) -> None:
    """A report came in to the wrong address, with the receipt that a person had recorded there."""
    first = await prompted.lost()
    prompted.prompts.silent = True
    await prompted.pass_time(hours=26)
    await record(prompted, RECEIPT)
    prompted.kit.order("order_2", amount="1000.00", currency="KES")
    second = await prompted.initiate("order_2")
    prompted.prompts.silent = False
    prompted.prompts.pays(second.reference)
    own = prompted.prompts.named(second.reference)
    await prompted.reports(first, name=own, receipt=RECEIPT)

    await prompted.ask(first)

    assert (await prompted.attempt(first)).provider_reference is None
    assert await prompted.reviews() == ["orphan"]
    await prompted.pass_time(minutes=5)
    assert [c.key for c in (await prompted.payment("order_2")).captures] == [own]


async def test_blanks_around_a_receipt_count_for_nothing_though_its_provider_is_switched_off(
    prompted: PromptsShop,
) -> None:
    opened = await prompted.initiate()
    prompted.prompts.silent = True
    await prompted.pass_time(hours=26)
    (asked,) = (await prompted.kit.payments.reviews()).items
    off = attrs.evolve(prompted.kit.payments.resolve, providers=Providers({}))
    seen = Details(outcome="paid", provider_reference=f" {RECEIPT} ")
    await off(asked.review_id, "record", "seen", "operator:boss", seen)
    prompted.prompts.silent = False
    prompted.prompts.pays(opened.reference)
    await prompted.reports(opened.reference, receipt=RECEIPT)
    await prompted.pass_time(hours=1)

    assert [c.key for c in (await prompted.payment()).captures] == [RECEIPT]


async def nobodys(prompted: PromptsShop) -> str:
    """The reference of a prompt of 1000.00 whose receipt a person recorded for another order."""
    first = await prompted.lost()
    prompted.prompts.pays(first)
    prompted.kit.order("order_2", amount="1000.00", currency="KES")
    prompted.prompts.silent = True
    second = await prompted.initiate("order_2")
    await prompted.pass_time(hours=26)
    (asked,) = (r for r in (await prompted.kit.payments.reviews()).items if r.subject == second.reference)
    seen = Details(outcome="paid", provider_reference=RECEIPT)
    await prompted.kit.payments.resolve(asked.review_id, "record", "seen", "operator:boss", seen)
    prompted.prompts.silent = False
    await prompted.reports(first, receipt=RECEIPT)
    await prompted.kit.payments.process_notices()
    return first


async def attach(prompted: PromptsShop, reference: str) -> None:
    (orphan,) = (await prompted.kit.payments.reviews(kind=ReviewKind.ORPHAN)).items
    details = Details(reference=reference)
    await prompted.kit.payments.resolve(orphan.review_id, "attach", "theirs", "operator:boss", details)


async def test_money_whose_amount_is_not_attested_is_attached_as_what_was_asked_for(
    prompted: PromptsShop,
) -> None:
    """It paid whatever was owed where it was put."""
    await nobodys(prompted)
    prompted.kit.order("order_3", amount="5000.00", currency="KES")
    prompted.prompts.silent = True
    third = await prompted.initiate("order_3")

    await attach(prompted, third.reference)

    (capture,) = (await prompted.payment("order_3")).captures
    assert (capture.amount.decimal, capture.disposition) == ("1000.00", Disposition.HELD)
    assert await prompted.reviews("order_3") == ["amount_mismatch"]


async def test_money_of_a_prompt_that_is_put_to_it_is_its_own(prompted: PromptsShop) -> None:
    first = await nobodys(prompted)

    await attach(prompted, first)

    assert (await prompted.payment()).has_own_money(first)
    await prompted.pass_time(hours=30)
    assert [c.key for c in (await prompted.payment()).captures] == ["C-1"]


async def test_a_receipt_that_was_recorded_with_another_amount_of_the_same_prompt_is_asked_about(
    prompted: PromptsShop,
) -> None:
    """Both bore it: one money was held as recorded, paid as attested, and nobody was told."""
    opened = await prompted.initiate()
    prompted.prompts.silent = True
    await prompted.pass_time(hours=26)
    (asked,) = (await prompted.kit.payments.reviews()).items
    seen = Details(outcome="paid", provider_reference=RECEIPT, amount="900.00")
    await prompted.kit.payments.resolve(asked.review_id, "record", "seen", "operator:boss", seen)
    prompted.prompts.silent = False
    prompted.prompts.pays(opened.reference)
    for _ in range(2):
        await prompted.ask(opened.reference)
        prompted.skip(seconds=11)
    await prompted.reports(opened.reference, receipt=RECEIPT)
    await prompted.kit.work()

    captures = (await prompted.payment()).captures
    assert [(c.key, c.receipt) for c in captures] == [(RECEIPT, None), ("C-1", None)]
    assert sorted(await prompted.reviews()) == ["amount_mismatch", "dispute"]
    await everything_holds(prompted.kit)
