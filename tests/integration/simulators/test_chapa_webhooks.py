"""Checklist rows 4, 5 and 6, from the shop's side: what is sent, when, how often, and how it is signed."""

import json
import time
from typing import Any

import pytest

from payments.simulators.chapa.signatures import signature, signature_headers
from tests.integration.simulators.conftest import SECRET
from tests.integration.simulators.serving import Received, Sandbox, eventually

pytestmark = pytest.mark.anyio

# The vectors of the fact sheet, section 6.5: secret, body, HMAC of the body, HMAC of the secret itself.
_V1 = (
    b'{"event":"charge.success","first_name":"Sara","last_name":"Tesfaye","email":null,"mobile":"251900123456",'
    b'"currency":"ETB","amount":"250.00","charge":"8.75","failure_reason":null,"status":"success","mode":"test",'
    b'"reference":"APx7Kq2LmN4w","created_at":"2026-01-05T09:30:00.000000Z",'
    b'"updated_at":"2026-01-05T09:31:12.000000Z","type":"API","tx_ref":"pay-0001-a1",'
    b'"payment_method":"telebirr","customization":{"title":null,"description":null,"logo":null},"meta":null}'
)
_V2 = (
    rb'{"event":"charge.success","first_name":"\u12a0\u1260\u1260","email":"sara@shop.et","currency":"ETB",'
    rb'"amount":"1200.50","charge":"42.02","status":"success","mode":"live","reference":"APq9Rz1TbV6y",'
    rb'"type":"API","tx_ref":"pay-0002-a1","payment_method":"cbebirr","customization":{"title":"Shop",'
    rb'"description":"Order 2","logo":"https:\/\/shop.et\/l.png"},"meta":{"order":"A\/2"}}'
)
_V3 = (
    '{\n  "event": "charge.failed/cancelled",\n  "status": "failed/cancelled",\n  "amount": 400.00,\n'
    '  "first_name": "\u12a0\u1260\u1260",\n  "tx_ref": "pay-0003-a2"\n}\n'
).encode()
_V4 = (
    b'{"event":"payout.success","type":"Payout","account_name":"Sara Tesfaye",'
    b'"account_number":"251900123456","bank_id":855,"bank_name":"telebirr","amount":"2000.00","charge":"60.00","currency":"ETB",'
    b'"status":"success","reference":"po-0004","chapa_reference":"2pQ7sR9tU1v","bank_reference":"BR0004",'
    b'"created_at":"2026-01-05T09:30:00.000000Z","updated_at":"2026-01-05T09:30:01.000000Z"}'
)
VECTORS = (
    (
        "whsec_local_0001",
        _V1,
        "c86c16bf5ed257b702f4f782acd4424afe57c5f574bcb458389280c43cd31d14",
        "9f1621941e0481f7bf3b0e1a9d1730b44f7c865b26a3d34000d03a01b4a10d61",
    ),
    (
        "Secret hash #2 / \u12f2\u1235",
        _V2,
        "75e5fb2296110cc8cc4d17919d69d33bf93f632666eac61a43528a57a275e640",
        "165582816dd43f117f19ba352506a1f1d7d3b9e39c68f15eb0902f0ae9264723",
    ),
    (
        "whsec_local_0001",
        _V3,
        "64c5f9e944e1a882cbd19226598a97ddb5e84067c410a8b6324ae6091002d5d4",
        "9f1621941e0481f7bf3b0e1a9d1730b44f7c865b26a3d34000d03a01b4a10d61",
    ),
    (
        "custom-hook-secret",
        _V4,
        "8c4cb8c0cad74bde6993497a50eeb02599caaa90c95d4e1f45c2a3a152c8da7b",
        "93af7193ab435eca93fdf2c898feb6901307abf3690c778b9b22ec6ea259fea5",
    ),
)


@pytest.mark.parametrize(("secret", "body", "of_body", "constant"), VECTORS)
async def test_the_signer_agrees_with_the_vectors(
    secret: str, body: bytes, of_body: str, constant: str
) -> None:
    assert signature_headers(secret, body, "both") == {
        "x-chapa-signature": of_body,
        "chapa-signature": constant,
    }
    assert signature_headers(secret, body, "custom") == {"chapa-signature": of_body}


def said(webhook: Received) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(webhook.body)
    return body


async def test_a_payment_is_told_by_a_signed_webhook_with_money_as_text(sandbox: Sandbox) -> None:
    await sandbox.opened("pay-1", first_name="Sara", amount="250")
    await sandbox.act("pay-1", "pay", method="telebirr", phone_number="0900123456")
    webhook = (await sandbox.hooks(1))[0]
    body = said(webhook)
    details = (await sandbox.verify("pay-1")).json()["data"]

    assert webhook.method == "POST"
    assert webhook.headers["content-type"] == "application/json"
    assert webhook.headers["x-chapa-signature"] == signature(SECRET, webhook.body)
    assert webhook.headers["chapa-signature"] == signature(SECRET, SECRET.encode())
    assert (body["event"], body["status"], body["tx_ref"]) == ("charge.success", "success", "pay-1")
    assert (body["amount"], body["charge"]) == ("250.00", "8.75")
    assert (details["amount"], details["charge"]) == (250, 8.75)
    assert (body["reference"], body["mobile"]) == (details["reference"], "251900123456")
    assert set(body) == set(json.loads(_V1))


@pytest.mark.parametrize("style", ["compact", "php", "pretty"])
async def test_each_body_style_breaks_who_signs_it_again(sandbox: Sandbox, style: str) -> None:
    await sandbox.switch(webhook_style=style)
    await sandbox.opened("pay-1", first_name="አበበ", meta={"order": "A/2"})
    await sandbox.act("pay-1", "pay")
    webhook = (await sandbox.hooks(1))[0]
    again = json.dumps(said(webhook)).encode()
    assert said(webhook)["first_name"] == "አበበ"
    assert webhook.headers["x-chapa-signature"] == signature(SECRET, webhook.body)
    assert webhook.headers["x-chapa-signature"] != signature(SECRET, again)
    if style == "php":
        assert rb'"order":"A\/2"' in webhook.body
    assert webhook.body.isascii() == (style != "pretty")


@pytest.mark.parametrize(
    ("style", "headers"),
    [
        ("payload", {"x-chapa-signature"}),
        ("custom", {"chapa-signature"}),
        ("constant", {"chapa-signature"}),
        ("forged", {"x-chapa-signature", "chapa-signature"}),
        ("missing", set()),
    ],
)
async def test_signatures_can_be_wrong_or_missing(sandbox: Sandbox, style: str, headers: set[str]) -> None:
    await sandbox.switch(webhook_signature=style)
    await sandbox.opened("pay-1")
    await sandbox.act("pay-1", "pay")
    webhook = (await sandbox.hooks(1))[0]
    sent = {name: value for name, value in webhook.headers.items() if name.endswith("chapa-signature")}
    assert set(sent) == headers
    proves_the_body = signature(SECRET, webhook.body) in sent.values()
    assert proves_the_body == (style in {"payload", "custom"})


@pytest.mark.parametrize(
    ("action", "event", "status"),
    [
        ("fail", "charge.failed/cancelled", "failed/cancelled"),
        ("refund", "charge.refunded", "refunded"),
        ("reverse", "charge.reversed", "reversed"),
    ],
)
async def test_what_else_happens_is_told_too(sandbox: Sandbox, action: str, event: str, status: str) -> None:
    await sandbox.opened("pay-1")
    if action != "fail":
        await sandbox.act("pay-1", "pay")
    await sandbox.act("pay-1", action)
    webhook = (await sandbox.hooks(1 if action == "fail" else 2))[-1]
    assert (said(webhook)["event"], said(webhook)["status"]) == (event, status)


async def test_the_callback_keeps_the_shops_own_query(sandbox: Sandbox) -> None:
    await sandbox.opened("pay-1")
    await sandbox.act("pay-1", "pay")
    await sandbox.hooks(1)
    callback = sandbox.merchant.at("/callback")[0]
    reference = (await sandbox.verify("pay-1")).json()["data"]["reference"]
    assert callback.method == "GET"
    assert callback.query == {"shop": "1", "trx_ref": "pay-1", "ref_id": reference, "status": "success"}


async def test_the_callback_can_carry_a_body_instead(sandbox: Sandbox) -> None:
    await sandbox.switch(callback_style="json_body")
    await sandbox.opened("pay-1")
    await sandbox.act("pay-1", "pay")
    await sandbox.hooks(1)
    callback = sandbox.merchant.at("/callback")[0]
    assert callback.query == {"shop": "1"}
    assert json.loads(callback.body)["trx_ref"] == "pay-1"


async def test_anything_but_200_is_tried_again_until_it_is(sandbox: Sandbox) -> None:
    sandbox.merchant.answers = [500, 201, 401]
    await sandbox.opened("pay-1")
    await sandbox.act("pay-1", "pay")
    hooks = await sandbox.hooks(4)
    assert len({webhook.body for webhook in hooks}) == 1

    async def delivered() -> list[dict[str, Any]]:
        return await sandbox.webhooks(state="delivered")

    told = (await eventually(delivered))[0]
    assert [one["status"] for one in told["tries"]] == [500, 201, 401, 200]


async def test_a_webhook_is_given_up_after_ten_tries(sandbox: Sandbox) -> None:
    sandbox.merchant.answers = [503] * 20
    await sandbox.opened("pay-1")
    await sandbox.act("pay-1", "pay")

    async def given_up() -> list[dict[str, Any]]:
        return await sandbox.webhooks(state="gave_up")

    assert len((await eventually(given_up))[0]["tries"]) == 10
    assert len(sandbox.merchant.at("/hook")) == 10


async def test_a_webhook_can_be_late(sandbox: Sandbox) -> None:
    await sandbox.switch("pay-1", webhook_delay_s=0.2)
    await sandbox.switch("pay-2", webhook_delay_s=3600)
    page_url = await sandbox.opened("pay-2")
    began = time.monotonic()
    answer = await sandbox.client.post(f"{page_url}/pay", data={"wallet": "telebirr:0900123456"})
    assert answer.status_code == 303
    # Where a webhook goes before the payer it is waited for that long.
    assert time.monotonic() - began < 5.0
    await sandbox.opened("pay-1")
    paid_at = time.time()
    await sandbox.act("pay-1", "pay")
    assert (await sandbox.hooks(1))[0].at - paid_at >= 0.2


async def test_a_webhook_can_be_lost_and_sent_by_hand(sandbox: Sandbox) -> None:
    await sandbox.switch("pay-1", webhook_lost=True)
    await sandbox.opened("pay-1")
    await sandbox.act("pay-1", "pay")
    lost = (await sandbox.webhooks())[0]
    assert (lost["state"], lost["tries"]) == ("lost", [])
    sent = (await sandbox.client.post(f"/_sim/webhooks/{lost['id']}/redeliver")).json()
    assert (sent["state"], sent["tries"][0]["status"]) == ("delivered", 200)
    assert sandbox.merchant.at("/hook")[0].body.decode() == lost["body"]


async def test_a_webhook_can_come_many_times(sandbox: Sandbox) -> None:
    await sandbox.switch(webhook_copies=7)
    await sandbox.opened("pay-1")
    await sandbox.act("pay-1", "pay")
    hooks = await sandbox.hooks(7)
    assert len({webhook.body for webhook in hooks}) == 1


async def test_webhooks_can_overtake_each_other(sandbox: Sandbox) -> None:
    await sandbox.switch(webhook_reordered=True)
    await sandbox.opened("pay-1")
    await sandbox.act("pay-1", "fail")
    await sandbox.act("pay-1", "pay")
    hooks = await sandbox.hooks(2)
    assert [said(webhook)["event"] for webhook in hooks] == ["charge.success", "charge.failed/cancelled"]


async def test_a_webhook_held_back_goes_by_itself_in_the_end(sandbox: Sandbox) -> None:
    await sandbox.switch(webhook_reordered=True, webhook_hold_s=0.1)
    await sandbox.opened("pay-1")
    await sandbox.act("pay-1", "fail")
    assert said((await sandbox.hooks(1))[0])["status"] == "failed/cancelled"


@pytest.mark.parametrize(
    "order",
    [
        ("callback", "webhook", "redirect"),
        ("webhook", "callback", "redirect"),
        ("redirect", "webhook", "callback"),
        ("callback", "redirect", "webhook"),
    ],
)
async def test_the_three_signs_come_in_the_wanted_order(sandbox: Sandbox, order: tuple[str, ...]) -> None:
    await sandbox.switch(after_payment=order)
    page_url = await sandbox.opened("pay-1")
    answer = await sandbox.client.post(f"{page_url}/pay", data={"wallet": "telebirr:0900123456"})
    await sandbox.client.get(answer.headers["location"])
    await sandbox.hooks(1)

    async def all_three() -> bool:
        return len(sandbox.merchant.received) >= 3

    await eventually(all_three)
    names = {"/hook": "webhook", "/callback": "callback", "/return": "redirect"}
    assert tuple(names[one.path] for one in sandbox.merchant.received) == order


async def test_the_webhook_goes_where_and_with_what_secret_a_switch_says(sandbox: Sandbox) -> None:
    await sandbox.switch(webhook_url=f"{sandbox.merchant_url}/other", webhook_secret="another")
    await sandbox.opened("pay-1")
    await sandbox.act("pay-1", "pay")

    async def arrived() -> list[Received]:
        return sandbox.merchant.at("/other")

    webhook = (await eventually(arrived))[0]
    assert webhook.headers["x-chapa-signature"] == signature("another", webhook.body)


async def test_a_shop_that_cannot_be_reached_is_recorded(sandbox: Sandbox) -> None:
    await sandbox.switch(webhook_url="http://127.0.0.1:1/hook")
    await sandbox.opened("pay-1")
    await sandbox.act("pay-1", "pay")

    async def tried() -> bool:
        return bool((await sandbox.webhooks())[0]["tries"])

    await eventually(tried)
    first = (await sandbox.webhooks())[0]["tries"][0]
    assert first["status"] is None
    assert first["error"].startswith("ConnectError")


async def test_a_shop_without_a_callback_gets_none(sandbox: Sandbox) -> None:
    await sandbox.opened("pay-1", callback_url=None)
    await sandbox.act("pay-1", "pay")
    await sandbox.hooks(1)
    assert sandbox.merchant.at("/callback") == []
