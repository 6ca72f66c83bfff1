"""Checklist rows 1, 2, 3 and 11: keys, validation, used references, headers."""

from typing import Any

import httpx
import pytest

from payments.simulators.chapa import ChapaSimulatorConfig, create_chapa_simulator
from tests.integration.simulators.serving import (
    LIVE_KEY,
    TEST_KEY,
    Sandbox,
    address_of,
    listening,
    serving,
)

pytestmark = pytest.mark.anyio


def complaint(answer: httpx.Response) -> Any:
    assert answer.status_code == 400
    body = answer.json()
    assert (body["status"], body["data"]) == ("failed", None)
    return body["message"]


async def test_an_initialized_payment_answers_with_the_link_and_nothing_else(sandbox: Sandbox) -> None:
    answer = await sandbox.initialize("pay-0001-a1")
    assert answer.status_code == 200
    url = answer.json()["data"]["checkout_url"]
    assert answer.json() == {"message": "Hosted Link", "status": "success", "data": {"checkout_url": url}}
    assert url.startswith(f"{sandbox.url}/checkout/payment/")


async def test_every_answer_carries_the_headers_of_the_gateway(sandbox: Sandbox) -> None:
    headers = (await sandbox.verify("nobody")).headers
    assert int(headers["x-ratelimit-remaining"]) < int(headers["x-ratelimit-limit"])
    assert headers["x-amzn-requestid"] != (await sandbox.verify("nobody")).headers["x-amzn-requestid"]


@pytest.mark.parametrize(
    ("authorization", "message"),
    [
        (None, "Authorization required"),
        (TEST_KEY, "Authorization required"),
        (f"Bearer Bearer {TEST_KEY}", "Authorization required"),
        ("Bearer CHAPUBK_TEST-0123456789", "Invalid API Key or User doesn't exist"),
        ("Bearer sk_test_0123456789", "Invalid API Key or User doesn't exist"),
    ],
)
async def test_a_wrong_key_is_told_so(sandbox: Sandbox, authorization: str | None, message: str) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    async with httpx.AsyncClient(base_url=sandbox.url, headers=headers) as stranger:
        answer = await stranger.post("/v1/transaction/initialize", json={})
    assert answer.status_code == 401
    assert answer.json() == {"message": message, "status": "failed", "data": None}


async def test_only_the_configured_keys_are_known_where_some_are() -> None:
    bound = listening()
    config = ChapaSimulatorConfig(
        public_url=address_of(bound), webhook_secret="s", secret_keys=frozenset({TEST_KEY})
    )
    async with (
        serving(create_chapa_simulator(config), bound) as url,
        httpx.AsyncClient(base_url=url) as client,
    ):
        known = await client.get("/v1/banks", headers={"Authorization": f"Bearer {TEST_KEY}"})
        other = await client.get("/v1/banks", headers={"Authorization": f"Bearer {TEST_KEY}x"})
    assert known.status_code == 200
    assert (other.status_code, other.json()["message"]) == (401, "Invalid API Key")


async def test_test_and_live_transactions_are_apart(sandbox: Sandbox) -> None:
    live = {"Authorization": f"Bearer {LIVE_KEY}"}
    await sandbox.opened("of-test")
    fields = {"amount": "1", "currency": "ETB", "tx_ref": "of-live"}
    await sandbox.client.post("/v1/transaction/initialize", json=fields, headers=live)

    by_live = await sandbox.client.get("/v1/transaction/verify/of-test", headers=live)
    by_test = await sandbox.verify("of-live")
    assert (by_live.status_code, by_test.status_code) == (401, 401)
    assert by_live.json()["message"] == "Live secret keys can't be used to verify a test transaction"
    assert by_test.json()["message"] == "Test secret keys can't be used to verify a live transaction"


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("amount", None, "validation.required"),
        ("amount", "0", "validation.min.numeric"),
        ("amount", "-1", "validation.min.numeric"),
        ("amount", "1,000", "validation.numeric"),
        ("amount", "NaN", "validation.numeric"),
        ("amount", True, "validation.numeric"),
        ("amount", "999999999.99", "The amount must not exceed 1000000."),
        ("currency", None, "validation.required"),
        ("tx_ref", "", "validation.required"),
        ("tx_ref", "r" * 51, "The tx ref must not exceed 50 characters."),
        ("email", "someone@example.com", "validation.email"),
        ("email", "someone@shop.test", "validation.email"),
        ("email", "someone@shop.invalid", "validation.email"),
        ("email", "someone", "validation.email"),
        ("phone_number", "+251911234567", "validation.regex"),
        ("return_url", "javascript:alert(1)", "validation.url"),
        ("customization", "Shop", "validation.array"),
    ],
)
async def test_a_wrong_field_is_named(sandbox: Sandbox, field: str, value: Any, said: str) -> None:
    assert complaint(await sandbox.initialize("ref", **{field: value})) == {field: [said]}


@pytest.mark.parametrize("character", ["#", "&", "'", ":", "/", "ሰ", "–"])
@pytest.mark.parametrize("field", ["title", "description"])
async def test_title_and_description_take_plain_characters_only(
    sandbox: Sandbox, field: str, character: str
) -> None:
    said = complaint(await sandbox.initialize("ref", customization={field: f"Order {character} 1"}))
    allowed = "letters, numbers, hyphens, underscores, spaces, and dots"
    assert said == {f"customization.{field}": [f"The customization.{field} may only contain {allowed}"]}


async def test_all_complaints_come_at_once(sandbox: Sandbox) -> None:
    answer = await sandbox.initialize(
        "r" * 51,
        amount="0",
        email="a@example.com",
        customization={"title": "t" * 17, "description": "d" * 51},
    )
    assert complaint(answer) == {
        "amount": ["validation.min.numeric"],
        "tx_ref": ["The tx ref must not exceed 50 characters."],
        "email": ["validation.email"],
        "customization.title": ["The customization.title must not exceed 16 characters."],
        "customization.description": ["The customization.description must not exceed 50 characters."],
    }


@pytest.mark.parametrize(
    ("amount", "kept"),
    [("1e2", "100.00"), ("00010.50", "10.50"), (10, "10.00"), (12.5, "12.50"), ("1." + "3" * 20, "1.33")],
)
async def test_odd_amounts_are_taken(sandbox: Sandbox, amount: str | float, kept: str) -> None:
    await sandbox.opened("odd", amount=amount)
    transaction = (await sandbox.client.get("/_sim/transactions/odd")).json()
    assert transaction["amount"] == kept


async def test_limits_themselves_are_taken(sandbox: Sandbox) -> None:
    customization = {"title": "t" * 16, "description": "d" * 50}
    answer = await sandbox.initialize("r" * 50, amount="1000000", customization=customization)
    assert answer.status_code == 200


async def test_flat_names_nulls_and_unknown_fields_in_json_are_taken(sandbox: Sandbox) -> None:
    flat = {
        "customization[title]": "Shop",
        "customization[description]": "Order 1",
        "email": None,
        "webhook": "x",
    }
    await sandbox.opened("flat", **flat)
    assert (await sandbox.verify("flat")).json()["data"]["customization"]["title"] == "Shop"


async def test_a_form_with_nested_names_is_taken(sandbox: Sandbox) -> None:
    form = {
        "amount": "10",
        "currency": "ETB",
        "tx_ref": "form",
        "customization[title]": "Shop",
        "meta[order]": "7",
    }
    answer = await sandbox.client.post("/v1/transaction/initialize", data=form)
    assert answer.status_code == 200
    data = (await sandbox.verify("form")).json()["data"]
    assert (data["customization"]["title"], data["meta"]) == ("Shop", {"order": "7"})


async def test_another_content_type_is_refused(sandbox: Sandbox) -> None:
    answer = await sandbox.client.post(
        "/v1/transaction/initialize", content=b"amount=1", headers={"Content-Type": "text/plain"}
    )
    assert complaint(answer).startswith("Incorrect header settings")


async def test_a_currency_outside_the_list_is_refused(sandbox: Sandbox) -> None:
    said = complaint(await sandbox.initialize("kes", currency="KES"))
    assert said == "Invalid currency, currency is not supported"


@pytest.mark.parametrize("ending", ["nothing", "fail", "cancel", "pay"])
async def test_a_reference_is_used_for_ever(sandbox: Sandbox, ending: str) -> None:
    await sandbox.opened("once")
    if ending == "cancel":
        await sandbox.client.put("/v1/transaction/cancel/once")
    elif ending != "nothing":
        await sandbox.act("once", ending)
    assert complaint(await sandbox.initialize("once")) == "Transaction reference has been used before"


async def test_a_blocked_merchant_and_a_closed_api_say_so(sandbox: Sandbox) -> None:
    await sandbox.switch(merchant="blocked")
    assert complaint(await sandbox.initialize("a")) == "User can't receive payments"
    await sandbox.switch(merchant="api_disabled")
    answer = await sandbox.initialize("a")
    assert (answer.status_code, answer.json()["message"]) == (
        404,
        "Payments through API is disabled, please contact us",
    )


async def test_the_link_may_be_foreign_or_missing(sandbox: Sandbox) -> None:
    await sandbox.switch("foreign", checkout_url="foreign")
    await sandbox.switch("missing", checkout_url="missing")
    foreign = (await sandbox.initialize("foreign")).json()["data"]["checkout_url"]
    assert not foreign.startswith(sandbox.url)
    assert (await sandbox.initialize("missing")).json()["data"] == {}
    assert (await sandbox.initialize("neither")).json()["data"]["checkout_url"].startswith(sandbox.url)
