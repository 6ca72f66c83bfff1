"""Verify with every status, and what else can be read of a transaction (sheet 2, 5, 6)."""

from typing import Any

import httpx
import pytest

from tests.integration.simulators.paystack import LIVE, PaystackSandbox, keys

pytestmark = pytest.mark.anyio

# The keys of the sheet's sample, section 5, exactly.
VERIFIED = keys(
    "id domain status reference receipt_number amount message gateway_response paid_at created_at channel "
    "currency ip_address metadata log fees fees_split authorization customer plan split order_id paidAt "
    "createdAt requested_amount pos_transaction_data source fees_breakdown connect transaction_date "
    "plan_object subaccount"
)
AUTHORIZATION = keys(
    "authorization_code bin last4 exp_month exp_year channel card_type bank country_code brand reusable "
    "signature account_name"
)
CUSTOMER = keys(
    "id first_name last_name email customer_code phone metadata risk_action international_format_phone"
)


async def test_verify_of_what_nobody_paid_is_abandoned(paystack: PaystackSandbox) -> None:
    await paystack.opened("ord-1")
    answer = await paystack.verify("ord-1")
    assert (answer.status_code, answer.json()["message"]) == (200, "Verification successful")
    data = answer.json()["data"]
    assert set(data) == VERIFIED
    assert data["id"] > 2**32
    unpaid = ("status", "paid_at", "paidAt", "authorization", "fees", "log", "channel", "gateway_response")
    assert [data[name] for name in unpaid] == [
        "abandoned",
        None,
        None,
        {},
        None,
        None,
        "card",
        "The transaction was not completed",
    ]
    assert set(data["customer"]) == CUSTOMER


async def test_verify_of_a_card_payment_has_every_key_of_the_sample(paystack: PaystackSandbox) -> None:
    data = await paystack.paid("ord-1")
    assert set(data) == VERIFIED
    assert set(data["authorization"]) == AUTHORIZATION
    assert (data["status"], data["amount"], data["requested_amount"], data["fees"]) == (
        "success",
        500000,
        500000,
        14500,
    )
    assert (data["authorization"]["card_type"], data["authorization"]["reusable"]) == ("visa ", True)
    assert data["paid_at"] == data["paidAt"]
    assert len(data["paid_at"]) == len("2026-10-09T09:15:02.000Z")
    assert data["paid_at"].endswith("Z")
    assert data["log"]["success"] is True
    assert [line["message"] for line in data["log"]["history"]] == [
        "Attempted to pay with card",
        "Successfully paid with card",
    ]


@pytest.mark.parametrize(
    ("currency", "phone", "named", "masked"),
    [
        ("GHS", "0551234149", ("MTN Mobile Money", "Mtn mobile money"), ("055XXX", "X149")),
        ("KES", "+254710000000", ("M-PESA", "M-pesa"), ("254XXX", "X000")),
    ],
)
async def test_verify_of_mobile_money_masks_the_number(
    paystack: PaystackSandbox, currency: str, phone: str, named: tuple[str, str], masked: tuple[str, str]
) -> None:
    await paystack.opened("ord-1", currency=currency)
    await paystack.act("ord-1", "pay", channel="mobile_money", phone=phone)
    data = await paystack.verified("ord-1")
    authorization = data["authorization"]
    assert (data["channel"], data["fees"]) == ("mobile_money", 7500)
    assert (authorization["bank"], authorization["brand"]) == named
    assert (authorization["bin"], authorization["last4"]) == masked
    assert (authorization["exp_month"], authorization["exp_year"]) == ("12", "9999")
    assert (authorization["card_type"], authorization["reusable"], authorization["signature"]) == (
        "",
        False,
        None,
    )


@pytest.mark.parametrize(
    ("action", "status", "gateway_response"),
    [
        ("decline", "abandoned", "Transaction declined. Please use the test card."),
        ("fail", "failed", "Incorrect PIN"),
        ("abandon", "abandoned", "The transaction was not completed"),
        ("pay", "success", "Successful"),
    ],
)
async def test_verify_says_how_it_went(
    paystack: PaystackSandbox, action: str, status: str, gateway_response: str
) -> None:
    await paystack.opened("ord-1")
    await paystack.act("ord-1", action)
    data = await paystack.verified("ord-1")
    assert (data["status"], data["gateway_response"]) == (status, gateway_response)


async def test_a_payment_that_failed_can_still_succeed(paystack: PaystackSandbox) -> None:
    await paystack.opened("ord-1")
    await paystack.act("ord-1", "fail")
    await paystack.act("ord-1", "pay")
    data = await paystack.verified("ord-1")
    assert (data["status"], data["log"]["attempts"], data["log"]["errors"]) == ("success", 2, 1)


@pytest.mark.parametrize(("switch", "status"), [("observed", 400), ("docs", 404)])
async def test_an_unknown_reference_is_400_or_404(
    paystack: PaystackSandbox, switch: str, status: int
) -> None:
    await paystack.switch(unknown_reference=switch)
    answer = await paystack.verify("nobody")
    assert answer.status_code == status
    assert answer.json() == {
        "status": False,
        "message": "Transaction reference not found.",
        "meta": {
            "nextStep": "Ensure that you're passing the reference of a transaction that exists on this "
            "integration"
        },
        "type": "validation_error",
        "code": "transaction_not_found",
    }


@pytest.mark.parametrize(
    ("switch", "value", "field"),
    [
        ("verify_amount", 499999, "amount"),
        ("verify_requested_amount", 1, "requested_amount"),
        ("verify_currency", "NGN", "currency"),
        ("verify_domain", "live", "domain"),
        ("verify_reference", "another", "reference"),
        ("verify_id", 7, "id"),
        ("verify_status", "queued", "status"),
        ("verify_status", "a new word", "status"),
    ],
)
async def test_verify_can_report_something_else(
    paystack: PaystackSandbox, switch: str, value: Any, field: str
) -> None:
    await paystack.paid("ord-1")
    await paystack.paid("ord-2")
    await paystack.switch("ord-1", **{switch: value})
    assert (await paystack.verified("ord-1"))[field] == value
    assert (await paystack.verified("ord-2"))[field] != value


async def test_what_was_asked_for_may_be_null_or_missing(paystack: PaystackSandbox) -> None:
    await paystack.paid("ord-1")
    await paystack.switch(verify_requested_amount_as="null")
    assert (await paystack.verified("ord-1"))["requested_amount"] is None
    await paystack.switch(verify_requested_amount_as="missing")
    assert "requested_amount" not in await paystack.verified("ord-1")


async def test_a_customer_who_pays_the_fees_is_charged_more_than_was_asked(paystack: PaystackSandbox) -> None:
    await paystack.switch(fees_passed_on=True)
    data = await paystack.paid("ord-1")
    assert (data["requested_amount"], data["amount"], data["fees"]) == (500000, 514500, 14500)


async def test_a_payment_can_be_of_another_amount_or_currency(paystack: PaystackSandbox) -> None:
    await paystack.switch("short", paid_amount=499000)
    await paystack.switch("foreign", paid_currency="NGN")
    short, foreign = await paystack.paid("short"), await paystack.paid("foreign")
    await paystack.opened("by-hand")
    await paystack.act("by-hand", "pay", amount=1, currency="USD")
    by_hand = await paystack.verified("by-hand")
    assert (short["amount"], short["requested_amount"], short["status"]) == (499000, 500000, "success")
    assert (foreign["amount"], foreign["currency"]) == (500000, "NGN")
    assert (by_hand["amount"], by_hand["currency"]) == (1, "USD")


async def test_fetch_takes_the_number_only(paystack: PaystackSandbox) -> None:
    number = (await paystack.paid("ord-1"))["id"]
    found = await paystack.client.get(f"/transaction/{number}")
    assert (found.status_code, found.json()["message"]) == (200, "Transaction retrieved")
    assert set(found.json()["data"]) == VERIFIED - {"transaction_date", "plan_object"} | {"helpdesk_link"}
    for unknown in ("ord-1", "1"):
        answer = await paystack.client.get(f"/transaction/{unknown}")
        assert (answer.status_code, answer.json()["message"]) == (404, "Transaction not found")
    assert (await paystack.client.get(f"/transaction/{number}", headers=LIVE)).status_code == 404


async def test_the_timeline_is_the_log(paystack: PaystackSandbox) -> None:
    data = await paystack.paid("ord-1")
    for name in ("ord-1", data["id"]):
        answer = await paystack.client.get(f"/transaction/timeline/{name}")
        assert answer.json() == {"status": True, "message": "Timeline retrieved", "data": data["log"]}
    unknown = await paystack.client.get("/transaction/timeline/nobody")
    assert (unknown.status_code, unknown.json()["message"]) == (
        404,
        "Transaction ID or reference is invalid",
    )


async def test_totals_are_by_currency(paystack: PaystackSandbox) -> None:
    await paystack.paid("a", amount=300000)
    await paystack.paid("b", amount=250000)
    await paystack.opened("unpaid")
    answer = (await paystack.client.get("/transaction/totals")).json()
    by_currency = [{"currency": "KES", "amount": 550000}]
    assert answer == {
        "status": True,
        "message": "Transaction totals",
        "data": {
            "total_transactions": 2,
            "total_volume": 550000,
            "total_volume_by_currency": by_currency,
            "pending_transfers": 550000,
            "pending_transfers_by_currency": by_currency,
        },
    }


@pytest.mark.parametrize("path", ["/transaction", "/transaction/", "//transaction"])
async def test_the_list_is_by_page_newest_first_with_its_own_keys(
    paystack: PaystackSandbox, path: str
) -> None:
    for amount in (1, 2, 3):
        await paystack.opened(f"ord-{amount}", amount=amount)
    answer = (await paystack.client.get(f"{paystack.url}{path}", params={"perPage": "2"})).json()
    assert answer["message"] == "Transactions retrieved"
    assert [row["amount"] for row in answer["data"]] == [3, 2]
    assert set(answer["data"][0]) == VERIFIED - {
        "receipt_number",
        "transaction_date",
        "plan_object",
        "fees_breakdown",
    }
    assert (answer["data"][0]["plan"], answer["data"][0]["metadata"]) == ({}, None)
    assert answer["data"][0]["source"]["entry_point"] == "transaction_initialize"
    assert answer["meta"] == {
        "total": 3,
        "total_volume": 6,
        "skipped": 0,
        "perPage": 2,
        "page": 1,
        "pageCount": 2,
    }
    second = (await paystack.client.get(f"{paystack.url}{path}", params={"per_page": 2, "page": 2})).json()
    assert [row["amount"] for row in second["data"]] == [1]


async def test_the_list_goes_by_cursor_where_that_is_asked_for(paystack: PaystackSandbox) -> None:
    for amount in (1, 2, 3):
        await paystack.opened(f"ord-{amount}", amount=amount)
    asked = {"use_cursor": "true", "perPage": "2"}
    first = (await paystack.client.get("/transaction", params=asked)).json()
    assert set(first["meta"]) == {"next", "previous", "perPage"}
    assert first["meta"]["previous"] is None
    more = {**asked, "next": first["meta"]["next"]}
    second = (await paystack.client.get("/transaction", params=more)).json()
    assert [row["amount"] for row in second["data"]] == [1]
    assert second["meta"]["next"] is None


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"status": "success"}, ["paid"]),
        ({"status": "abandoned"}, ["open"]),
        ({"amount": "7"}, ["open"]),
        ({"from": "2020-01-01", "to": "2020-01-02"}, []),
        ({"from": "2020-01-01T00:00:00.000Z"}, ["paid", "open"]),
        ({"customer": "CUS_nobody"}, []),
    ],
)
async def test_the_list_can_be_filtered(
    paystack: PaystackSandbox, filters: dict[str, str], found: list[str]
) -> None:
    await paystack.opened("open", amount=7)
    await paystack.paid("paid")
    rows = (await paystack.client.get("/transaction", params=filters)).json()["data"]
    assert [row["reference"] for row in rows] == found


async def test_a_customers_number_finds_theirs_and_the_code_nothing(paystack: PaystackSandbox) -> None:
    mine = (await paystack.paid("mine"))["customer"]
    again = (await paystack.paid("again"))["customer"]
    await paystack.opened("other", email="other@example.com")
    assert mine == again

    async def found(customer: Any) -> list[str]:
        answer = await paystack.client.get("/transaction", params={"customer": customer})
        return [row["reference"] for row in answer.json()["data"]]

    assert await found(mine["id"]) == ["again", "mine"]
    assert await found(mine["customer_code"]) == []


@pytest.mark.parametrize("path", ["/transaction", "/transaction/totals", "/refund", "/dispute"])
@pytest.mark.parametrize("name", ["from", "to"])
async def test_a_bad_date_is_refused(paystack: PaystackSandbox, path: str, name: str) -> None:
    answer = await paystack.client.get(f"{paystack.url}{path}", params={name: "yesterday"})
    assert (answer.status_code, answer.json()["message"]) == (400, f"Invalid '{name}' date passed")
    assert answer.json()["code"] == "invalid_params"


async def test_unknown_paths_and_methods_answer_in_the_envelope(paystack: PaystackSandbox) -> None:
    for method, path, status in (("GET", "/nothing", 404), ("DELETE", "/refund", 405)):
        answer: httpx.Response = await paystack.client.request(method, path)
        assert (answer.status_code, answer.json()["status"]) == (status, False)
