"""Money that a person puts to an attempt says nothing about the attempt's own page: more may come there."""

from datetime import timedelta

import pytest

from payments.application.records import Claim
from payments.domain.events import Reason
from payments.domain.evidence import Answer, Mode, Outcome
from payments.domain.transitions import AttemptStatus, Disposition, PaymentStatus
from tests.unit.use_cases.deciding import decide, dispositions
from tests.unit.use_cases.kept import everything_holds
from tests.unit.use_cases.shop import IN_FLIGHT, NOTHING, Shop, birr

pytestmark = pytest.mark.anyio

FORGOTTEN = "p-" + "c" * 26
WATCHED = timedelta(days=3)


async def attached(shop: Shop, amount: str = "1000.00") -> str:
    """The reference of an open attempt that got money which was paid under a forgotten reference."""
    await shop.hear(FORGOTTEN)
    await shop.pass_hours(36)
    opened = await shop.initiate()
    paid = Answer(
        outcome=Outcome.PAID,
        word="paid",
        reference=FORGOTTEN,
        amount=birr(amount),
        mode=Mode.TEST,
        provider_reference="T-forgotten",
        capture_key="T-forgotten",
    )
    shop.provider.answers(FORGOTTEN, paid)
    await decide(shop, "attach", reference=opened.reference)
    assert [c.attached for c in (await shop.payment()).captures] == [True]
    return opened.reference


@pytest.mark.parametrize("learnt_by", ["a notice", "a redirect", "a reminder long after its watch"])
async def test_a_page_that_got_other_money_is_asked_about_when_it_is_said_to_be_paid(
    shop: Shop, learnt_by: str
) -> None:
    """Simulated history 2027816: the payer's own money was taken for the money that a person had attached."""
    reference = await attached(shop)
    shop.provider.cancels = False
    if learnt_by == "a reminder long after its watch":
        await shop.pass_hours(24 * 4)
        assert (await shop.attempt(reference)).next_check_at is None
    shop.provider.pays(reference)
    if learnt_by == "a redirect":
        shop.skip(seconds=5)
        await shop.kit.payments.settle(reference, "redirect", coalesce_s=3.0)
    else:
        await shop.hear(reference, Claim.PAID)
        await shop.kit.work()
    assert dispositions(await shop.payment()) == [Disposition.SETTLES, Disposition.SURPLUS]
    await everything_holds(shop.kit)


async def test_the_watch_of_a_page_goes_on_after_other_money_was_put_to_it(shop: Shop) -> None:
    reference = await attached(shop)
    shop.provider.forgets_to_cancel = True
    await shop.pass_minutes(10)
    shop.provider.pays(reference)

    await shop.pass_minutes(10)

    payment = await shop.payment()
    assert dispositions(payment) == [Disposition.SETTLES, Disposition.SURPLUS]
    assert payment.attempt(reference).next_check_at is None
    assert [c.attached for c in payment.captures] == [True, False]


async def test_a_page_that_other_money_paid_is_closed_at_its_provider(shop: Shop) -> None:
    reference = await attached(shop)
    shop.skip(seconds=31)

    await shop.kit.work()

    attempt = await shop.attempt(reference)
    assert (attempt.status, attempt.page_closed) == (AttemptStatus.SUCCEEDED, True)


async def test_the_watch_of_a_page_that_other_money_paid_ends_without_a_question(shop: Shop) -> None:
    reference = await attached(shop)

    await shop.pass_hours(WATCHED / timedelta(hours=1) + 3)

    assert (await shop.attempt(reference)).next_check_at is None
    assert await shop.reviews() == []
    await everything_holds(shop.kit)


@pytest.mark.parametrize("last", [NOTHING, IN_FLIGHT], ids=["no answer", "in flight"])
async def test_a_person_is_asked_where_the_watch_of_such_a_page_ends_in_silence(
    shop: Shop, last: Answer
) -> None:
    reference = await attached(shop)
    shop.provider.answers(reference, last)

    await shop.pass_hours(WATCHED / timedelta(hours=1) + 3)

    assert await shop.reviews() == ["stuck_unknown"]
    shop.provider.pays(reference)
    await decide(shop, "ask_again")
    assert dispositions(await shop.payment()) == [Disposition.SETTLES, Disposition.SURPLUS]


async def test_asking_again_about_such_a_page_ends_nothing_while_its_own_money_is_not_known(
    shop: Shop,
) -> None:
    reference = await attached(shop)
    shop.provider.answers(reference, IN_FLIGHT)
    await shop.pass_hours(WATCHED / timedelta(hours=1) + 3)

    await decide(shop, "ask_again")

    assert await shop.reviews() == ["stuck_unknown"]


async def test_a_page_on_which_other_money_is_held_ends_as_if_nothing_had_come(shop: Shop) -> None:
    reference = await attached(shop, "5.00")
    assert dispositions(await shop.payment()) == [Disposition.HELD]

    await shop.pass_hours(WATCHED / timedelta(hours=1) + 3)

    attempt = await shop.attempt(reference)
    assert (attempt.status, attempt.reason) == (AttemptStatus.EXPIRED, Reason.TIMED_OUT)
    assert attempt.next_check_at is None
    await everything_holds(shop.kit)


async def test_held_money_is_accepted_after_the_page_it_was_put_to_has_ended(shop: Shop) -> None:
    reference = await attached(shop, "5.00")
    await shop.pass_hours(WATCHED / timedelta(hours=1) + 3)

    await decide(shop, "accept")

    payment = await shop.payment()
    assert (payment.status, payment.attempt(reference).status) == (
        PaymentStatus.SUCCESS,
        AttemptStatus.SUCCEEDED,
    )
    await everything_holds(shop.kit)


async def test_what_was_paid_on_a_page_of_which_the_held_money_went_back_is_found(shop: Shop) -> None:
    reference = await attached(shop, "5.00")
    await decide(shop, "refund")
    await shop.kit.work()
    shop.provider.pays(reference)

    await shop.pass_minutes(10)

    payment = await shop.payment()
    assert payment.status is PaymentStatus.SUCCESS
    assert [(c.disposition, c.attached) for c in payment.captures] == [
        (Disposition.HELD, True),
        (Disposition.SETTLES, False),
    ]
    await everything_holds(shop.kit)


async def test_nobody_is_asked_about_a_page_whose_provider_names_the_very_money_that_was_put_to_it(
    shop: Shop,
) -> None:
    opened = await shop.initiate()
    await shop.attests(opened.reference, reference=FORGOTTEN)
    await shop.ask(opened.reference)
    await decide(shop, "attach", reference=opened.reference)

    await shop.pass_hours(WATCHED / timedelta(hours=1) + 3)

    assert await shop.reviews() == []
    assert (await shop.attempt(opened.reference)).next_check_at is None
