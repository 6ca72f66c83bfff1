"""What an operator does at the console: on purpose, from a page of ours, and told what came of it."""

from datetime import timedelta

import pytest

from payments.domain.evidence import Answer, Outcome
from payments.domain.money import Money
from payments.domain.transitions import PaymentStatus
from payments.testing import in_memory_payments
from payments.testing.provider import ScriptedProvider
from tests.integration.console.operator import Operator, actions, open_browser, text_of

pytestmark = pytest.mark.anyio


async def test_asking_settles_what_was_paid_and_says_so(operator: Operator) -> None:
    checkout = await operator.checkout()
    ask, _ = actions(checkout.payment_id, checkout.reference)
    operator.kit.provider.pays(checkout.reference)
    assert "Ask Scripted now?" in await operator.sees(ask)
    assert operator.kit.provider.calls["check"] == 0
    answer = await operator.posts(ask)
    assert answer.status_code == 200
    told = text_of(answer)
    assert "It answered “success”." in told
    assert "Reference, amount, currency and mode all match, so the money settles the payment." in told
    assert "This changed something: the attempt is succeeded, the payment is paid." in told
    payment = await operator.kit.payments.get(checkout.payment_id, None)
    assert payment.status is PaymentStatus.SUCCESS
    (evidence,) = await operator.kit.unit_of_work.reads.evidence_of(checkout.payment_id)
    assert evidence.cause == "operator"


@pytest.mark.parametrize(
    ("silent", "told"),
    [
        (False, "It answered “pending”. Nobody has paid yet, and the page is open. Nothing changed:"),
        (
            True,
            "It answered “HTTP 503”. The answer gives no information, so nothing changes and we ask again.",
        ),
    ],
)
async def test_asking_in_vain_says_so(operator: Operator, silent: bool, told: str) -> None:  # noqa: FBT001 - a column of the table above
    checkout = await operator.checkout()
    operator.kit.provider.silent = silent
    ask, _ = actions(checkout.payment_id, checkout.reference)
    assert told in text_of(await operator.posts(ask))
    payment = await operator.kit.payments.get(checkout.payment_id, None)
    assert payment.status is PaymentStatus.PROCESSING


async def test_cancelling_asks_first_and_is_told_with_the_name_of_who_did_it(operator: Operator) -> None:
    checkout = await operator.checkout()
    _, cancel = actions(checkout.payment_id, checkout.reference)
    assert "Cancel the live attempt?" in await operator.sees(cancel)
    assert operator.kit.provider.calls["cancel"] == 0
    answer = await operator.posts(cancel)
    assert answer.status_code == 200
    assert "The attempt is cancelled" in text_of(answer)
    trail = await operator.kit.unit_of_work.reads.audit_of(checkout.payment_id)
    assert trail[-1].actor == "operator:boss"
    story = await operator.sees(f"/payments/{checkout.payment_id}/")
    assert "expired: cancelled by payer" in story
    assert "Cancel the live attempt" not in story


async def test_cancelling_what_may_be_paid_this_moment_is_refused_plainly(operator: Operator) -> None:
    checkout = await operator.checkout()
    operator.kit.provider.answers(
        checkout.reference, Answer(outcome=Outcome.IN_FLIGHT, word="processing", reference=checkout.reference)
    )
    answer = await operator.posts(actions(checkout.payment_id, checkout.reference)[1])
    assert answer.status_code == 409
    assert "payment_in_flight" in text_of(answer)
    assert f'href="/console/payments/{checkout.payment_id}/">Back to the payment' in answer.text
    payment = await operator.kit.payments.get(checkout.payment_id, None)
    assert payment.live_attempt is not None


async def test_cancelling_what_turns_out_to_be_paid_settles_it_and_says_so(operator: Operator) -> None:
    checkout = await operator.checkout()
    operator.kit.provider.pays(checkout.reference)
    answer = await operator.posts(actions(checkout.payment_id, checkout.reference)[1])
    assert answer.status_code == 409
    assert "payment_settled" in text_of(answer)
    assert "Paid" in await operator.sees(f"/payments/{checkout.payment_id}/")


async def test_cancelling_what_turns_out_to_have_ended_says_what_happened(operator: Operator) -> None:
    checkout = await operator.checkout()
    operator.kit.provider.declines(checkout.reference)
    told = text_of(await operator.posts(actions(checkout.payment_id, checkout.reference)[1]))
    assert "There was nothing to cancel Scripted answered “failed”. The attempt is failed" in told


async def test_held_money_is_no_longer_cancelled_here(operator: Operator) -> None:
    checkout = await operator.checkout()
    operator.kit.provider.pays(checkout.reference, amount=Money.of("1.00", "ETB"))
    await operator.posts(actions(checkout.payment_id, checkout.reference)[0])
    told = await operator.sees(f"/payments/{checkout.payment_id}/")
    assert "Money held" in told
    assert "Cancel the live attempt" not in told


async def test_the_button_of_one_attempt_never_cancels_another() -> None:
    kit = in_memory_payments(ScriptedProvider(), ScriptedProvider(name="other"))
    async with open_browser(kit) as operator:
        await operator.sign_in()
        seen = await operator.checkout()
        again = await kit.payments.initiate(order_id="order_1", user_id="user_1", provider="other")
        answer = await operator.posts(actions(seen.payment_id, seen.reference)[1])
        assert answer.status_code == 409
        assert "another took its place meanwhile. Nothing was cancelled." in text_of(answer)
        payment = await kit.payments.get(seen.payment_id, None)
        assert payment.live_attempt is not None
        assert payment.live_attempt.reference == again.reference


@pytest.mark.parametrize("number", [0, 1], ids=["ask", "cancel"])
async def test_only_a_form_of_this_visit_does_anything(operator: Operator, number: int) -> None:
    checkout = await operator.checkout()
    where = f"/console{actions(checkout.payment_id, checkout.reference)[number]}"
    mine = await operator.form_token()
    evil = {"origin": "https://evil.example"}
    form = {"content-type": "application/x-www-form-urlencoded"}
    answers = [
        await operator.client.post(where, content=b"", headers=form),
        await operator.client.post(where, data={"form_token": ""}),
        await operator.client.post(where, data={"form_token": mine[:-1]}),
        await operator.client.post(where, data={"form_token": "é" * 43}),
        await operator.client.post(where, data={"form_token": mine}, headers=evil),
        await operator.client.post(
            where, data={"form_token": mine}, headers={"sec-fetch-site": "cross-site"}
        ),
        await operator.client.post(f"{where}?form_token={mine}", data={"form_token": ""}),
    ]
    assert [answer.status_code for answer in answers] == [403] * len(answers)
    assert all("Nothing was done." in text_of(answer) for answer in answers)
    assert operator.kit.provider.calls == {"open": 1}
    assert (await operator.client.post(where, data={"form_token": mine})).status_code == 200


@pytest.mark.parametrize("number", [0, 1], ids=["ask", "cancel"])
async def test_a_button_pressed_too_late_does_nothing_and_leads_back_to_its_page(
    operator: Operator, number: int
) -> None:
    checkout = await operator.checkout()
    where = actions(checkout.payment_id, checkout.reference)[number]
    mine = await operator.form_token()
    operator.kit.clock.advance(timedelta(minutes=15))
    answer = await operator.client.post(f"/console{where}", data={"form_token": mine})
    assert answer.status_code == 401
    assert "What you last pressed was not done." in text_of(answer)
    assert f'name="next" value="{where}"' in answer.text
    assert operator.kit.provider.calls == {"open": 1}


async def test_what_is_not_there_is_not_asked_about(operator: Operator) -> None:
    first, second = await operator.checkout(), await operator.checkout("order_2")
    for where in (
        *actions(first.payment_id, second.reference),
        *actions(first.payment_id, "nothing"),
        *actions("nothing", first.reference),
    ):
        await operator.gets(where, 404)
        assert (await operator.posts(where)).status_code == 404
    assert operator.kit.provider.calls == {"open": 2}
