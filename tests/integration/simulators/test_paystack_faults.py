"""Faults as a real client sees them, limits, switches, calls, controls, reset (sheet 1.1, 11)."""

import time
from typing import Any

import httpx
import pytest

from tests.integration.simulators.paystack import LIVE, PaystackSandbox

pytestmark = pytest.mark.anyio

RATE_LIMITED = {
    "status": False,
    "message": "Rate limit exceeded!",
    "meta": {"nextStep": "Wait a few minutes and try the API call again"},
    "type": "api_error",
    "code": "rate_limited",
}


async def knows(sandbox: PaystackSandbox, reference: str) -> bool:
    return (await sandbox.client.get(f"/_sim/transactions/{reference}")).status_code == 200


@pytest.mark.parametrize(("fault", "carried_out"), [("reset_before", False), ("reset_after", True)])
async def test_the_connection_can_be_reset(
    paystack: PaystackSandbox, fault: str, *, carried_out: bool
) -> None:
    await paystack.switch(fault=fault, fault_on="initialize", fault_times=1)
    with pytest.raises(httpx.RemoteProtocolError, match="disconnected without sending a response"):
        await paystack.initialize("ord-1")
    assert await knows(paystack, "ord-1") == carried_out
    assert (await paystack.initialize("ord-2")).status_code == 200


@pytest.mark.parametrize(
    ("fault", "status", "carried_out"),
    [
        ("rate_limited", 429, False),
        ("unavailable", 503, False),
        ("html_500", 500, False),
        ("html_500_after", 500, True),
    ],
)
async def test_an_answer_can_be_an_error(
    paystack: PaystackSandbox, fault: str, status: int, *, carried_out: bool
) -> None:
    await paystack.switch(fault=fault, fault_times=1)
    answer = await paystack.initialize("ord-1")
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html") == fault.startswith("html")
    assert await knows(paystack, "ord-1") == carried_out
    if fault == "rate_limited":
        assert answer.json() == RATE_LIMITED


async def test_an_answer_can_be_slow_after_the_transaction_was_made(paystack: PaystackSandbox) -> None:
    await paystack.switch("ord-1", fault="slow", answer_delay_s=0.2)
    started = time.monotonic()
    assert (await paystack.initialize("ord-1")).status_code == 200
    assert time.monotonic() - started >= 0.2


async def test_a_refund_can_be_made_without_an_answer(paystack: PaystackSandbox) -> None:
    await paystack.paid("ord-1")
    number = (await paystack.verified("ord-1"))["id"]
    await paystack.switch("ord-1", fault="never_answer", fault_on="refund")
    with pytest.raises(httpx.ReadTimeout):
        await paystack.client.post(
            "/refund", json={"transaction": number}, timeout=httpx.Timeout(10.0, read=0.3)
        )
    rows = (await paystack.client.get("/refund", params={"transaction": number})).json()["data"]
    assert [row["amount"] for row in rows] == [500000]


async def test_a_fault_of_one_reference_leaves_the_others_alone(paystack: PaystackSandbox) -> None:
    await paystack.opened("ord-1")
    await paystack.opened("ord-2")
    await paystack.switch("ord-1", fault="rate_limited", fault_on="verify")
    assert (await paystack.verify("ord-1")).status_code == 429
    assert (await paystack.verify("ord-2")).status_code == 200
    assert (await paystack.client.get("/transaction/timeline/ord-1")).status_code == 200


async def test_a_fault_of_a_reference_is_seen_by_number_too(paystack: PaystackSandbox) -> None:
    number = (await paystack.paid("ord-1"))["id"]
    refund = (await paystack.refund("ord-1", amount=1000)).json()["data"]["id"]
    dispute = (await paystack.act("ord-1", "dispute")).json()["disputes"][0]["id"]
    await paystack.switch("ord-1", fault="unavailable")
    for path in (f"/transaction/{number}", f"/refund/{refund}", f"/dispute/{dispute}"):
        assert (await paystack.client.get(path)).status_code == 503


async def test_a_limit_can_be_kept_to_and_is_told_in_the_headers(paystack: PaystackSandbox) -> None:
    free = await paystack.verify("nobody")
    assert free.headers["x-ratelimit-limit"] == "100"
    assert 0 < int(free.headers["x-ratelimit-reset"]) <= 60
    await paystack.switch(calls_a_minute=1)
    await paystack.verify("nobody")
    limited = await paystack.verify("nobody")
    if limited.status_code != 429:
        # A minute had just begun, and this was its first call.
        limited = await paystack.verify("nobody")
    assert (limited.status_code, limited.json()) == (429, RATE_LIMITED)
    assert limited.headers["x-ratelimit-remaining"] == "0"


async def test_a_switch_is_set_back_by_null(paystack: PaystackSandbox) -> None:
    await paystack.switch(unknown_reference="docs")
    await paystack.switch(unknown_reference=None)
    assert (await paystack.verify("nobody")).status_code == 400


@pytest.mark.parametrize(
    "switches",
    [
        {"no_such": 1},
        {"fault": "none of these"},
        {"fault_on": "cancel"},
        {"webhook_copies": 0},
        {"webhook_delay_s": "soon"},
        {"webhook_lost": "yes"},
        {"verify_amount": "1"},
        {"paid_amount": 0},
        {"calls_a_minute": True},
        {"refund_end": "lost"},
        {"after_payment": ["webhook"]},
        [],
    ],
)
async def test_a_wrong_switch_is_refused_and_changes_nothing(
    paystack: PaystackSandbox, switches: Any
) -> None:
    before = (await paystack.client.get("/_sim/switches")).json()
    answer = await paystack.client.put("/_sim/switches", json=switches)
    assert answer.status_code == 422
    assert answer.json()["error"]
    assert (await paystack.client.get("/_sim/switches")).json() == before


async def test_every_call_is_recorded_with_what_was_answered(paystack: PaystackSandbox) -> None:
    number = (await paystack.paid("ord-1"))["id"]
    await paystack.verify("nobody")
    await paystack.refund(number, amount=1)
    calls = (await paystack.client.get("/_sim/calls")).json()
    assert calls["by_endpoint"] == {"initialize": 1, "verify": 2, "refund": 1}
    assert calls["by_status"] == {"200": 3, "400": 1}
    of_one = (await paystack.client.get("/_sim/calls", params={"reference": "ord-1"})).json()["calls"]
    assert [(call["endpoint"], call["status"]) for call in of_one] == [
        ("initialize", 200),
        ("verify", 200),
        ("refund", 200),
    ]


async def test_the_controls_refuse_what_makes_no_sense(paystack: PaystackSandbox) -> None:
    await paystack.opened("ord-1")
    assert (await paystack.act("ord-1", "refund")).status_code == 409
    assert (await paystack.act("ord-1", "dispute")).status_code == 409
    assert (await paystack.act("ord-1", "dance")).status_code == 404
    assert (await paystack.act("nobody", "pay")).status_code == 404
    assert (await paystack.act("ord-1", "pay", card="4111111111111111")).status_code == 422
    assert (await paystack.act("ord-1", "pay", channel="cash")).status_code == 422
    assert (await paystack.act("ord-1", "pay", amount=1.5)).status_code == 422
    assert (await paystack.act("ord-1", "pay")).status_code == 200
    for action in ("pay", "fail", "decline", "abandon"):
        assert (await paystack.act("ord-1", action)).status_code == 409
    assert (await paystack.act("ord-1", "refund", amount=500001)).status_code == 409
    assert (await paystack.act("ord-1", "dispute", amount=500001)).status_code == 409
    for path in ("refunds/7/processed", "disputes/7/remind"):
        assert (await paystack.client.post(f"/_sim/{path}")).status_code == 404


async def test_the_controls_know_test_and_live_apart(paystack: PaystackSandbox) -> None:
    fields = {"email": "buyer@example.com", "amount": 100, "currency": "KES", "reference": "both"}
    for headers in ({}, LIVE):
        await paystack.client.post("/transaction/initialize", json=fields, headers=headers)
    url = "/_sim/transactions/both/pay"
    assert (await paystack.client.post(url, params={"domain": "live"})).json()["domain"] == "live"
    assert (await paystack.verified("both"))["status"] == "abandoned"
    assert (await paystack.client.post(url)).json()["domain"] == "test"


async def test_reset_forgets_everything(paystack: PaystackSandbox) -> None:
    await paystack.paid("ord-1")
    await paystack.refund("ord-1")
    await paystack.switch(unknown_reference="docs")
    await paystack.client.post("/_sim/reset")
    for kind in ("transactions", "refunds", "disputes", "calls", "webhooks"):
        assert (await paystack.client.get(f"/_sim/{kind}")).json()["count"] == 0
    assert (await paystack.verify("ord-1")).status_code == 400
