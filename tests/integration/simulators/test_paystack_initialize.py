"""Keys, validation and its order, references, metadata, and how clients really send (sheet 1, 2, 3, 14)."""

import re
from typing import Any

import httpx
import pytest

from tests.integration.simulators.paystack import (
    LIVE,
    TEST_KEY,
    PaystackSandbox,
    serving_paystack,
)
from tests.integration.simulators.serving import Merchant

pytestmark = pytest.mark.anyio

INVALID_KEY = {
    "status": False,
    "message": "Invalid key",
    "meta": {"nextStep": "Ensure that you provide the correct authorization key for the request"},
    "type": "validation_error",
    "code": "invalid_Key",
}
DUPLICATE = {
    "status": False,
    "message": "Duplicate Transaction Reference",
    "meta": {"nextStep": "Try and create the Transaction or Charge with a new reference"},
    "type": "validation_error",
    "code": "duplicate_reference",
}


def said(answer: httpx.Response) -> tuple[int, str, Any]:
    body = answer.json()
    assert body["status"] is (answer.status_code == 200)
    return answer.status_code, body["message"], body.get("code")


async def test_an_initialized_transaction_answers_with_its_page(paystack: PaystackSandbox) -> None:
    answer = await paystack.initialize("ord-1")
    code = answer.json()["data"]["access_code"]
    assert re.fullmatch(r"[a-z0-9]{15}", code)
    assert answer.status_code == 200
    assert answer.json() == {
        "status": True,
        "message": "Authorization URL created",
        "data": {
            "authorization_url": f"{paystack.url}/checkout/{code}",
            "access_code": code,
            "reference": "ord-1",
        },
    }


async def test_a_reference_is_made_up_where_none_was_given(paystack: PaystackSandbox) -> None:
    answer = await paystack.initialize(None)
    assert re.fullmatch(r"[a-z0-9]{10}", answer.json()["data"]["reference"])


@pytest.mark.parametrize(
    "authorization",
    [TEST_KEY, f"Basic {TEST_KEY}", f"Bearer Bearer {TEST_KEY}", "Bearer pk_test_1", f"Bearer {TEST_KEY}1"],
)
async def test_a_wrong_key_is_told_so(paystack: PaystackSandbox, authorization: str) -> None:
    answer = await paystack.client.get("/transaction", headers={"Authorization": authorization})
    assert (answer.status_code, answer.json()) == (401, INVALID_KEY)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/transaction/initialize"),
        ("GET", "/transaction/verify/x"),
        ("GET", "/transaction"),
        ("GET", "/transaction/1"),
        ("GET", "/transaction/timeline/x"),
        ("GET", "/transaction/totals"),
        ("POST", "/transaction/charge_authorization"),
        ("POST", "/charge"),
        ("GET", "/charge/x"),
        ("POST", "/charge/submit_otp"),
        ("POST", "/refund"),
        ("GET", "/refund"),
        ("GET", "/refund/1"),
        ("POST", "/refund/retry_with_customer_details/1"),
        ("GET", "/dispute"),
        ("GET", "/dispute/1"),
        ("GET", "/dispute/transaction/1"),
        ("PUT", "/dispute/1"),
        ("PUT", "/dispute/1/resolve"),
        ("POST", "/dispute/1/evidence"),
        ("GET", "/dispute/1/upload_url"),
    ],
)
async def test_every_call_wants_a_key(paystack: PaystackSandbox, method: str, path: str) -> None:
    answer = await paystack.client.request(method, path, headers={"Authorization": "Bearer sk_test_1"})
    assert (answer.status_code, answer.json()) == (401, INVALID_KEY)


async def test_a_call_without_a_key_is_told_so(paystack: PaystackSandbox) -> None:
    async with httpx.AsyncClient(base_url=paystack.url) as stranger:
        answer = await stranger.post("/transaction/initialize", json={})
    assert (answer.status_code, answer.json()) == (
        401,
        {"status": False, "message": "No Authorization Header was found"},
    )


async def test_test_and_live_transactions_are_apart(paystack: PaystackSandbox) -> None:
    await paystack.opened("both")
    fields = {"email": "buyer@example.com", "amount": 100, "currency": "KES", "reference": "both"}
    again = await paystack.client.post("/transaction/initialize", json=fields, headers=LIVE)
    only_live = {**fields, "reference": "of-live"}
    await paystack.client.post("/transaction/initialize", json=only_live, headers=LIVE)
    assert again.status_code == 200
    assert said(await paystack.verify("of-live"))[:2] == (400, "Transaction reference not found.")
    live = await paystack.client.get("/transaction/verify/both", headers=LIVE)
    assert live.json()["data"]["domain"] == "live"
    assert (await paystack.verified("both"))["domain"] == "test"


@pytest.mark.parametrize(
    ("field", "value", "message", "code"),
    [
        ("email", None, "Email Address is required", "missing_params"),
        ("email", "", "Email Address is required", "missing_params"),
        ("amount", None, "Amount is required", "missing_params"),
        ("email", "somebody", "Invalid Email Address Passed", "invalid_email_address"),
        ("email", "somebody@shop.local", "Invalid Email Address Passed", "invalid_email_address"),
        ("email", "somebody@shop.test", "Invalid Email Address Passed", "invalid_email_address"),
        ("email", 7, "Invalid Email Address Passed", "invalid_email_address"),
        ("amount", 0, "Invalid Amount Sent", "invalid_amount"),
        ("amount", -5, "Invalid Amount Sent", "invalid_amount"),
        ("amount", "-5", "Invalid Amount Sent", "invalid_amount"),
        ("amount", "much", "Invalid Amount Sent", "invalid_amount"),
        ("amount", True, "Invalid Amount Sent", "invalid_amount"),
        ("amount", "9" * 40, "Invalid Amount Sent", "invalid_amount"),
        ("amount", 100.5, '"amount" must be an integer', "invalid_params"),
        ("amount", "100.50", '"amount" must be an integer', "invalid_params"),
        ("amount", 19.99 * 100, '"amount" must be an integer', "invalid_params"),
        ("currency", "EUR", "Currency not supported by merchant", "unsupported_currency"),
        ("currency", "ETB", "Currency not supported by merchant", "unsupported_currency"),
        ("currency", "GBP", "Currency not supported by merchant", "unsupported_currency"),
        ("currency", "kes", "Currency not supported by merchant", "unsupported_currency"),
        ("reference", "ord/1", "Invalid reference passed", "invalid_params"),
        ("reference", "ord 1", "Invalid reference passed", "invalid_params"),
        ("reference", "ትዕዛዝ", "Invalid reference passed", "invalid_params"),
        ("reference", ["ord"], "Invalid reference passed", "invalid_params"),
    ],
)
async def test_a_wrong_field_is_refused(
    paystack: PaystackSandbox, field: str, value: Any, message: str, code: str
) -> None:
    answer = await paystack.initialize("ord-1", **{field: value})
    assert said(answer) == (400, message, code)
    assert answer.json()["type"] == "validation_error"
    assert (await paystack.client.get("/_sim/transactions")).json()["count"] == 0


async def test_one_complaint_comes_at_a_time_in_the_order_of_the_sheet(paystack: PaystackSandbox) -> None:
    await paystack.opened("used.")
    fields: dict[str, Any] = {"email": None, "amount": None, "currency": "EUR", "reference": "a/b"}
    mends: tuple[tuple[str, str, Any], ...] = (
        ("Email Address is required", "email", "somebody"),
        ("Amount is required", "amount", 0),
        ("Invalid Email Address Passed", "email", "buyer@example.com"),
        ("Invalid Amount Sent", "amount", 100),
        ("Currency not supported by merchant", "currency", "KES"),
        ("Invalid reference passed", "reference", "used."),
        ("Duplicate Transaction Reference", "reference", "unused"),
    )
    for message, mended, value in mends:
        answer = await paystack.client.post("/transaction/initialize", json=fields)
        assert said(answer)[:2] == (400, message)
        fields[mended] = value
    assert (await paystack.client.post("/transaction/initialize", json=fields)).status_code == 200


@pytest.mark.parametrize(
    ("amount", "currency"),
    [
        (500000, "NGN"),
        ("500000", "USD"),
        (500000.0, "GHS"),
        (500000, "ZAR"),
        ("500000", "KES"),
        (500000.0, "XOF"),
    ],
)
async def test_every_spelling_of_an_amount_and_every_currency_is_taken(
    paystack: PaystackSandbox, amount: Any, currency: str
) -> None:
    await paystack.opened("ord-1", amount=amount, currency=currency)
    data = await paystack.verified("ord-1")
    assert (data["amount"], data["requested_amount"], data["currency"]) == (500000, 500000, currency)
    assert isinstance(data["amount"], int)


@pytest.mark.parametrize(
    ("currency", "minimum"),
    [("NGN", 5000), ("USD", 200), ("GHS", 10), ("ZAR", 100), ("KES", 300), ("XOF", 100)],
)
async def test_minimums_hold_where_a_switch_says_so(
    paystack: PaystackSandbox, currency: str, minimum: int
) -> None:
    assert (await paystack.initialize("a", amount=1, currency=currency)).status_code == 200
    await paystack.switch(minimums="enforced")
    below = await paystack.initialize("b", amount=minimum - 1, currency=currency)
    assert said(below)[:2] == (400, "Invalid Amount Sent")
    assert (await paystack.initialize("c", amount=minimum, currency=currency)).status_code == 200


async def test_an_account_may_have_fewer_currencies_and_has_its_own() -> None:
    async with serving_paystack(Merchant(), currencies=("KES", "USD")) as sandbox:
        assert said(await sandbox.initialize("a", currency="NGN"))[1] == "Currency not supported by merchant"
        await sandbox.opened("b", currency=None)
        assert (await sandbox.verified("b"))["currency"] == "KES"


@pytest.mark.parametrize("reference", ["Ord-2026.A=1", "r" * 40, "a_b", "..", "="])
async def test_references_of_the_charset_are_taken_and_found_again(
    paystack: PaystackSandbox, reference: str
) -> None:
    await paystack.opened(reference)
    escaped = reference.replace(".", "%2E").replace("=", "%3D")
    assert (await paystack.verified(escaped))["reference"] == reference


async def test_an_underscore_is_refused_where_only_the_documents_count(paystack: PaystackSandbox) -> None:
    await paystack.switch(reference_charset="documented")
    assert said(await paystack.initialize("a_b"))[:2] == (400, "Invalid reference passed")


@pytest.mark.parametrize("ending", ["nothing", "decline", "fail", "abandon", "pay"])
async def test_a_reference_is_used_for_ever(paystack: PaystackSandbox, ending: str) -> None:
    await paystack.opened("once")
    if ending != "nothing":
        await paystack.act("once", ending)
    for amount in (500000, 1):
        answer = await paystack.initialize("once", amount=amount)
        assert (answer.status_code, answer.json()) == (400, DUPLICATE)


async def test_a_refused_call_uses_no_reference_up(paystack: PaystackSandbox) -> None:
    await paystack.initialize("ord-1", amount=0)
    assert (await paystack.initialize("ord-1")).status_code == 200


@pytest.mark.parametrize(
    ("sent", "echoed"),
    [
        (
            {"order_id": 42, "nested": {"n": 1.5, "yes": True}},
            {"order_id": "42", "nested": {"n": "1.5", "yes": True}},
        ),
        ('{"order_id": 42}', {"order_id": "42"}),
        ('{"custom_fields": [{"value": 1}]}', {"custom_fields": [{"value": "1"}]}),
        (None, ""),
        ("", ""),
    ],
)
async def test_metadata_is_echoed_with_numbers_as_text(
    paystack: PaystackSandbox, sent: Any, echoed: Any
) -> None:
    await paystack.opened("ord-1", metadata=sent)
    assert (await paystack.verified("ord-1"))["metadata"] == echoed


async def test_a_form_with_nested_names_is_taken(paystack: PaystackSandbox) -> None:
    form = {
        "email": "buyer@example.com",
        "amount": "1000",
        "currency": "KES",
        "reference": "form",
        "metadata[cancel_action]": "https://shop.example/cancel",
        "channels[]": ["card", "ussd"],
    }
    answer = await paystack.client.post("/transaction/initialize", data=form)
    assert answer.status_code == 200
    assert (await paystack.verified("form"))["metadata"] == {"cancel_action": "https://shop.example/cancel"}
    kept = (await paystack.client.get("/_sim/transactions/form")).json()
    assert kept["channels"] == ["card", "ussd"]


async def test_null_for_every_optional_field_and_what_is_unknown_is_taken(paystack: PaystackSandbox) -> None:
    """As paystackease sends it, with a header that means nothing to Paystack."""
    optional = (
        "callback_url",
        "plan",
        "invoice_limit",
        "channels",
        "split_code",
        "subaccount",
        "transaction_charge",
        "metadata",
    )
    body = {
        "email": "buyer@example.com",
        "amount": "1000",
        "reference": "nulls",
        "bearer": "account",
        "no_such": 1,
        **dict.fromkeys(optional),
    }
    answer = await paystack.client.post(
        f"{paystack.url}//transaction//initialize/", json=body, headers={"Idempotency-Key": "1"}
    )
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("field", "message"), [("split_code", "Invalid Split code."), ("subaccount", "Invalid Subaccount.")]
)
async def test_splits_and_subaccounts_are_unknown(
    paystack: PaystackSandbox, field: str, message: str
) -> None:
    assert said(await paystack.initialize("ord-1", **{field: "X_1"}))[:2] == (404, message)


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b"plain"])
async def test_a_body_that_cannot_be_read_has_no_fields(paystack: PaystackSandbox, body: bytes) -> None:
    answer = await paystack.client.post(
        "/transaction/initialize", content=body, headers={"Content-Type": "application/json"}
    )
    assert said(answer)[:2] == (400, "Email Address is required")


async def test_the_page_may_be_foreign_or_missing(paystack: PaystackSandbox) -> None:
    await paystack.switch("foreign", authorization_url="foreign")
    await paystack.switch("missing", authorization_url="missing")
    foreign = (await paystack.initialize("foreign")).json()["data"]["authorization_url"]
    assert not foreign.startswith(paystack.url)
    assert "authorization_url" not in (await paystack.initialize("missing")).json()["data"]
