"""Webhooks from the shop's side: what is sent, when, how often, and how it is signed (sheet 8, 9, 10)."""

import json
import re
import time
from typing import Any

import pytest

from payments.simulators.paystack.signatures import signature
from tests.integration.simulators.paystack import (
    GOOD_CARD,
    LIVE,
    LIVE_KEY,
    TEST_KEY,
    PaystackSandbox,
    keys,
    serving_paystack,
)
from tests.integration.simulators.serving import Merchant, Received, eventually

pytestmark = pytest.mark.anyio

HEADER = "x-paystack-signature"
K1 = "sk_test_sandbox_0000000000000000000000000000000000000001"
K2 = "sk_test_sandbox_0000000000000000000000000000000000000002"
_A = (
    b'{"event":"charge.success","data":{"id":4099260516,"domain":"test","status":"success",'
    b'"reference":"ord-2026-000123","amount":500000,"currency":"NGN"}}'
)
_B = (
    b'{"event": "charge.success", "data": {"id": 4099260516, "domain": "test", "status": "success", '
    b'"reference": "ord-2026-000123", "amount": 500000, "currency": "NGN"}}'
)
_D = (
    '{"event":"refund.processed","data":{"id":"18625648","status":"processed",'
    '"transaction_reference":"ord-2026-000123","refund_reference":"132013318360","amount":"5000",'
    '"currency":"KES","customer":{"first_name":"Zoë","last_name":"N\'Guessan","email":"zoe@example.com"},'
    '"integration":412829,"domain":"test"}}'
).encode()
_E = (
    b'{"event":"charge.success","data":{"reference":"ord-1","metadata":'
    b'{"cancel_action":"https:\\/\\/shop.example\\/cancel","note":"Zo\\u00eb"},"amount":100.0}}\n'
)
# The vectors of the fact sheet, section 10.2: key, bytes, their number, signature.
VECTORS = (
    (
        K1,
        _A,
        149,
        (
            "8ecf32df63b32e8c3195037c1a693a4b9e3407d3ac3f8204835ef3df3c523b03"
            "160e7493372888444282059a3543a951db0f7f3f3b83fb8b1859bbece3fb470c"
        ),
    ),
    (
        K1,
        _B,
        163,
        (
            "11d92e727f2a46151b9c3768394918a30b2f08c0e7542a719c64667344d94a53"
            "0a17f1fba2ed2ad8586f14b3405fc43af48cc47e3c5b66f39c14943737aa2a08"
        ),
    ),
    (
        K2,
        _A,
        149,
        (
            "b452614b112dec3548cf02a36ced34d3f301da5b7c2eefe1a0b45d793d515df2"
            "7b4fb01dfb616cd062c4507ccab6dd68f3ee9f73a3f786300a70a38d785e954b"
        ),
    ),
    (
        K1,
        _D,
        303,
        (
            "4280992af492d8e4088a1aff8df6b793d139afbc2db1e4bd9d5ab48f8dbebb90"
            "571bacf583b33443e1e95ecb92d888b6b8404c79d2fcb4b8fa20d94828a7378f"
        ),
    ),
    (
        K1,
        _E,
        151,
        (
            "d883ad06b8876ca108b3affc44e2711240e0a92dbeadd4f0e32be943287d467a"
            "b1eb70a39bdc6ed269ca8362f3179939cb640023e3f1478b139a0bf18c8c0789"
        ),
    ),
)


@pytest.mark.parametrize(("key", "body", "length", "expected"), VECTORS, ids="ABCDE")
async def test_the_signer_agrees_with_the_vectors(key: str, body: bytes, length: int, expected: str) -> None:
    assert len(body) == length
    assert signature(key, body) == expected


def said(webhook: Received) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(webhook.body)
    return body


def events(hooks: list[Received]) -> list[str]:
    return [said(webhook)["event"] for webhook in hooks]


async def test_a_payment_is_told_by_a_signed_webhook(paystack: PaystackSandbox) -> None:
    await paystack.opened("ord-1", metadata={"note": "Zoë / ኢትዮጵያ"})
    await paystack.act("ord-1", "pay")
    webhook = (await paystack.hooks(1))[0]
    body = said(webhook)
    again = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()

    assert (webhook.method, webhook.headers["content-type"]) == ("POST", "application/json")
    assert webhook.headers[HEADER] == signature(TEST_KEY, webhook.body)
    assert webhook.body == again
    assert "Zoë / ኢትዮጵያ".encode() in webhook.body
    assert set(body) == {"event", "data"}
    assert (body["event"], body["data"]["status"]) == ("charge.success", "success")
    # The keys of the sheet, section 10.3.
    assert set(body["data"]) == keys(
        "id domain status reference amount message gateway_response paid_at created_at channel currency "
        "ip_address metadata fees_breakdown log fees fees_split authorization customer plan subaccount split "
        "order_id paidAt requested_amount pos_transaction_data source"
    )
    assert body["data"]["id"] == (await paystack.verified("ord-1"))["id"]
    assert body["data"]["source"]["entry_point"] == "transaction_initialize"


async def test_absent_metadata_is_0_in_a_webhook(paystack: PaystackSandbox) -> None:
    await paystack.paid("ord-1")
    assert said((await paystack.hooks(1))[0])["data"]["metadata"] == 0


@pytest.mark.parametrize("action", ["fail", "decline", "abandon"])
async def test_only_success_is_told_of_charges(paystack: PaystackSandbox, action: str) -> None:
    await paystack.opened("ord-1")
    await paystack.act("ord-1", action)
    assert await paystack.webhooks() == []


async def test_live_webhooks_are_signed_with_the_live_key(paystack: PaystackSandbox) -> None:
    fields = {"email": "buyer@example.com", "amount": 100, "currency": "KES", "reference": "of-live"}
    await paystack.client.post("/transaction/initialize", json=fields, headers=LIVE)
    await paystack.act("of-live", "pay")
    webhook = (await paystack.hooks(1))[0]
    assert said(webhook)["data"]["domain"] == "live"
    assert webhook.headers[HEADER] == signature(LIVE_KEY, webhook.body)


@pytest.mark.parametrize("style", ["php", "spaced"])
async def test_each_other_style_breaks_who_signs_it_again(paystack: PaystackSandbox, style: str) -> None:
    await paystack.switch(webhook_style=style)
    await paystack.paid("ord-1", metadata={"cancel_action": "https://shop.example/Zoë"})
    webhook = (await paystack.hooks(1))[0]
    again = json.dumps(said(webhook), separators=(",", ":"), ensure_ascii=False).encode()
    assert webhook.headers[HEADER] == signature(TEST_KEY, webhook.body)
    assert webhook.headers[HEADER] != signature(TEST_KEY, again)


@pytest.mark.parametrize("style", ["forged", "other_mode", "sha256", "missing"])
async def test_signatures_can_be_wrong_or_missing(paystack: PaystackSandbox, style: str) -> None:
    await paystack.switch(webhook_signature=style)
    await paystack.paid("ord-1")
    webhook = (await paystack.hooks(1))[0]
    assert webhook.headers.get(HEADER) != signature(TEST_KEY, webhook.body)
    assert (HEADER in webhook.headers) == (style != "missing")
    if style == "other_mode":
        assert webhook.headers[HEADER] == signature(LIVE_KEY, webhook.body)


async def test_a_webhook_can_claim_another_mode_another_place_and_another_key(
    paystack: PaystackSandbox,
) -> None:
    other = f"{paystack.merchant_url}/other"
    await paystack.switch(webhook_domain="live", webhook_url=other, webhook_secret=LIVE_KEY)
    await paystack.paid("ord-1")

    async def arrived() -> list[Received]:
        return paystack.merchant.at("/other")

    webhook = (await eventually(arrived))[0]
    assert said(webhook)["data"]["domain"] == "live"
    assert webhook.headers[HEADER] == signature(LIVE_KEY, webhook.body)


@pytest.mark.parametrize(
    ("end", "amount", "reference", "has_processor"),
    [
        ("processed", "100000", r"[0-9]{12}", True),
        ("failed", 100000, r"TRF_[a-z0-9]+", True),
        ("needs-attention", 100000, r"TRF_[a-z0-9]+", False),
    ],
)
async def test_each_status_of_a_refund_is_told_in_its_shape(
    paystack: PaystackSandbox, end: str, amount: object, reference: str, *, has_processor: bool
) -> None:
    await paystack.switch(refund_step_s=0.02, refund_end=end)
    await paystack.paid("ord-1")
    number = (await paystack.refund("ord-1", amount=100000)).json()["data"]["id"]
    hooks = await paystack.hooks(4)
    assert events(hooks) == ["charge.success", "refund.pending", "refund.processing", f"refund.{end}"]
    pending, last = said(hooks[1])["data"], said(hooks[3])["data"]
    assert (pending["amount"], pending["refund_reference"], pending["status"]) == ("100000", None, "pending")
    assert set(pending) == keys(
        "status transaction_reference refund_reference amount currency processor customer integration domain "
        "id customer_note merchant_note"
    )
    assert (last["amount"], last["status"], last["id"]) == (amount, end, str(number))
    assert ("processor" in last) == has_processor
    assert last["transaction_reference"] == "ord-1"
    assert "reference" not in last
    assert re.fullmatch(reference, last["refund_reference"])


async def test_refund_events_of_the_documents_lack_id_and_notes(paystack: PaystackSandbox) -> None:
    await paystack.switch(refund_webhooks="docs", refund_step_s=3600)
    await paystack.paid("ord-1")
    await paystack.refund("ord-1")
    assert not keys("id customer_note merchant_note") & set(said((await paystack.hooks(2))[1])["data"])


@pytest.mark.parametrize(
    ("resolution", "status"),
    [("auto-accepted", "reversed"), ("merchant-accepted", "reversed"), ("declined", "success")],
)
async def test_a_dispute_is_told_from_its_opening_to_its_end(
    paystack: PaystackSandbox, resolution: str, status: str
) -> None:
    await paystack.paid("ord-1")
    number = (await paystack.act("ord-1", "dispute")).json()["disputes"][0]["id"]
    await paystack.client.post(f"/_sim/disputes/{number}/remind")
    await paystack.client.post(f"/_sim/disputes/{number}/{resolution}")
    hooks = await paystack.hooks(4)
    assert events(hooks)[1:] == [f"charge.dispute.{what}" for what in ("create", "remind", "resolve")]
    opened, resolved = said(hooks[1])["data"], said(hooks[3])["data"]
    assert set(opened) == keys(
        "id refund_amount currency status resolution domain transaction transaction_reference category "
        "customer bin last4 dueAt resolvedAt evidence attachments note history messages created_at updated_at"
    )
    assert (opened["status"], opened["transaction_reference"]) == ("awaiting-merchant-feedback", None)
    assert opened["transaction"]["reference"] == "ord-1"
    assert (resolved["status"], resolved["resolution"]) == ("resolved", resolution)
    assert resolved["resolvedAt"] is not None
    assert resolved["transaction"]["status"] == status
    assert (await paystack.verified("ord-1"))["status"] == status


async def test_anything_but_200_is_tried_again_until_it_is(paystack: PaystackSandbox) -> None:
    paystack.merchant.answers = [500, 201, 401]
    await paystack.paid("ord-1")
    hooks = await paystack.hooks(4)
    assert len({webhook.body for webhook in hooks}) == 1

    async def delivered() -> list[dict[str, Any]]:
        return await paystack.webhooks(state="delivered", reference="ord-1")

    told = (await eventually(delivered))[0]
    assert [one["status"] for one in told["tries"]] == [500, 201, 401, 200]


@pytest.mark.parametrize(("headers", "tries"), [({}, 11), (LIVE, 76)])
async def test_a_webhook_is_given_up_after_ten_hours_or_in_live_mode_three_days(
    headers: dict[str, str], tries: int
) -> None:
    async with serving_paystack(Merchant(answers=[503] * 80), retry_unit_s=0.001) as sandbox:
        fields = {"email": "buyer@example.com", "amount": 100, "currency": "KES", "reference": "ord-1"}
        await sandbox.client.post("/transaction/initialize", json=fields, headers=headers)
        await sandbox.act("ord-1", "pay")

        async def given_up() -> list[dict[str, Any]]:
            return await sandbox.webhooks(state="gave_up")

        assert len((await eventually(given_up))[0]["tries"]) == tries


async def test_a_webhook_can_be_late(paystack: PaystackSandbox) -> None:
    await paystack.switch("ord-1", webhook_delay_s=0.2)
    await paystack.switch("ord-2", webhook_delay_s=3600)
    page_url = await paystack.opened("ord-2")
    began = time.monotonic()
    answer = await paystack.client.post(f"{page_url}/pay", data={"with": GOOD_CARD})
    assert answer.status_code == 302
    # Where a webhook goes before the payer it is waited for that long.
    assert time.monotonic() - began < 5.0
    paid_at = time.time()
    await paystack.paid("ord-1")
    assert (await paystack.hooks(1))[0].at - paid_at >= 0.2


async def test_a_webhook_can_be_lost_and_sent_by_hand(paystack: PaystackSandbox) -> None:
    await paystack.switch("ord-1", webhook_lost=True)
    await paystack.paid("ord-1")
    lost = (await paystack.webhooks())[0]
    assert (lost["state"], lost["tries"], lost["reference"]) == ("lost", [], "ord-1")
    sent = (await paystack.client.post(f"/_sim/webhooks/{lost['id']}/redeliver")).json()
    assert (sent["state"], sent["tries"][0]["status"]) == ("delivered", 200)
    assert paystack.merchant.at("/hook")[0].body.decode() == lost["body"]


async def test_a_webhook_can_come_many_times(paystack: PaystackSandbox) -> None:
    await paystack.switch(webhook_copies=7)
    await paystack.paid("ord-1")
    assert len({webhook.body for webhook in await paystack.hooks(7)}) == 1


async def test_webhooks_can_overtake_each_other(paystack: PaystackSandbox) -> None:
    await paystack.switch(webhook_reordered=True, refund_step_s=3600)
    await paystack.paid("ord-1")
    await paystack.refund("ord-1")
    assert events(await paystack.hooks(2)) == ["refund.pending", "charge.success"]


@pytest.mark.parametrize("order", [("webhook", "redirect"), ("redirect", "webhook")])
async def test_webhook_and_redirect_come_in_the_wanted_order(
    paystack: PaystackSandbox, order: tuple[str, ...]
) -> None:
    await paystack.switch(after_payment=order)
    page_url = await paystack.opened("ord-1")
    answer = await paystack.client.post(f"{page_url}/pay", data={"with": GOOD_CARD})
    await paystack.client.get(answer.headers["location"])
    await paystack.hooks(1)
    names = {"/hook": "webhook", "/return": "redirect"}
    assert tuple(names[one.path] for one in paystack.merchant.received) == order


async def test_without_an_address_nothing_is_sent() -> None:
    async with serving_paystack(Merchant(), webhook_url=None) as sandbox:
        await sandbox.paid("ord-1")
        assert await sandbox.webhooks() == []
