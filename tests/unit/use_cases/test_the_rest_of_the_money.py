"""What ends the looks for what went back beside a refund, and what does not."""

from datetime import timedelta

import attrs
import pytest

from payments.application.ports.providers import RefundOutcome
from payments.application.records import Claim
from payments.domain.errors import DecisionNotPossible
from payments.domain.evidence import Outcome
from payments.domain.refund import Refund
from tests.unit.use_cases.deciding import decide, decide_refused, resolve, stuck, the_review, under_way
from tests.unit.use_cases.kept import everything_holds
from tests.unit.use_cases.shop import NOTHING, Shop, birr
from tests.unit.use_cases.test_attached_money import FORGOTTEN, forgotten_money

pytestmark = pytest.mark.anyio


async def returned(shop: Shop, reference: str, amount: str) -> None:
    """The provider says that so much of the money of ``reference`` went back, all together."""
    await shop.attests(reference, outcome=Outcome.RETURNED, word=f"refunded {amount}", returned=birr(amount))


async def paid(shop: Shop) -> str:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)
    await shop.ask(opened.reference)
    await shop.kit.work()
    return opened.reference


async def ends(shop: Shop, refund: Refund, outcome: RefundOutcome) -> None:
    """The provider ends the refund, and nobody asks about its money yet."""
    assert shop.provider.refunds is not None
    shop.provider.refunds.ends(refund.reference, outcome)
    await shop.hear(refund.reference, Claim.OTHER)
    await shop.kit.payments.process_notices()


async def hidden(shop: Shop, amount: str = "300.00") -> str:
    """Money of which a part went back, and was taken for a refund of ours that then failed."""
    reference = await paid(shop)
    mine = await under_way(shop, reference)
    await returned(shop, reference, amount)
    await shop.hear(reference, Claim.RETURNED)
    await shop.kit.work()
    assert (await shop.payment()).given_back == birr("0.00")
    await ends(shop, mine, RefundOutcome.FAILED)
    return reference


async def test_money_that_is_put_to_an_attempt_ends_no_look_for_what_went_back(shop: Shop) -> None:
    await shop.hear(FORGOTTEN)
    await shop.pass_hours(36)
    reference = await hidden(shop)
    shop.provider.answers(FORGOTTEN, forgotten_money())
    await decide(shop, "attach", reference=reference)

    await shop.pass_hours(3)

    assert (await shop.payment()).given_back == birr("300.00")


async def test_what_a_person_records_ends_no_look_for_what_went_back(shop: Shop) -> None:
    reference = await stuck(shop)
    shop.provider.pays(reference)
    await shop.ask(reference)
    mine = await under_way(shop, reference)
    await returned(shop, reference, "300.00")
    await shop.hear(reference, Claim.RETURNED)
    await shop.kit.work()
    shop.provider.silent = True
    await ends(shop, mine, RefundOutcome.FAILED)
    await shop.pass_hours(2)
    await resolve(shop, await the_review(shop), "record", outcome="paid", provider_reference="seen")

    shop.provider.silent = False
    await shop.pass_hours(3)

    assert (await shop.payment()).given_back == birr("300.00")


async def test_what_went_back_in_parts_beside_a_failed_refund_is_seen_to_the_last(shop: Shop) -> None:
    reference = await hidden(shop, "100.00")
    await shop.kit.payments.sweep()
    assert (await shop.payment()).given_back == birr("100.00"), "that is what an older answer knows"
    await returned(shop, reference, "300.00")

    await shop.pass_hours(3)

    assert (await shop.payment()).given_back == birr("300.00")


async def test_a_clock_that_is_ahead_does_not_end_the_looks_for_what_went_back_with_one(shop: Shop) -> None:
    reference = await hidden(shop)
    shop.provider.pays(reference)
    shop.skip(hours=2)
    await shop.kit.payments.sweep()
    shop.kit.clock.advance(-timedelta(hours=2))
    await returned(shop, reference, "300.00")

    await shop.pass_hours(5)

    assert (await shop.payment()).given_back == birr("300.00")


async def test_a_clock_that_is_almost_a_day_ahead_does_not_end_them_with_a_silent_one(shop: Shop) -> None:
    reference = await hidden(shop)
    shop.provider.answers(reference, NOTHING)
    shop.skip(hours=23.5)
    await shop.kit.payments.sweep()
    shop.kit.clock.advance(-timedelta(hours=23.5))
    await returned(shop, reference, "300.00")

    await shop.pass_hours(26)

    assert (await shop.payment()).given_back == birr("300.00")


@pytest.mark.parametrize("looks", [["old", "old"], ["silent", "old"], ["old", "silent", "old"]])
async def test_no_answers_but_the_day_ends_the_looks_for_what_went_back(shop: Shop, looks: list[str]) -> None:
    """Silence counted as the first of two answers (seed 60504843), and two of them may be old ones."""
    reference = await hidden(shop)
    for look in looks:
        if look == "old":
            shop.provider.pays(reference)
        else:
            shop.provider.answers(reference, NOTHING)
        await shop.pass_hours(1)
    await returned(shop, reference, "300.00")

    await shop.pass_hours(26)

    assert (await shop.payment()).given_back == birr("300.00")
    assert (await shop.payment()).attempt(reference).next_check_at is None


async def test_silence_ends_the_looks_for_what_went_back_after_a_day_with_a_question(shop: Shop) -> None:
    reference = await hidden(shop)
    shop.provider.answers(reference, NOTHING)

    await shop.pass_hours(28)

    attempt = await shop.attempt(reference)
    assert attempt.next_check_at is None
    assert attempt.watch_until is not None
    assert await shop.reviews() == ["dispute"]
    asked = await the_review(shop)
    assert (asked.subject, asked.detail) == (
        f"{reference}:{attempt.watch_until.isoformat()}",
        "Its watch ended, and the provider's last answer does not say what went back of its money.",
    )
    await everything_holds(shop.kit)


async def test_what_went_back_is_asked_again_where_another_watch_ends_in_silence(shop: Shop) -> None:
    reference = await hidden(shop)
    shop.provider.answers(reference, NOTHING)
    await shop.pass_hours(28)
    await decide(shop, "dismiss")
    mine = await under_way(shop, reference)
    await ends(shop, mine, RefundOutcome.FAILED)

    await shop.pass_hours(28)

    assert (await shop.attempt(reference)).next_check_at is None
    assert await shop.reviews() == ["dispute"]


async def test_nobody_is_asked_what_went_back_of_money_that_is_all_gone(shop: Shop) -> None:
    other = await shop.initiate(provider="other")
    reference = await hidden(shop)
    await returned(shop, reference, "1000.00")
    await shop.ask(reference)
    # What came on another page says nothing of this one.
    shop.other.pays(other.reference)
    await shop.kit.payments.settle(other.reference)
    before = await shop.reviews()
    shop.provider.answers(reference, NOTHING)

    await shop.pass_hours(28)

    assert await shop.reviews() == before


async def test_what_went_back_beside_a_refund_that_succeeded_is_taken_in(shop: Shop) -> None:
    reference = await paid(shop)
    mine = await under_way(shop, reference)
    await returned(shop, reference, "300.00")
    await shop.hear(reference, Claim.RETURNED)
    await shop.kit.work()
    await returned(shop, reference, "600.00")
    await ends(shop, mine, RefundOutcome.SUCCEEDED)

    await shop.pass_hours(3)

    assert (await shop.payment()).given_back == birr("600.00")


async def test_money_that_is_about_to_go_back_is_not_attached_to_nothing(shop: Shop) -> None:
    await shop.hear(FORGOTTEN)
    await shop.pass_hours(36)
    opened = await shop.initiate()
    begun = attrs.evolve(forgotten_money(outcome=Outcome.RETURNED), returned=birr("0.00"))
    shop.provider.answers(FORGOTTEN, begun)
    await decide_refused(shop, DecisionNotPossible, "attach", reference=opened.reference)

    shop.provider.answers(FORGOTTEN, forgotten_money())
    await decide(shop, "attach", reference=opened.reference)
    assert (await shop.payment()).received == birr("1000.00")


async def test_other_money_tells_nothing_of_what_went_back(shop: Shop) -> None:
    reference = await hidden(shop)
    shop.provider.answers(reference, NOTHING)
    await shop.pass_minutes(30)
    await shop.attests(reference, capture_key="another")
    await shop.pass_minutes(60)
    assert len((await shop.payment()).captures) == 2
    await returned(shop, reference, "300.00")

    await shop.pass_hours(5)

    assert (await shop.payment()).given_back == birr("300.00")


@pytest.mark.parametrize("silent", ["about the payment", "about everything"])
async def test_a_refund_of_ours_explains_no_other_money_that_went_back_where_the_provider_is_silent(
    shop: Shop, silent: str
) -> None:
    reference = await paid(shop)
    payment = await shop.payment()
    await shop.kit.payments.refund(payment.payment_id, amount="300.00", reason="late", actor="operator:anna")
    await returned(shop, reference, "300.00")
    await shop.pass_hours(30)
    await returned(shop, reference, "600.00")
    assert shop.provider.refunds is not None
    shop.provider.silent, shop.provider.refunds.silent = True, silent == "about everything"
    await shop.hear(reference, Claim.RETURNED)
    await shop.kit.work()
    shop.provider.silent = shop.provider.refunds.silent = False

    await shop.pass_hours(3)

    assert (await shop.payment()).given_back == birr("600.00")


async def test_an_old_answer_does_not_hide_that_more_went_back(shop: Shop) -> None:
    reference = await paid(shop)
    await returned(shop, reference, "300.00")
    await shop.hear(reference, Claim.RETURNED)
    await shop.pass_hours(30)
    await shop.hear(reference, Claim.RETURNED)
    await shop.kit.work()
    await returned(shop, reference, "600.00")

    await shop.pass_hours(3)

    assert (await shop.payment()).given_back == birr("600.00")


async def test_what_went_back_and_is_told_again_is_not_asked_about_for_ever(shop: Shop) -> None:
    reference = await paid(shop)
    await returned(shop, reference, "300.00")
    await shop.hear(reference, Claim.RETURNED)
    await shop.pass_hours(30)
    before = shop.provider.calls["check"]
    await shop.hear(reference, Claim.RETURNED)

    await shop.pass_hours(30)

    assert shop.provider.calls["check"] - before <= 9
    assert (await shop.attempt(reference)).next_check_at is None


async def test_a_notice_that_more_went_back_is_followed_for_a_day_though_another_day_is_almost_over(
    shop: Shop,
) -> None:
    """It came 23 hours after a refund of ours, and what it was answered was older for four hours."""
    reference = await paid(shop)
    mine = await under_way(shop, reference)
    await returned(shop, reference, "300.00")
    await ends(shop, mine, RefundOutcome.SUCCEEDED)
    await shop.pass_hours(23)
    await shop.hear(reference, Claim.RETURNED)
    await shop.pass_hours(4)
    await returned(shop, reference, "500.00")

    await shop.pass_hours(26)

    assert (await shop.payment()).given_back == birr("500.00")
    assert (await shop.attempt(reference)).next_check_at is None


@pytest.mark.parametrize("hours", [25, 20])
async def test_a_clock_that_is_behind_leaves_the_looks_for_what_went_back_their_day(
    shop: Shop, hours: int
) -> None:
    """By all others the day was over when it began, or almost, and the answers of those hours were old."""
    reference = await paid(shop)
    mine = await under_way(shop, reference)
    await returned(shop, reference, "300.00")
    await shop.ask(reference)
    shop.provider.pays(reference)
    shop.kit.clock.step_back(timedelta(hours=hours))
    await ends(shop, mine, RefundOutcome.FAILED)
    shop.kit.clock.step_back(-timedelta(hours=hours))
    await shop.pass_hours(8)
    await returned(shop, reference, "300.00")

    await shop.pass_hours(26)

    assert (await shop.payment()).given_back == birr("300.00")
    assert (await shop.attempt(reference)).next_check_at is None
