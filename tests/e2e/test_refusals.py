"""What is refused over the real socket: each a clear problem document, and nothing happens."""

import asyncio
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.e2e.outside_world import WEBHOOK_SECRET
from tests.e2e.story import ORDER, PAYER, Story, problem, token, until

pytestmark = pytest.mark.anyio

CUSTOMER = {"email": None, "first_name": None, "last_name": None, "phone_number": None}


async def test_a_forged_webhook_is_refused_stores_nothing_and_calls_nobody(story: Story) -> None:
    opened = await story.initiated()
    body = f'{{"event":"charge.success","tx_ref":"{opened["reference"]}","status":"success"}}'.encode()
    key = WEBHOOK_SECRET.encode()
    constant = hmac.digest(key, key, hashlib.sha256).hex()
    forged: list[dict[str, str]] = [
        {},
        {"x-chapa-signature": ""},
        {"x-chapa-signature": hmac.digest(b"another key", body, hashlib.sha256).hex()},
        {"x-chapa-signature": hmac.digest(key, body + b" ", hashlib.sha256).hex()},
        {"x-chapa-signature": constant},
        {"chapa-signature": constant},
    ]
    for headers in forged:
        answer = await story.post("/payments/verify/chapa/", content=body, headers=headers)
        problem(answer, 401, "notice_forged")

    for how in ("constant", "forged", "missing"):
        await story.outside.switch_chapa(opened["reference"], webhook_signature=how)
        await story.outside.act(opened["reference"], "fail")
    hooks = await until(
        lambda: story.outside.webhooks(opened["reference"]),
        lambda hooks: all(hook["tries"] for hook in hooks),
    )

    assert {hook["tries"][0]["status"] for hook in hooks} == {401}
    assert story.count("notices") == 0
    assert await story.outside.chapa_calls("verify") == []
    assert (await story.payment(opened["payment_id"]))["status"] == "processing"
    await story.tells(opened["reference"], "is being paid through chapa; the attempt is open.")


async def test_a_genuine_webhook_that_lies_pays_nothing(story: Story) -> None:
    """Signed as Chapa signs, and untrue: the body never decides."""
    opened = await story.initiated()
    body = f'{{"tx_ref":"{opened["reference"]}","status":"success","amount":"1000.00"}}'.encode()
    signature = hmac.digest(WEBHOOK_SECRET.encode(), body, hashlib.sha256).hex()

    answer = await story.post(
        "/payments/verify/chapa/", content=body, headers={"x-chapa-signature": signature}
    )

    assert answer.status_code == 200
    await until(lambda: story.outside.chapa_calls("verify", opened["reference"]), len)
    assert (await story.payment(opened["payment_id"]))["status"] == "processing"
    await story.told_once()
    await story.tells(opened["reference"], "chapa sent a notice, 'success' (not handled yet)")


async def test_a_foreign_order_and_an_absent_one_look_the_same(story: Story) -> None:
    await story.outside.put_order("order_foreign", user_id="abebe", amount="5.00", customer=CUSTOMER)

    foreign, absent = await story.initiate("order_foreign"), await story.initiate("order_nowhere")

    problem(foreign, 404, "order_not_found")
    assert _without_request_id(foreign) == _without_request_id(absent)
    assert story.count("payments") == 0
    opened = await story.initiated()
    await story.tells(opened["reference"], "is being paid through chapa")


async def test_a_foreign_payment_and_an_absent_one_look_the_same_byte_for_byte(story: Story) -> None:
    opened = await story.initiated()
    other = {"authorization": f"Bearer {token('abebe')}", "x-request-id": "the-same-for-both"}
    absent = "01900000-0000-7000-8000-000000000000"
    for method, path in (("GET", ""), ("GET", "explain/"), ("POST", "cancel/")):
        answers = [
            await story.client.request(method, f"/payments/{payment_id}/{path}", headers=other)
            for payment_id in (opened["payment_id"], absent)
        ]
        problem(answers[0], 404, "payment_not_found")
        assert answers[0].content == answers[1].content
    listed = await story.client.get("/payments/", headers=other)
    assert listed.json()["data"] == []
    await story.tells(opened["reference"], "is being paid through chapa")


async def test_bad_requests_are_refused_in_words_and_claim_nothing(story: Story) -> None:
    await story.outside.put_order(
        "order_kes", user_id=PAYER, amount="100.00", currency="KES", customer=CUSTOMER
    )
    await story.outside.put_order(
        "order_xyz", user_id=PAYER, amount="100.00", currency="XYZ", customer=CUSTOMER
    )
    await story.outside.put_order("order_0", user_id=PAYER, amount="0.00", currency="ETB", customer=CUSTOMER)
    initiate, json_type = f"/payments/initiate/{ORDER}/", {"content-type": "application/json"}
    good = b'{"provider":"chapa"}'
    cases: list[tuple[str, str, dict[str, Any], int, str]] = [
        ("POST", initiate, {"json": {"provider": "paystuck"}}, 422, "unsupported_provider"),
        (
            "POST",
            "/payments/initiate/order_kes/",
            {"json": {"provider": "chapa"}},
            422,
            "unsupported_currency",
        ),
        # No such currency exists: that is no answer of an orders service.
        ("POST", "/payments/initiate/order_xyz/", {"json": {"provider": "chapa"}}, 503, "orders_unavailable"),
        ("POST", "/payments/initiate/order_0/", {"json": {"provider": "chapa"}}, 422, "unsupported_amount"),
        ("POST", initiate, {"json": {}}, 422, "invalid_request"),
        ("POST", initiate, {"json": {"provider": "chapa", "amount": "1.00"}}, 422, "invalid_request"),
        ("POST", initiate, {"json": {"provider": "chapa", "return_to": "evil"}}, 422, "invalid_request"),
        ("POST", initiate, {"content": b"{", "headers": json_type}, 400, "malformed_json"),
        ("POST", initiate, {"content": b'{"provider":NaN}', "headers": json_type}, 400, "malformed_json"),
        (
            "POST",
            initiate,
            {"content": b'{"provider":"chapa","provider":"cash"}', "headers": json_type},
            400,
            "malformed_json",
        ),
        ("POST", initiate, {"content": b"[" * 9000, "headers": json_type}, 400, "malformed_json"),
        (
            "POST",
            initiate,
            {"content": good, "headers": {"content-type": "text/plain"}},
            415,
            "unsupported_media_type",
        ),
        (
            "POST",
            initiate,
            {"content": b'{"provider":"' + b"x" * 70_000 + b'"}', "headers": json_type},
            413,
            "content_too_large",
        ),
        ("POST", "/payments/initiate/..%2fadmin/", {"json": {"provider": "chapa"}}, 404, "not_found"),
        ("POST", "/payments/initiate/a%20b/", {"json": {"provider": "chapa"}}, 422, "invalid_request"),
        ("GET", "/payments/?cursor=bad", {}, 422, "invalid_request"),
        ("GET", "/payments/?limit=1000", {}, 422, "invalid_request"),
        ("GET", "/payments/not-a-uuid/", {}, 404, "payment_not_found"),
        ("GET", "/nowhere/", {}, 404, "not_found"),
        ("DELETE", "/payments/", {}, 405, "method_not_allowed"),
        ("POST", "/payments/verify/paystuck/", {"content": b"{}"}, 404, "not_found"),
    ]
    seen = []
    for method, path, more, *_ in cases:
        answer = await story.client.request(method, path, **more)
        problem(answer, answer.status_code, answer.json()["code"])
        seen.append((method, path, answer.status_code, answer.json()["code"]))
    assert seen == [(method, path, status, code) for method, path, _, status, code in cases]

    assert story.count("payments") == 0
    assert await story.outside.chapa_calls("initialize") == []
    opened = await story.initiated()
    await story.tells(opened["reference"], "is being paid through chapa")


async def test_a_caller_without_a_good_token_is_refused(story: Story) -> None:
    past = datetime.now(UTC) - timedelta(hours=2)
    tokens = {
        "expired": token(exp=past),
        "not yet": token(nbf=datetime.now(UTC) + timedelta(hours=2)),
        "unsigned": "eyJhbGciOiJub25lIn0.eyJzdWIiOiJzYXJhIiwiZXhwIjo5OTk5OTk5OTk5fQ.",
        "changed": token()[:-4] + "AAAA",
        "nonsense": "nonsense",
    }
    for name, given in tokens.items():
        answer = await story.initiate(headers={"authorization": f"Bearer {given}"})
        assert answer.status_code == 401, name
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["www-authenticate"].startswith("Bearer")
    narrow = {"authorization": f"Bearer {token(scope='payments:read')}"}
    assert (await story.initiate(headers=narrow)).status_code == 403

    assert story.count("payments") == 0
    opened = await story.initiated()
    await story.tells(opened["reference"], "is being paid through chapa")


async def test_a_payer_with_a_doctored_return_address_is_led_astray_nowhere(story: Story) -> None:
    opened = await story.initiated()
    reference = opened["reference"]
    for query in (
        "trx_ref=p-aaaaaaaaaaaaaaaaaaaaaaaaaa",
        f"trx_ref={reference}&tx_ref=p-aaaaaaaaaaaaaaaaaaaaaaaaaa",
        f"trx_ref={reference}&trx_ref=p-aaaaaaaaaaaaaaaaaaaaaaaaaa",
        "trx_ref=../../etc/passwd",
        f"return_to=https://evil.example/&reference={reference}x",
        "",
    ):
        answer = await story.client.get(f"/payments/verify/chapa/?{query}")
        assert answer.status_code == 302, query
        assert answer.headers["location"].startswith(f"{story.settings.public_url}/")
        assert "payment_id" not in answer.headers["location"]
    assert await story.outside.chapa_calls("verify") == []
    agreed = await story.client.get(f"/payments/verify/chapa/?trx_ref={reference}&trx_ref={reference}")
    assert agreed.headers["location"].endswith(f"payment_id={opened['payment_id']}&status=processing")
    await story.tells(reference, "asked because of the payer's return, answered 'pending'")


async def test_a_slow_or_silent_caller_holds_up_nobody(story: Story) -> None:
    port = story.settings.http.port
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST /payments/verify/chapa/ HTTP/1.1\r\nhost: x\r\ncontent-length: 50\r\n\r\n{")
    await writer.drain()

    opened = await story.initiated()
    await story.browser.pay(opened["checkout_url"])
    await story.until_status(opened["payment_id"], "success")

    writer.close()
    assert story.count("notices") == 1
    del reader
    await story.tells(opened["reference"], "The payment is paid.")


def _without_request_id(answer: httpx.Response) -> dict[str, Any]:
    told: dict[str, Any] = answer.json()
    del told["request_id"]
    return told
