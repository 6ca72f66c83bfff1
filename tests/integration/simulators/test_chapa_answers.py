"""Checklist rows 7, 8 and 9: verify, cancel, refund, and the lists."""

import re
from typing import Any

import httpx
import pytest

from tests.integration.simulators.serving import LIVE_KEY, Sandbox, eventually

pytestmark = pytest.mark.anyio


def outcome(answer: httpx.Response) -> tuple[int, Any, Any]:
    body = answer.json()
    return answer.status_code, body["message"], body["status"]


async def test_verify_as_observed(sandbox: Sandbox) -> None:
    assert outcome(await sandbox.verify("nobody")) == (400, "Invalid transaction reference", "failed")
    await sandbox.opened("pay-1", amount="10")
    pending = await sandbox.verify("pay-1")
    assert outcome(pending) == (200, "Payment details fetched successfully", "success")
    data = pending.json()["data"]
    unpaid = (data["status"], data["method"], data["type"], data["charge"], data["reference"])
    assert unpaid == ("pending", None, "Unknown", None, None)
    assert data["amount"] == 10
    assert isinstance(data["amount"], int)

    await sandbox.act("pay-1", "pay")
    data = (await sandbox.verify("pay-1")).json()["data"]
    assert (data["status"], data["type"], data["mode"]) == ("success", "API", "test")
    assert re.fullmatch(r"AP[A-Za-z0-9]{9,10}", data["reference"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", data["updated_at"])
    assert "phone_number" in data


async def test_verify_as_documented(sandbox: Sandbox) -> None:
    await sandbox.switch(verify_quirks="docs")
    unknown = await sandbox.verify("nobody")
    assert outcome(unknown) == (404, "Invalid transaction or Transaction not found", "failed")
    await sandbox.opened("pay-1")
    assert outcome(await sandbox.verify("pay-1")) == (404, "Payment not paid yet", None)
    await sandbox.act("pay-1", "pay")
    paid = await sandbox.verify("pay-1")
    assert outcome(paid) == (200, "Payment details", "success")
    assert "phone_number" not in paid.json()["data"]


@pytest.mark.parametrize(
    ("action", "status"), [("fail", "failed"), ("refund", "refunded"), ("reverse", "reversed")]
)
async def test_verify_says_how_it_ended(sandbox: Sandbox, action: str, status: str) -> None:
    await sandbox.opened("pay-1")
    if action != "fail":
        await sandbox.act("pay-1", "pay")
    await sandbox.act("pay-1", action)
    answer = await sandbox.verify("pay-1")
    assert (answer.status_code, answer.json()["data"]["status"]) == (200, status)


@pytest.mark.parametrize(
    ("switch", "value", "field", "reported"),
    [
        ("verify_amount", "99.99", "amount", 99.99),
        ("verify_amount_as", "string", "amount", "100.50"),
        ("verify_currency", "USD", "currency", "USD"),
        ("verify_mode", "live", "mode", "live"),
        ("verify_tx_ref", "another", "tx_ref", "another"),
        ("verify_reference", "APother", "reference", "APother"),
        ("verify_status", "on_hold", "status", "on_hold"),
    ],
)
async def test_verify_can_report_something_else(
    sandbox: Sandbox, switch: str, value: str, field: str, reported: Any
) -> None:
    await sandbox.opened("pay-1")
    await sandbox.opened("pay-2")
    await sandbox.act("pay-1", "pay")
    await sandbox.switch("pay-1", **{switch: value})
    assert (await sandbox.verify("pay-1")).json()["data"][field] == reported
    assert (await sandbox.verify("pay-2")).json()["data"][field] != reported


async def test_cancel_closes_the_link_and_leaves_the_status(sandbox: Sandbox) -> None:
    page_url = await sandbox.opened("pay-1", amount="10")
    cancelled = await sandbox.client.put("/v1/transaction/cancel/pay-1")
    assert outcome(cancelled) == (200, "Checkout link expired successfully", "success")
    data = cancelled.json()["data"]
    assert (data["tx_ref"], data["amount"], data["currency"]) == ("pay-1", 10, "ETB")
    assert (await sandbox.verify("pay-1")).json()["data"]["status"] == "pending"
    assert (await sandbox.client.get(page_url)).status_code == 410

    again = await sandbox.client.put("/v1/transaction/cancel/pay-1")
    unknown = await sandbox.client.put("/v1/transaction/cancel/nobody")
    assert outcome(again) == (400, "Payment link already expired", "failed")
    assert outcome(unknown) == (404, "Payment link not found", "failed")


async def test_money_in_flight_can_arrive_after_the_link_was_cancelled(sandbox: Sandbox) -> None:
    await sandbox.switch("pay-1", late_success_after_cancel_s=0.8)
    await sandbox.opened("pay-1")
    await sandbox.client.put("/v1/transaction/cancel/pay-1")
    assert (await sandbox.verify("pay-1")).json()["data"]["status"] == "pending"
    await sandbox.hooks(1)
    assert (await sandbox.verify("pay-1")).json()["data"]["status"] == "success"


async def test_test_mode_refunds_nothing(sandbox: Sandbox) -> None:
    await sandbox.opened("pay-1")
    await sandbox.act("pay-1", "pay")
    answer = await sandbox.client.post("/v1/refund/pay-1", data={"reason": "returned"})
    assert outcome(answer) == (400, "Refunds can only be processed in live mode", "failed")


@pytest.mark.parametrize("named_by", ["chapa", "us"])
@pytest.mark.parametrize("body", ["form", "json"])
async def test_a_live_payment_is_refunded_in_parts(sandbox: Sandbox, named_by: str, body: str) -> None:
    live = {"Authorization": f"Bearer {LIVE_KEY}"}
    await sandbox.switch(refund_settles_after_s=0.05)
    fields = {"amount": "100", "currency": "ETB", "tx_ref": "pay-1"}
    await sandbox.client.post("/v1/transaction/initialize", json=fields, headers=live)
    await sandbox.act("pay-1", "pay")
    verified = await sandbox.client.get("/v1/transaction/verify/pay-1", headers=live)
    name = verified.json()["data"]["reference"] if named_by == "chapa" else "pay-1"

    async def refund(amount: str, reference: str) -> httpx.Response:
        asked = {"amount": amount, "reason": "returned", "reference": reference}
        url = f"/v1/refund/{name}"
        if body == "form":
            return await sandbox.client.post(url, data=asked, headers=live)
        return await sandbox.client.post(url, json=asked, headers=live)

    first = await refund("40.00", "r1")
    assert outcome(first) == (
        200,
        "Refund initiated successfully. Processing time: 1-3 business days",
        "success",
    )
    data = first.json()["data"]
    assert (data["amount"], data["status"], data["merchant_reference"]) == ("40.00", "Refund Initiated", "r1")
    assert outcome(await refund("1.00", "r1"))[:2] == (400, "Refund reference has been used before")
    too_much = "Refund amount cannot exceed the full transaction amount or be less than 0"
    assert outcome(await refund("60.01", "r2"))[:2] == (400, too_much)
    assert outcome(await refund("-1", "r3"))[:2] == (400, too_much)
    assert (await refund("60.00", "r4")).status_code == 200

    async def refunded() -> bool:
        answer = await sandbox.client.get("/v1/transaction/verify/pay-1", headers=live)
        return bool(answer.json()["data"]["status"] == "refunded")

    await eventually(refunded)
    answer = await sandbox.client.get(f"/v1/refund/{data['ref']}/verify", headers=live)
    assert outcome(answer) == (200, "Refund verified successfully", "success")
    assert (answer.json()["data"]["status"], answer.json()["data"]["amount"]) == ("refunded", 40)
    assert b'"event":"charge.refunded"' in (await sandbox.hooks(3))[-1].body


async def test_refunds_can_be_allowed_in_test_mode_and_end_by_hand(sandbox: Sandbox) -> None:
    await sandbox.switch(refunds="allowed", refund_settles_after_s=3600, refund_shape="ref_id")
    await sandbox.opened("pay-1")
    assert (await sandbox.client.post("/v1/refund/pay-1")).status_code == 400
    await sandbox.act("pay-1", "pay")
    ref = (await sandbox.client.post("/v1/refund/pay-1")).json()["data"]["ref_id"]
    initiated = await sandbox.client.get(f"/v1/refund/{ref}/verify")
    assert initiated.json()["data"]["status"] == "initiated"
    await sandbox.client.post(f"/_sim/refunds/{ref}/reverse")
    undone = await sandbox.client.get(f"/v1/refund/{ref}/verify")
    assert undone.json()["data"]["status"] == "reversed"
    assert (await sandbox.client.post("/v1/refund/pay-1")).status_code == 200
    assert (await sandbox.client.post("/v1/refund/nobody")).status_code == 404


async def test_banks_have_no_status_and_flags_are_numbers(sandbox: Sandbox) -> None:
    body = (await sandbox.client.get("/v1/banks")).json()
    assert set(body) == {"message", "data"}
    assert {bank["slug"]: bank["id"] for bank in body["data"]}["telebirr"] == 855
    assert {bank["is_mobilemoney"] for bank in body["data"]} == {1, None}
    assert len(body["data"][0]) == 24


async def test_currencies_are_two_parallel_lists(sandbox: Sandbox) -> None:
    body = (await sandbox.client.get("/v1/currency_supported")).json()
    assert body == {"status": "success", "currency_code": [1, 2], "currency_name": ["ETB", "USD"]}


async def test_transactions_are_listed_by_page_newest_first(sandbox: Sandbox) -> None:
    for amount in (1, 2, 3):
        await sandbox.opened(f"pay-{amount}", amount=str(amount))
    await sandbox.act("pay-2", "pay")
    first = (await sandbox.client.get("/v1/transactions", params={"per_page": 2})).json()["data"]
    assert [one["amount"] for one in first["transactions"]] == ["3.000", "2.000"]
    assert "tx_ref" not in first["transactions"][0]
    second = (await sandbox.client.get(first["pagination"]["next_page_url"])).json()["data"]
    assert [one["amount"] for one in second["transactions"]] == ["1.000"]
    assert second["pagination"]["next_page_url"] is None
    paid = (await sandbox.client.get("/v1/transactions", params={"status": "success"})).json()["data"]
    assert [one["amount"] for one in paid["transactions"]] == ["2.000"]


async def test_the_events_of_a_transaction_are_numbered(sandbox: Sandbox) -> None:
    await sandbox.opened("pay-1")
    await sandbox.act("pay-1", "fail")
    await sandbox.act("pay-1", "pay")
    reference = (await sandbox.verify("pay-1")).json()["data"]["reference"]
    answer = await sandbox.client.get(f"/v1/transaction/events/{reference}")
    assert outcome(answer) == (200, "Transaction events fetched", "success")
    assert [event["item"] for event in answer.json()["data"]] == [1, 2, 3]
    unknown = await sandbox.client.get("/v1/transaction/events/APnobody")
    assert outcome(unknown) == (404, "Transaction not found", "failed")


async def test_unknown_paths_and_methods_answer_in_the_envelope(sandbox: Sandbox) -> None:
    for method, path, status in (("GET", "/v1/nothing", 404), ("GET", "/v1/transaction/initialize", 405)):
        answer = await sandbox.client.request(method, path)
        assert answer.status_code == status
        assert set(answer.json()) == {"message", "status", "data"}
