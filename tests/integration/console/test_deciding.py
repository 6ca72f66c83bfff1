"""What an operator decides at the console: on purpose, with a reason, and told what came of it."""

from datetime import timedelta

import pytest

from payments.domain.events import ReviewKind
from payments.domain.evidence import Answer, Outcome
from payments.domain.money import Money
from payments.domain.review import Review
from payments.domain.transitions import PaymentStatus
from tests.integration.console.operator import OPERATE, Operator, text_of
from tests.integration.http.door import token

pytestmark = pytest.mark.anyio

WHY = "the shop gave a discount"


async def the_review(operator: Operator, kind: ReviewKind | None = None) -> Review:
    (review,) = (await operator.kit.payments.reviews(kind=kind)).items
    return review


async def short_money(operator: Operator) -> tuple[Review, str]:
    """A review about money of another amount than was due, and where it stands."""
    checkout = await operator.checkout()
    operator.kit.provider.pays(checkout.reference, amount=Money.of("900.00", "ETB"))
    await operator.kit.payments.settle(checkout.reference)
    review = await the_review(operator)
    return review, f"/reviews/{review.review_id}/"


async def stuck(operator: Operator) -> tuple[str, str]:
    """The reference of an attempt nobody knows the end of, and where its review stands."""
    checkout = await operator.checkout()
    operator.kit.provider.answers(checkout.reference, Answer(outcome=Outcome.NOTHING, word="HTTP 503"))
    await operator.kit.pass_time(timedelta(hours=73), step=timedelta(hours=1))
    await operator.sign_in()
    return checkout.reference, f"/reviews/{(await the_review(operator)).review_id}/"


async def test_a_review_is_told_with_its_money_its_evidence_and_its_ways_out(operator: Operator) -> None:
    _, place = await short_money(operator)

    page = await operator.gets(place)

    told = text_of(page)
    for sentence in (
        "Amount mismatch",
        "900.00 ETB arrived; 1000.00 ETB was due.",
        "900.00 ETB held",
        "The provider, asked because of an operator's question, answered 'success'.",
        "The amount differs from what is owed, so the money is held for review.",
        "Accept the money",
        "Send the money back",
    ):
        assert sentence in told
    assert "Dismiss" not in told
    assert f'href="/console{place}decide/accept/"' in page.text


async def test_the_list_leads_to_each_review(operator: Operator) -> None:
    _, place = await short_money(operator)

    assert f'href="/console{place}"' in (await operator.gets("/reviews/")).text


async def test_deciding_is_confirmed_with_a_reason_and_then_done(operator: Operator) -> None:
    review, place = await short_money(operator)
    asked = await operator.sees(f"{place}decide/accept/")
    assert "Accept the money?" in asked
    assert "1,000.00 ETB is owed for order order_1 ; 900.00 ETB arrived through Scripted" in asked
    assert (await the_review(operator)) == review, "looking decides nothing"

    told = text_of(await operator.posts(f"{place}decide/accept/", reason=WHY))

    assert "The question is answered" in told
    assert "is paid through scripted" in told
    payment = await operator.kit.unit_of_work.reads.payment_of_order("order_1")
    assert payment is not None
    assert payment.status is PaymentStatus.SUCCESS
    (trail,) = [
        link
        for link in await operator.kit.unit_of_work.reads.audit_of(payment.payment_id)
        if link.cause == "review"
    ]
    assert trail.actor == "operator:boss"


async def test_resolved_reviews_are_listed_with_who_decided_and_why(operator: Operator) -> None:
    _, place = await short_money(operator)
    await operator.posts(f"{place}decide/accept/", reason=WHY)

    listed = await operator.sees("/reviews/?state=resolved")

    assert f"operator:boss decided: accept. {WHY}" in listed
    assert "Nothing waits for a decision." in await operator.sees("/reviews/")
    assert "What may be decided" not in await operator.sees(place)


async def test_a_decided_refund_waits_and_says_so(operator: Operator) -> None:
    _, place = await short_money(operator)

    told = text_of(await operator.posts(f"{place}decide/refund/", reason=WHY))

    assert "900.00 ETB is set aside to go back." in told
    assert "It is open until the money went back." in await operator.sees(place)


async def test_without_a_reason_nothing_is_decided(operator: Operator) -> None:
    review, place = await short_money(operator)

    answer = await operator.posts(f"{place}decide/accept/", reason=" ")

    assert answer.status_code == 422
    assert "/reason : Say why" in text_of(answer)
    assert f'href="/console{place}"' in answer.text
    assert await the_review(operator) == review


async def test_a_form_of_another_visit_decides_nothing(operator: Operator) -> None:
    review, place = await short_money(operator)

    for forged in (
        await operator.posts(f"{place}decide/accept/", reason=WHY, form_token="another"),
        await operator.posts(f"{place}decide/accept/", reason=WHY, headers={"Sec-Fetch-Site": "cross-site"}),
    ):
        assert forged.status_code == 403
    assert await the_review(operator) == review


async def test_the_second_operator_learns_what_was_decided(operator: Operator) -> None:
    _, place = await short_money(operator)
    await operator.posts(f"{place}decide/accept/", reason=WHY)
    await operator.sign_in(token("other", OPERATE))

    late = await operator.posts(f"{place}decide/refund/", reason="no")

    assert late.status_code == 409
    assert "operator:boss decided 'accept'" in text_of(late)
    page = await operator.sees(f"{place}decide/refund/", 409)
    assert f"operator:boss decided 'accept' about amount_mismatch: {WHY}" in page


@pytest.mark.parametrize(
    ("path", "status"),
    [("decide/dismiss/", 409), ("decide/succeed/", 404), ("decide/", 404)],
)
async def test_a_way_out_that_is_not_there_has_no_page(operator: Operator, path: str, status: int) -> None:
    _, place = await short_money(operator)

    await operator.gets(f"{place}{path}", status)


async def test_a_review_that_is_not_there_is_not_found(operator: Operator) -> None:
    for name in ("nonsense", "019b76da-a800-7a3e-8a2c-5d3f6b1c9e40"):
        await operator.gets(f"/reviews/{name}/", 404)


async def test_what_was_seen_at_the_provider_is_recorded(operator: Operator) -> None:
    reference, place = await stuck(operator)
    asked = await operator.sees(f"{place}decide/record/")
    assert "It was paid" in asked

    told = text_of(
        await operator.posts(
            f"{place}decide/record/",
            reason="seen in the dashboard",
            outcome="paid",
            provider_reference="AP-1",
            amount="",
        )
    )

    assert "The question is answered" in told
    payment = await operator.kit.unit_of_work.reads.payment_with_reference(reference)
    assert payment is not None
    assert payment.status is PaymentStatus.SUCCESS
    assert "A person vouched for 'paid' in a review." in await operator.sees(
        f"/payments/{payment.payment_id}/"
    )


async def test_asking_again_in_vain_says_that_nothing_new_came(operator: Operator) -> None:
    _, place = await stuck(operator)

    told = text_of(await operator.posts(f"{place}decide/ask_again/", reason="a payer called"))

    assert "Nothing new came of it" in told
    assert "Ask the provider again" in await operator.sees(place)


async def test_money_is_attached_to_the_attempt_that_is_named(operator: Operator) -> None:
    checkout = await operator.checkout()
    paid = Answer(
        outcome=Outcome.PAID,
        word="success",
        reference="p-" + "b" * 26,
        amount=Money.of("1000.00", "ETB"),
        mode=operator.kit.provider.mode,
        provider_reference="X-1",
        capture_key="X-1",
    )
    operator.kit.provider.answers(checkout.reference, paid)
    await operator.kit.payments.settle(checkout.reference)
    place = f"/reviews/{(await the_review(operator)).review_id}/decide/attach/"
    assert "Attempt the money belongs to" in await operator.sees(place)

    told = text_of(await operator.posts(place, reason="ours", reference=f" {checkout.reference} "))

    assert "The question is answered" in told
    assert "is paid through scripted" in told


async def test_whoever_owes_the_payment_decides_nothing_about_it(operator: Operator) -> None:
    _, place = await short_money(operator)
    await operator.sign_in(token("user_1", OPERATE))

    page = text_of(await operator.gets(place))
    assert "You owe this payment" in page
    assert "Accept the money" not in page
    assert "Another person has to decide this" in await operator.sees(f"{place}decide/accept/", 403)
    assert (await operator.posts(f"{place}decide/accept/", reason=WHY)).status_code == 403
    assert (await the_review(operator)).decision is None
