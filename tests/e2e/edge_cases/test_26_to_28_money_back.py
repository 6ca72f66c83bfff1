"""Cases 26 to 28: money that goes back, by us, by the provider, or not at all."""

import asyncio
from datetime import timedelta

import pytest

from payments.application.ports.providers import Question, RefundOutcome
from payments.application.records import Claim
from payments.domain.errors import OutcomeUnknown, ProviderRejected
from payments.domain.evidence import Outcome
from payments.domain.money import Money
from tests.e2e.edge_cases.scripted import Scripted
from tests.e2e.story import Story, coming_back, token
from tests.integration.http.door import problem

pytestmark = pytest.mark.anyio


async def test_case_26_money_that_never_arrived_is_not_refunded(scripted: Scripted) -> None:
    opened = await scripted.initiated()
    unpaid = await scripted.refund(opened["payment_id"], "1.00", key="unpaid")
    scripted.provider.declines(opened["reference"])
    await scripted.ask(opened["reference"])
    failed = await scripted.refund(opened["payment_id"], "1.00", key="failed")

    problem(unpaid, 409, "nothing_to_refund")
    problem(failed, 409, "nothing_to_refund")
    assert scripted.refunds.calls["request"] == 0


async def test_case_26_more_than_what_is_left_is_not_refunded(scripted: Scripted) -> None:
    payment_id = (await scripted.paid())["payment_id"]
    scripted.refunds.answer = RefundOutcome.PENDING
    assert (await scripted.refund(payment_id, "600.00", key="first")).status_code == 201

    told = problem(await scripted.refund(payment_id, "400.01", key="more"), 409, "refund_too_large")

    assert told["refundable"] == "400.00", "what is on its way counts"
    assert scripted.refunds.calls["request"] == 1


async def test_case_26_more_than_what_is_left_is_not_refunded_not_even_by_two_at_once(story: Story) -> None:
    await story.outside.switch_chapa(refunds="allowed")
    opened = await story.initiated()
    await story.browser.pay(opened["checkout_url"])
    await story.until_status(opened["payment_id"], "success")

    async def asked(key: str) -> int:
        headers = {
            "Authorization": f"Bearer {token('clerk', scope='payments:refund')}",
            "Idempotency-Key": key,
        }
        body = {"amount": "600.00", "reason": "it came back"}
        path = f"/payments/{opened['payment_id']}/refunds/"
        # A store that is busy has them come again.
        return (await coming_back(lambda: story.post(path, json=body, headers=headers))).status_code

    answers = await asyncio.gather(*(asked(f"clerk-{number}") for number in range(5)))

    assert sorted(answers) == [201, 409, 409, 409, 409]
    assert len(await story.outside.chapa_calls("refund")) == 1
    assert story.rows("SELECT amount_minor FROM refunds") == [(60000,)]


async def test_case_27_a_refund_whose_answer_was_lost_is_asked_about_and_never_sent_again(
    scripted: Scripted,
) -> None:
    payment_id = (await scripted.paid())["payment_id"]
    scripted.refunds.trouble, scripted.refunds.accepts_in_trouble = [OutcomeUnknown("read timeout")], True

    asked = await scripted.refund(payment_id, "1000.00", key="lost")

    assert (asked.status_code, asked.json()["status"]) == (201, "unknown")
    problem(await scripted.refund(payment_id, "0.01", key="more"), 409, "refund_too_large")
    await scripted.pass_time(minutes=2)
    assert await scripted.refund_statuses(payment_id) == ["succeeded"]
    assert scripted.refunds.calls["request"] == 1
    assert await scripted.told() == ["paid", "refunded"]


async def test_case_27_a_refund_that_stays_unknown_is_a_persons_question_after_a_day(
    scripted: Scripted,
) -> None:
    payment_id = (await scripted.paid())["payment_id"]
    scripted.refunds.trouble, scripted.refunds.silent = [OutcomeUnknown("read timeout")], True
    await scripted.refund(payment_id, "1000.00", key="lost")

    await scripted.pass_time(hours=26, step=timedelta(hours=1))

    assert await scripted.kinds() == ["refund_unknown"]
    assert await scripted.refund_statuses(payment_id) == ["unknown"]
    decided = await scripted.decide("record", outcome="succeeded", provider_reference="R-1")
    assert decided.status_code == 200, decided.text
    assert await scripted.refund_statuses(payment_id) == ["succeeded"]
    assert scripted.refunds.calls["request"] == 1


async def test_case_27_a_refund_that_was_refused_frees_its_amount(scripted: Scripted) -> None:
    payment_id = (await scripted.paid())["payment_id"]
    scripted.refunds.trouble = [ProviderRejected("the account is closed")]

    refused = await scripted.refund(payment_id, "1000.00", key="refused")

    assert (refused.status_code, refused.json()["status"]) == (201, "failed")
    assert refused.json()["detail"] == "the account is closed"
    assert (await scripted.refund(payment_id, "1000.00", key="again")).json()["status"] == "succeeded"
    assert await scripted.told() == ["paid", "refunded"]


async def test_case_27_a_refund_that_came_back_later_puts_the_money_back_and_all_are_told(
    scripted: Scripted,
) -> None:
    payment_id = (await scripted.paid())["payment_id"]
    scripted.refunds.answer = RefundOutcome.PENDING
    await scripted.refund(payment_id, "1000.00", key="whole")
    (reference,) = scripted.refunds.requests
    scripted.refunds.ends(reference, RefundOutcome.SUCCEEDED)
    await scripted.pass_time(minutes=1)
    assert (await scripted.payment(payment_id))["amount_refunded"] == "1000.00"

    scripted.refunds.ends(reference, RefundOutcome.FAILED, word="returned")
    await scripted.hear(reference, Claim.RETURNED)

    assert await scripted.told() == ["paid", "refunded", "partially_refunded"]
    newest = scripted.kit.orders.told("order_1")
    assert newest is not None
    assert b'"refunded_amount":"0.00"' in newest.body
    assert (await scripted.payment(payment_id))["amount_refunded"] == "0.00"
    assert await scripted.kinds() == ["dispute"]
    scripted.refunds.answer = RefundOutcome.SUCCEEDED
    assert (await scripted.refund(payment_id, "1000.00", key="anew")).json()["status"] == "succeeded"


async def attested_back(scripted: Scripted, reference: str, amount: str | None) -> None:
    """The provider tells and confirms that this much of an attempt's money went back."""
    known = Question(reference=reference, provider_reference=None, amount=Money.of("1000.00", "ETB"))
    paid = await scripted.provider.check(known)
    returned = Money.of(amount, "ETB") if amount else None
    scripted.provider.pays(
        reference, amount=paid.amount, outcome=Outcome.RETURNED, word="reversed", returned=returned
    )
    assert (await scripted.hear(reference, Claim.RETURNED)).status_code == 200
    await scripted.kit.work()


async def test_case_28_a_refund_from_the_providers_dashboard_is_taken_in(scripted: Scripted) -> None:
    opened = await scripted.paid()

    await attested_back(scripted, opened["reference"], "250.00")

    payment = await scripted.payment(opened["payment_id"])
    assert (payment["status"], payment["amount_refunded"]) == ("success", "250.00")
    assert await scripted.told() == ["paid", "partially_refunded"]
    assert await scripted.kinds() == ["dispute"]
    problem(await scripted.refund(opened["payment_id"], "750.01", key="more"), 409, "refund_too_large")


async def test_case_28_a_chargeback_after_a_refund_adds_only_what_is_more_than_ours(
    scripted: Scripted,
) -> None:
    opened = await scripted.paid()
    assert (await scripted.refund(opened["payment_id"], "300.00", key="ours")).status_code == 201
    assert await scripted.told() == ["paid", "partially_refunded"]

    await attested_back(scripted, opened["reference"], "1000.00")

    payment = await scripted.payment(opened["payment_id"])
    assert [refund["amount"] for refund in payment["refunds"]] == ["300.00", "700.00"]
    assert (payment["status"], payment["amount_refunded"]) == ("success", "1000.00")
    assert await scripted.told() == ["paid", "partially_refunded", "refunded"]
    assert await scripted.kinds() == ["dispute"]


async def test_case_28_a_refund_that_the_provider_merely_repeats_is_counted_once(scripted: Scripted) -> None:
    opened = await scripted.paid()
    await scripted.refund(opened["payment_id"], "1000.00", key="ours")

    await attested_back(scripted, opened["reference"], None)

    assert len((await scripted.payment(opened["payment_id"]))["refunds"]) == 1
    assert await scripted.told() == ["paid", "refunded"]
    assert await scripted.kinds() == []


@pytest.mark.stories
async def test_case_28_money_sent_back_in_paystacks_dashboard_reaches_order_and_payer(story: Story) -> None:
    await story.owes("1500.00", "NGN")
    opened = await story.initiated(provider="paystack")
    await story.outside.act_at_paystack(opened["reference"], "pay")
    await story.until_status(opened["payment_id"], "success")
    await story.until_told("paid")

    await story.outside.act_at_paystack(opened["reference"], "refund")

    order = await story.until_told("refunded")
    assert order["refunded_amount"] == "1500.00"
    assert await story.reviews() == ["dispute"]
    await story.told_once("paid", "refunded")
