"""Checklist row 10, and the controls: faults as a real client sees them, switches, calls, reset."""

import time
from typing import Any

import httpx
import pytest

from tests.integration.simulators.serving import Sandbox

pytestmark = pytest.mark.anyio


async def knows(sandbox: Sandbox, tx_ref: str) -> bool:
    return (await sandbox.client.get(f"/_sim/transactions/{tx_ref}")).status_code == 200


@pytest.mark.parametrize(("fault", "carried_out"), [("reset_before", False), ("reset_after", True)])
async def test_the_connection_can_be_reset(sandbox: Sandbox, fault: str, *, carried_out: bool) -> None:
    await sandbox.switch(fault=fault, fault_on="initialize", fault_times=1)
    with pytest.raises(httpx.RemoteProtocolError, match="disconnected without sending a response"):
        await sandbox.initialize("pay-1")
    assert await knows(sandbox, "pay-1") == carried_out
    assert (await sandbox.initialize("pay-2")).status_code == 200


async def test_an_answer_can_be_cut_off_on_the_wire(sandbox: Sandbox) -> None:
    await sandbox.switch(fault="cut_off", fault_times=1)
    with pytest.raises(httpx.RemoteProtocolError, match=r"without sending complete"):
        await sandbox.initialize("pay-1")
    assert await knows(sandbox, "pay-1")


async def test_an_answer_can_be_half_of_the_json(sandbox: Sandbox) -> None:
    await sandbox.switch(fault="truncated", fault_times=1)
    answer = await sandbox.initialize("pay-1")
    assert answer.status_code == 200
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        answer.json()
    assert await knows(sandbox, "pay-1")


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
    sandbox: Sandbox, fault: str, status: int, *, carried_out: bool
) -> None:
    await sandbox.switch(fault=fault, fault_times=1)
    answer = await sandbox.initialize("pay-1")
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html") == fault.startswith("html")
    assert await knows(sandbox, "pay-1") == carried_out


async def test_an_answer_can_be_slow_after_the_transaction_was_made(sandbox: Sandbox) -> None:
    await sandbox.switch("pay-1", fault="slow", answer_delay_s=0.2)
    started = time.monotonic()
    assert (await sandbox.initialize("pay-1")).status_code == 200
    assert time.monotonic() - started >= 0.2


async def test_an_answer_may_never_come_after_the_transaction_was_made(sandbox: Sandbox) -> None:
    await sandbox.switch("pay-1", fault="never_answer", fault_on="initialize")
    with pytest.raises(httpx.ReadTimeout):
        await sandbox.client.post(
            "/v1/transaction/initialize",
            json={"amount": "1", "currency": "ETB", "tx_ref": "pay-1"},
            timeout=httpx.Timeout(10.0, read=0.3),
        )
    assert (await sandbox.verify("pay-1")).json()["data"]["status"] == "pending"


async def test_a_fault_of_one_reference_leaves_the_others_alone(sandbox: Sandbox) -> None:
    await sandbox.opened("pay-1")
    await sandbox.opened("pay-2")
    await sandbox.switch("pay-1", fault="rate_limited", fault_on="verify")
    assert (await sandbox.verify("pay-1")).status_code == 429
    assert (await sandbox.verify("pay-1")).status_code == 429
    assert (await sandbox.verify("pay-2")).status_code == 200
    assert (await sandbox.client.put("/v1/transaction/cancel/pay-1")).status_code == 200


async def test_a_fault_is_counted_off(sandbox: Sandbox) -> None:
    await sandbox.switch(fault="rate_limited", fault_times=2)
    assert [(await sandbox.verify("x")).status_code for _ in range(3)] == [429, 429, 400]
    assert (await sandbox.client.get("/_sim/switches")).json()["switches"]["fault"] == "none"


async def test_a_switch_is_set_back_by_null(sandbox: Sandbox) -> None:
    await sandbox.switch(verify_quirks="docs")
    await sandbox.switch(verify_quirks=None)
    assert (await sandbox.verify("nobody")).status_code == 400


@pytest.mark.parametrize(
    "switches",
    [
        {"no_such": 1},
        {"fault": "none of these"},
        {"webhook_copies": 0},
        {"webhook_delay_s": "soon"},
        {"webhook_lost": "yes"},
        {"verify_amount": "a lot"},
        {"verify_amount": "1e999999999"},
        {"after_payment": ["webhook"]},
        [],
    ],
)
async def test_a_wrong_switch_is_refused_and_changes_nothing(sandbox: Sandbox, switches: Any) -> None:
    before = (await sandbox.client.get("/_sim/switches")).json()
    answer = await sandbox.client.put("/_sim/switches", json=switches)
    assert answer.status_code == 422
    assert answer.json()["error"]
    assert (await sandbox.client.get("/_sim/switches")).json() == before


async def test_every_call_is_recorded_with_what_was_answered(sandbox: Sandbox) -> None:
    await sandbox.opened("pay-1")
    await sandbox.verify("pay-1")
    await sandbox.verify("nobody")
    await sandbox.switch(fault="reset_after", fault_times=1)
    with pytest.raises(httpx.RemoteProtocolError):
        await sandbox.verify("pay-1")

    calls = (await sandbox.client.get("/_sim/calls")).json()
    assert (calls["count"], calls["by_endpoint"]) == (4, {"initialize": 1, "verify": 3})
    assert calls["by_status"] == {"200": 2, "400": 1, "None": 1}
    of_one = (await sandbox.client.get("/_sim/calls", params={"tx_ref": "pay-1"})).json()["calls"]
    seen = [(call["endpoint"], call["status"], call["fault"]) for call in of_one]
    assert seen == [("initialize", 200, "none"), ("verify", 200, "none"), ("verify", None, "reset_after")]
    assert '"tx_ref":"pay-1"' in of_one[0]["body"]


async def test_the_controls_refuse_what_makes_no_sense(sandbox: Sandbox) -> None:
    await sandbox.opened("pay-1")
    assert (await sandbox.act("pay-1", "refund")).status_code == 409
    assert (await sandbox.act("pay-1", "reverse")).status_code == 409
    assert (await sandbox.act("pay-1", "dance")).status_code == 404
    assert (await sandbox.act("nobody", "pay")).status_code == 404
    assert (await sandbox.act("pay-1", "pay")).status_code == 200
    assert (await sandbox.act("pay-1", "pay")).status_code == 409
    assert (await sandbox.act("pay-1", "fail")).status_code == 409
    assert (await sandbox.act("pay-1", "refund", amount="x")).status_code == 422
    assert (await sandbox.act("pay-1", "refund", amount="1000")).status_code == 409


async def test_the_controls_pay_a_cancelled_link(sandbox: Sandbox) -> None:
    await sandbox.opened("pay-1")
    await sandbox.client.put("/v1/transaction/cancel/pay-1")
    assert (await sandbox.act("pay-1", "pay")).json()["status"] == "success"


async def test_reset_forgets_everything(sandbox: Sandbox) -> None:
    await sandbox.opened("pay-1")
    await sandbox.switch(verify_quirks="docs")
    await sandbox.client.post("/_sim/reset")
    assert (await sandbox.client.get("/_sim/transactions")).json()["count"] == 0
    assert (await sandbox.client.get("/_sim/calls")).json()["count"] == 0
    assert (await sandbox.verify("pay-1")).status_code == 400
