"""Refunds: what is refused and how, their way to an end, and what verify says meanwhile (sheet 5, 8, 12)."""

from typing import Any

import httpx
import pytest

from tests.integration.simulators.paystack import LIVE, PaystackSandbox, keys
from tests.integration.simulators.serving import eventually

pytestmark = pytest.mark.anyio

# The keys of the sheet, section 8: documented and newer.
FETCHED = keys(
    "integration transaction dispute settlement id domain currency amount status refunded_at refunded_by "
    "expected_at customer_note merchant_note deducted_amount fully_deducted channel createdAt updatedAt "
    "bank_reference transaction_reference reason customer refund_type transaction_amount initiated_by "
    "refund_channel session_id collect_account_number"
)
CREATED = keys(
    "transaction integration deducted_amount channel merchant_note customer_note status refunded_by "
    "expected_at currency domain amount fully_deducted id createdAt updatedAt reason initiated_by customer "
    "session_id"
)


@pytest.fixture
async def still(paystack: PaystackSandbox) -> PaystackSandbox:
    """A Paystack whose refunds wait for a hand."""
    await paystack.client.put("/_sim/switches", json={"refund_step_s": 3600})
    return paystack


async def moved(sandbox: PaystackSandbox, refund_id: int, status: str) -> None:
    answer = await sandbox.client.post(f"/_sim/refunds/{refund_id}/{status}")
    assert answer.status_code == 200, answer.text


async def has_status(sandbox: PaystackSandbox, reference: str, status: str) -> None:
    async def seen() -> bool:
        return bool((await sandbox.verified(reference))["status"] == status)

    await eventually(seen)


@pytest.mark.parametrize("named", ["reference", "number", "digits"])
async def test_a_refund_is_queued_by_reference_or_number(still: PaystackSandbox, named: str) -> None:
    number = (await still.paid("ord-1"))["id"]
    names: dict[str, Any] = {"reference": "ord-1", "number": number, "digits": str(number)}
    answer = await still.refund(names[named], amount=100000)
    body = answer.json()
    assert (answer.status_code, body["message"]) == (200, "Refund has been queued for processing")
    data = body["data"]
    assert set(data) == CREATED
    assert (data["transaction"]["id"], data["transaction"]["reference"]) == (number, "ord-1")
    assert (data["amount"], data["currency"], data["status"]) == (100000, "KES", "pending")
    assert data["customer_note"] == "Refund for transaction ord-1"
    assert data["merchant_note"] == "Refund for transaction ord-1 by ops@example.com"
    fetched = (await still.client.get(f"/refund/{data['id']}")).json()
    assert fetched["message"] == "Refund retrieved"
    assert set(fetched["data"]) == FETCHED
    assert fetched["data"]["transaction"] == number
    never_null = ("deducted_amount", "fully_deducted", "refunded_by", "createdAt", "customer_note")
    assert all(fetched["data"][name] is not None for name in never_null)


async def test_without_an_amount_all_of_it_goes_back(still: PaystackSandbox) -> None:
    await still.paid("ord-1")
    assert (await still.refund("ord-1")).json()["data"]["amount"] == 500000


TOO_MUCH = "Refund amount exceeds transaction amount"
SUM = "Total refund amount cannot exceed original transaction amount"


@pytest.mark.parametrize(
    ("fields", "message", "code"),
    [
        ({"transaction": "nobody"}, "Transaction not found", "transaction_not_found"),
        ({"transaction": 1}, "Transaction not found", "transaction_not_found"),
        ({"transaction": None}, "Transaction is required", "missing_params"),
        ({"amount": 500001}, TOO_MUCH, "refund_amount_exceeds_transaction_amount"),
        ({"amount": 400001}, SUM, None),
        ({}, SUM, None),
        ({"currency": "USD", "amount": 1}, "Transaction currency must match refund currency", None),
        ({"amount": 0}, "Invalid Amount Sent", "invalid_amount"),
        ({"amount": 10.5}, '"amount" must be an integer', "invalid_params"),
    ],
)
async def test_a_refund_is_refused(
    still: PaystackSandbox, fields: dict[str, Any], message: str, code: str | None
) -> None:
    """After a first refund of a fifth; the last but some: without an amount it is all of it again."""
    await still.paid("ord-1")
    assert (await still.refund("ord-1", amount=100000)).status_code == 200
    answer = await still.client.post("/refund", json={"transaction": "ord-1", **fields})
    assert (answer.status_code, answer.json()["message"], answer.json().get("code")) == (400, message, code)
    assert (await still.client.get("/_sim/refunds")).json()["count"] == 1


async def test_next_steps_are_those_of_the_sheet(still: PaystackSandbox) -> None:
    await still.paid("ord-1")
    unknown, too_much = await still.refund("nobody"), await still.refund("ord-1", amount=500001)
    assert unknown.json()["meta"]["nextStep"] == "Ensure the transaction reference or ID is correct"
    assert (
        too_much.json()["meta"]["nextStep"]
        == "The refund amount should not exceed original transaction amount."
    )


@pytest.mark.parametrize(
    ("amount", "message"),
    [
        (99, "The minimum amount you may send in a single refund at this time is: GHS1.00"),
        (49, "Cannot refund less than GHS0.5"),
        (100, None),
    ],
)
async def test_ghana_has_a_smallest_refund(still: PaystackSandbox, amount: int, message: str | None) -> None:
    await still.paid("ord-1", currency="GHS")
    answer = await still.refund("ord-1", amount=amount)
    assert answer.status_code == (200 if message is None else 400)
    assert message in (None, answer.json()["message"])


async def test_what_was_not_paid_is_not_refunded(still: PaystackSandbox) -> None:
    await still.opened("ord-1")
    assert (await still.refund("ord-1")).status_code == 400


async def test_a_live_payment_is_unknown_to_a_test_key(still: PaystackSandbox) -> None:
    number = (await still.paid("ord-1"))["id"]
    answer = await still.client.post("/refund", json={"transaction": number}, headers=LIVE)
    assert answer.json()["code"] == "transaction_not_found"


async def test_an_empty_balance_refunds_nothing(still: PaystackSandbox) -> None:
    await still.paid("ord-1")
    await still.switch(balance="insufficient")
    answer = await still.refund("ord-1")
    assert answer.json()["message"] == "Insufficient balance to fulfill this refund. Please top up."


async def test_a_repeated_call_is_a_second_refund(still: PaystackSandbox) -> None:
    await still.paid("ord-1")
    headers = {"Idempotency-Key": "the same"}
    for _ in range(2):
        await still.client.post("/refund", json={"transaction": "ord-1", "amount": 1000}, headers=headers)
    assert (await still.client.get("/_sim/refunds")).json()["count"] == 2


@pytest.mark.parametrize("amount", [500000, 100000])
async def test_verify_says_reversal_pending_from_the_first_moment(
    still: PaystackSandbox, amount: int
) -> None:
    await still.paid("ord-1")
    data = (await still.refund("ord-1", amount=amount)).json()["data"]
    assert (await still.verified("ord-1"))["status"] == "reversal-pending"
    await moved(still, data["id"], "processing")
    assert (await still.verified("ord-1"))["status"] == "reversal-pending"


async def test_a_full_refund_ends_reversed_by_itself(paystack: PaystackSandbox) -> None:
    await paystack.switch(refund_step_s=0.02)
    await paystack.paid("ord-1")
    await paystack.refund("ord-1")
    await has_status(paystack, "ord-1", "reversed")
    answer = await paystack.refund("ord-1", amount=1)
    assert (answer.status_code, answer.json()) == (
        400,
        {
            "status": False,
            "message": "Transaction has been fully reversed",
            "type": "api_error",
            "code": "transaction_reversed",
        },
    )


async def test_refunds_in_parts_that_make_the_whole_end_reversed(still: PaystackSandbox) -> None:
    await still.paid("ord-1")
    for amount in (200000, 300000):
        data = (await still.refund("ord-1", amount=amount)).json()["data"]
        await moved(still, data["id"], "processed")
    assert (await still.verified("ord-1"))["status"] == "reversed"


@pytest.mark.parametrize("after", ["success", "reversed", "reversal-pending"])
async def test_what_a_partial_refund_leaves_is_a_switch(still: PaystackSandbox, after: str) -> None:
    await still.switch(after_partial_refund=after)
    await still.paid("ord-1")
    data = (await still.refund("ord-1", amount=100000)).json()["data"]
    await moved(still, data["id"], "processed")
    assert (await still.verified("ord-1"))["status"] == after


@pytest.mark.parametrize(
    ("card", "end", "status"),
    [
        ("4084084084084081", "processed", "reversed"),
        ("4084080000671803", "failed", "success"),
        ("4084080000671902", "needs-attention", "reversal-pending"),
    ],
)
async def test_what_paid_decides_how_a_refund_ends(
    paystack: PaystackSandbox, card: str, end: str, status: str
) -> None:
    await paystack.switch(refund_step_s=0.02)
    await paystack.opened("ord-1")
    await paystack.act("ord-1", "pay", card=card)
    number = (await paystack.refund("ord-1")).json()["data"]["id"]

    async def ended() -> bool:
        answer = await paystack.client.get(f"/refund/{number}")
        return bool(answer.json()["data"]["status"] == end)

    await eventually(ended)
    assert (await paystack.verified("ord-1"))["status"] == status


async def test_the_amount_of_a_failed_refund_can_be_refunded_again(still: PaystackSandbox) -> None:
    await still.paid("ord-1")
    data = (await still.refund("ord-1")).json()["data"]
    await moved(still, data["id"], "failed")
    assert (await still.refund("ord-1")).status_code == 200


ACCOUNT = {"currency": "KES", "account_number": "1234567890", "bank_id": "9"}


@pytest.mark.parametrize(
    ("account", "end"),
    [("1234567890", "processed"), ("1012204936", "failed"), ("1012204935", "needs-attention")],
)
async def test_a_refund_that_needs_attention_is_tried_again(
    paystack: PaystackSandbox, account: str, end: str
) -> None:
    await paystack.switch(refund_step_s=0.02, refund_end="needs-attention")
    await paystack.paid("ord-1")
    number = (await paystack.refund("ord-1")).json()["data"]["id"]
    await has_status(paystack, "ord-1", "reversal-pending")
    await moved(paystack, number, "needs-attention")
    body = {"refund_account_details": {**ACCOUNT, "account_number": account}}
    answer = await paystack.client.post(f"/refund/retry_with_customer_details/{number}", json=body)
    assert answer.json()["message"] == "Refund retried and has been queued for processing"
    assert answer.json()["data"]["status"] == "processing"

    async def ended() -> bool:
        found = await paystack.client.get(f"/refund/{number}")
        return bool(found.json()["data"]["status"] == end)

    await eventually(ended)


async def test_only_a_refund_that_needs_attention_is_tried_again(still: PaystackSandbox) -> None:
    await still.paid("ord-1")
    number = (await still.refund("ord-1")).json()["data"]["id"]
    answer = await still.client.post(
        f"/refund/retry_with_customer_details/{number}", json={"refund_account_details": ACCOUNT}
    )
    assert (answer.status_code, answer.json()) == (
        422,
        {
            "status": False,
            "message": 'Invalid Refund state, refund status should be "needs-attention"',
            "meta": {"nextStep": "Ensure that the value(s) you're passing are valid."},
            "type": "validation_error",
            "code": "invalid_params",
        },
    )


async def test_refunds_are_listed_by_number_and_a_reference_finds_none(still: PaystackSandbox) -> None:
    number = (await still.paid("ord-1"))["id"]
    await still.paid("ord-2")
    for reference in ("ord-1", "ord-2", "ord-1"):
        await still.refund(reference, amount=1000)

    async def found(**query: Any) -> httpx.Response:
        # A JSON body on GET, as paystackapi sends it, means nothing.
        return await still.client.request("GET", "/refund", params=query, json={})

    mine = (await found(transaction=number)).json()
    assert mine["message"] == "Refunds retrieved"
    assert [row["transaction"] for row in mine["data"]] == [number, number]
    assert mine["meta"] == {"total": 2, "skipped": 0, "perPage": 50, "page": 1, "pageCount": 1}
    assert (await found(transaction="ord-1")).json()["data"] == []
    assert len((await found(currency="USD")).json()["data"]) == 3
    assert len((await found(perPage=2, page=2)).json()["data"]) == 1


async def test_an_unknown_refund_is_not_found(still: PaystackSandbox) -> None:
    answer = await still.client.get("/refund/7")
    assert (answer.status_code, answer.json()["message"], answer.json()["code"]) == (
        404,
        "Refund not found",
        "not_found",
    )


async def test_the_dashboard_refunds_what_is_left(still: PaystackSandbox) -> None:
    await still.paid("ord-1")
    await still.refund("ord-1", amount=100000)
    assert (await still.act("ord-1", "refund", amount=400001)).status_code == 409
    assert (await still.act("ord-1", "refund")).json()["refunds"][1]["amount"] == 400000
    assert (await still.act("ord-1", "refund")).status_code == 409
