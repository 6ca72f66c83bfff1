"""Checklist row 11 and the controls: faults in front of Daraja, switches, calls without secrets, state."""

import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from tests.integration.simulators.daraja import FAST, PHONE, Daraja, daraja_for
from tests.integration.simulators.serving import Merchant, listening, serving

pytestmark = pytest.mark.anyio


async def prompts(daraja: Daraja) -> int:
    return len(await daraja.listed("prompts"))


@pytest.mark.parametrize(
    ("fault", "status", "begins", "carried_out"),
    [
        ("html_403", 403, b"<html>", False),
        ("html_503", 503, b"<html>", False),
        ("html_503_after", 503, b"<html>", True),
        ("html_500", 500, b"<!DOCTYPE html>", False),
        ("unavailable", 503, b"<html>", False),
        ("empty", 200, b"", False),
        ("empty_after", 200, b"", True),
        ("soap", 500, b'{"Envelope":{"Body":{"Fault":', False),
        ("soap_after", 500, b'{"Envelope":{"Body":{"Fault":', True),
        ("error_in_200", 200, b'{"requestId":', False),
        ("error_in_200_after", 200, b'{"requestId":', True),
        ("error_500_after", 500, b'{"requestId":', True),
        ("rate_limited", 429, b'{"fault":{"faultstring":"Spike arrest violation.', False),
    ],
)
async def test_what_stands_in_front_can_answer_instead(
    daraja: Daraja, fault: str, status: int, begins: bytes, *, carried_out: bool
) -> None:
    await daraja.switch(fault=fault, fault_on="push", fault_times=1)
    answer = await daraja.push()
    assert answer.status_code == status
    assert answer.content.startswith(begins)
    assert bool(answer.content) == bool(begins)
    assert await prompts(daraja) == int(carried_out)
    assert (await daraja.push(PhoneNumber="254110345678")).status_code == 200


@pytest.mark.parametrize(
    ("fault", "code", "message"),
    [
        ("spike_arrest", "500.003.02", "Error Occurred: Spike Arrest Violation"),
        ("busy", "500.003.02", "System is busy. Please try again in few minutes."),
        ("quota", "500.003.03", "Error Occurred: Quota Violation"),
        ("internal", "500.003.1001", "Internal Server Error"),
    ],
)
async def test_the_gateway_has_codes_of_its_own(daraja: Daraja, fault: str, code: str, message: str) -> None:
    await daraja.switch(fault=fault, fault_on="push", fault_times=1)
    answer = await daraja.push()
    body = answer.json()
    assert (answer.status_code, body["errorCode"], body["errorMessage"]) == (500, code, message)
    assert await prompts(daraja) == 0


@pytest.mark.parametrize(("fault", "carried_out"), [("reset_before", False), ("reset_after", True)])
async def test_the_answer_to_a_push_can_be_lost(daraja: Daraja, fault: str, *, carried_out: bool) -> None:
    await daraja.switch(PHONE, fault=fault, fault_on="push")
    with pytest.raises(httpx.RemoteProtocolError, match="disconnected without sending a response"):
        await daraja.push()
    assert await prompts(daraja) == int(carried_out)


async def test_the_answer_to_a_push_can_be_slow_after_the_prompt_was_sent(daraja: Daraja) -> None:
    await daraja.switch(PHONE, fault="slow", fault_on="push", answer_delay_s=0.2)
    started = time.monotonic()
    assert (await daraja.push()).status_code == 200
    assert time.monotonic() - started >= 0.2


async def test_the_answer_to_a_push_may_never_come(daraja: Daraja) -> None:
    await daraja.switch(fault="never_answer", fault_on="push")
    headers = {"Authorization": f"Bearer {await daraja.token()}"}
    with pytest.raises(httpx.ReadTimeout):
        await daraja.client.post(
            "/mpesa/stkpush/v1/processrequest",
            json=daraja.push_fields(),
            headers=headers,
            timeout=httpx.Timeout(10.0, read=0.3),
        )
    assert await prompts(daraja) == 1


async def test_the_firewall_stands_before_tokens_too(daraja: Daraja) -> None:
    await daraja.switch(fault="html_503", fault_on="oauth")
    auth = (daraja.config.consumer_key, daraja.config.consumer_secret)
    answer = await daraja.client.get("/oauth/v1/generate?grant_type=client_credentials", auth=auth)
    assert answer.headers["content-type"].startswith("text/html")


async def test_a_fault_of_one_number_follows_its_prompt_and_leaves_others_alone(daraja: Daraja) -> None:
    mine, other = await daraja.prompted(), await daraja.prompted(PhoneNumber="254110345678")
    await daraja.switch(PHONE, fault="html_403", fault_on="query")
    assert (await daraja.query(mine)).status_code == 403
    assert (await daraja.query(other)).status_code == 200


@pytest.mark.parametrize(
    "switches",
    [
        {"no_such": 1},
        {"fault": "none of these"},
        {"fault_on": "pull"},
        {"time_scale": 0},
        {"answer": "perhaps"},
        {"answer": 5},
        {"answers_by_amount": {"ten": "cancel"}},
        {"answers_by_amount": ["cancel"]},
        {"callback_retries": 2},
        {"callback_copies": 0},
        {"callback_amount": "a lot"},
        {"query_calls": 0},
        {"not_enabled": ["dance"]},
        {"strict": "yes"},
        {"prompt_life_s": -1},
        [],
    ],
)
async def test_a_wrong_switch_is_refused_and_changes_nothing(daraja: Daraja, switches: Any) -> None:
    before = (await daraja.client.get("/_sim/switches")).json()
    answer = await daraja.client.put("/_sim/switches", json=switches)
    assert answer.status_code == 422
    assert answer.json()["error"]
    assert (await daraja.client.get("/_sim/switches")).json() == before


async def test_every_call_is_recorded_without_its_secrets(daraja: Daraja) -> None:
    password = daraja.push_fields()["Password"]
    await daraja.push(Passkey=daraja.config.passkey)
    await daraja.query("ws_CO_1")
    calls = (await daraja.client.get("/_sim/calls")).json()
    assert calls["by_endpoint"] == {"oauth": 1, "push": 1, "query": 1}
    pushed = (await daraja.client.get("/_sim/calls", params={"phone": PHONE})).json()["calls"][0]
    assert (pushed["endpoint"], pushed["status"], pushed["fault"]) == ("push", 200, "none")
    assert '"Passkey":"redacted"' in pushed["body"]
    assert '"AccountReference":"ORDER17"' in pushed["body"]
    everything = str(calls)
    assert daraja.config.passkey not in everything
    assert password[:60] not in everything


async def test_the_controls_refuse_what_makes_no_sense(daraja: Daraja) -> None:
    checkout_request_id = await daraja.prompted()
    assert (await daraja.act(checkout_request_id, "result")).status_code == 422
    assert (await daraja.act(checkout_request_id, "result", code="1")).status_code == 200
    assert (await daraja.act(checkout_request_id, "result", code="1")).status_code == 409
    for url in (
        "/_sim/prompts/ws_CO_1/result",
        "/_sim/payments/UC1AB2CD3E/reverse",
        "/_sim/reversals/AG_1/settle",
        "/_sim/callbacks/1/redeliver",
    ):
        assert (await daraja.client.post(url, json={"code": "1"})).status_code == 404
    assert (await daraja.client.get("/_sim/prompts/ws_CO_1")).status_code == 404
    assert (await daraja.client.post("/_sim/reversals/AG_1/fail", content=b"{")).status_code == 422


async def test_reset_forgets_everything(daraja: Daraja) -> None:
    await daraja.prompted()
    await daraja.switch(strict=True)
    await daraja.reset()
    assert await prompts(daraja) == 0
    assert (await daraja.client.get("/_sim/calls")).json()["count"] == 0
    assert (await daraja.push()).status_code == 200


async def test_prompts_timers_and_the_key_outlive_the_process(tmp_path: Path) -> None:
    merchant, path = Merchant(), tmp_path / "mpesa.db"
    async with serving(merchant.app(), listening()) as merchant_url:
        async with daraja_for(merchant, merchant_url, state_path=path) as before:
            await before.switch(PHONE, processing_s=150)
            paying = await before.prompted()
            waiting = await before.prompted(PhoneNumber="254110345678")
            await before.act(paying, "approve")
            certificate = (await before.client.get("/_sim/certificate")).content
            assert merchant.received == []
        async with daraja_for(merchant, merchant_url, state_path=path, switches=FAST) as after:
            await after.told(1)
            assert (await after.prompt(paying))["code"] == "0"
            assert (await after.prompt(waiting))["state"] == "live"
            assert (await after.push(PhoneNumber="254110345678")).status_code == 500
            again = (await after.client.get("/_sim/certificate")).content
    assert public_key(again) == public_key(certificate)


def public_key(certificate: bytes) -> bytes:
    loaded = x509.load_pem_x509_certificate(certificate).public_key()
    return loaded.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
