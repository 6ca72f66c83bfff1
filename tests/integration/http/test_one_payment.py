import pytest

from payments.application.payments import Payments
from payments.domain.money import Money
from payments.testing import ScriptedProvider, in_memory_payments
from tests.integration.http.door import Door, bearer, open_door, problem

pytestmark = pytest.mark.anyio


async def test_a_payment_is_shown_whole(door: Door) -> None:
    checkout = await door.initiated()
    door.kit.provider.pays(checkout["reference"])
    await door.client.get(f"/payments/verify/scripted/?trx_ref={checkout['reference']}")
    found = (await door.client.get(f"/payments/{checkout['payment_id']}/")).json()
    assert list(found) == [
        *("payment_id", "order_id", "status", "amount", "currency", "provider", "reference", "checkout_url"),
        *("amount_received", "amount_refunded", "failure", "in_review", "created_at", "updated_at"),
        *("attempts", "refunds"),
    ]
    assert (found["status"], found["amount"], found["currency"]) == ("success", "1000.00", "ETB")
    assert (found["amount_received"], found["checkout_url"], found["failure"]) == ("1000.00", None, None)
    assert [list(attempt) for attempt in found["attempts"]] == [
        [
            *("reference", "provider", "status", "reason", "amount", "currency"),
            *("provider_reference", "expires_at", "created_at"),
        ]
    ]
    assert found["attempts"][0]["status"] == "succeeded"


async def test_a_declined_payment_says_why(door: Door) -> None:
    checkout = await door.initiated()
    door.kit.provider.declines(checkout["reference"], detail="Insufficient funds.")
    await door.client.get(f"/payments/verify/scripted/?trx_ref={checkout['reference']}")
    found = (await door.client.get(f"/payments/{checkout['payment_id']}/")).json()
    assert found["status"] == "failed"
    assert found["failure"] == {"code": "declined", "message": "Insufficient funds."}


async def test_a_payment_in_review_says_so(door: Door) -> None:
    checkout = await door.initiated()
    door.kit.provider.pays(checkout["reference"], amount=Money.of("999.99", "ETB"))
    await door.client.get(f"/payments/verify/scripted/?trx_ref={checkout['reference']}")
    found = (await door.client.get(f"/payments/{checkout['payment_id']}/")).json()
    assert (found["status"], found["in_review"], found["amount_received"]) == ("processing", True, "999.99")


async def test_no_phone_address_or_name_of_the_payer_is_shown(door: Door) -> None:
    checkout = await door.initiated(phone_number="+251911223344")
    for path in (f"/payments/{checkout['payment_id']}/", f"/payments/{checkout['payment_id']}/explain/"):
        text = (await door.client.get(path)).text
        assert not [word for word in ("911223344", "sara@shop.et", "Sara") if word in text]


async def test_an_explanation_gives_the_rule_that_decided(door: Door) -> None:
    checkout = await door.initiated()
    door.kit.provider.pays(checkout["reference"])
    await door.client.get(f"/payments/verify/scripted/?trx_ref={checkout['reference']}")
    found = (await door.client.get(f"/payments/{checkout['payment_id']}/explain/")).json()
    assert found["status"] == "success"
    assert "settled" in {step["verdict"] for step in found["steps"]}
    assert any("amount, currency and mode all match" in (step["rule"] or "") for step in found["steps"])


async def test_an_open_checkout_can_be_cancelled(door: Door) -> None:
    checkout = await door.initiated()
    response = await door.client.post(f"/payments/{checkout['payment_id']}/cancel/")
    assert response.status_code == 200
    assert response.json()["attempts"][0]["reason"] == "cancelled_by_payer"
    again = await door.client.post(f"/payments/{checkout['payment_id']}/cancel")
    assert again.json()["status"] == response.json()["status"] == "failed"


async def test_a_paid_payment_cannot_be_cancelled(door: Door) -> None:
    checkout = await door.initiated()
    door.kit.provider.pays(checkout["reference"])
    found = problem(
        await door.client.post(f"/payments/{checkout['payment_id']}/cancel/"), 409, "payment_settled"
    )
    assert found["error"] == "Payment already processed"


async def test_a_payment_whose_payer_may_be_paying_is_not_cancelled_yet(door: Door) -> None:
    checkout = await door.initiated()
    door.kit.provider.silent = True
    response = await door.client.post(f"/payments/{checkout['payment_id']}/cancel/")
    found = problem(response, 409, "payment_in_flight")
    assert found["checkout_url"] == checkout["checkout_url"]
    assert int(response.headers["retry-after"]) >= 1


async def test_an_operator_who_cancels_is_named_in_the_trail(door: Door) -> None:
    checkout = await door.initiated()
    path = f"/payments/{checkout['payment_id']}/cancel/"
    assert (await door.client.post(path, headers=bearer("amina", "payments:operate"))).status_code == 200
    payments: Payments = door.kit.payments
    trail = await door.kit.unit_of_work.reads.audit_of((await payments.list("user_1")).items[0].payment_id)
    assert trail[-1].actor == "operator:amina"


async def test_the_listing_of_providers_says_who_can_take_the_order_and_why_not() -> None:
    kit = in_memory_payments(ScriptedProvider(), ScriptedProvider(name="other"))
    async with open_door(kit) as door:
        kit.order(amount="1", currency="JPY")
        found = (await door.client.get("/payments/providers/?order_id=order_1")).json()
        assert [offer["provider"] for offer in found["data"]] == ["other", "scripted"]
        assert not any(offer["available"] for offer in found["data"])
        assert all("JPY" in offer["detail"] for offer in found["data"])
