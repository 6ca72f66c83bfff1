"""The examples run, each as its own docstring says."""

import base64
import hmac
import runpy
import time
from pathlib import Path

import attrs
import httpx
import jwt
import pytest

from examples.mount import SETTINGS
from examples.mount import app as mounted_shop
from examples.own_orders import TestShopOrders  # noqa: F401 -- collected here: each of its tests runs
from examples.test_acme_gateway import (  # noqa: F401 -- collected here: each of its tests runs
    TestAcme,
    test_no_payer_is_sent_to_a_page_that_is_not_acmes,
)
from payments.adapters.orders.http import HttpOrders
from payments.adapters.system import SystemClock
from payments.domain.errors import DeliveryFailed
from payments.testing.contracts.orders import A_MESSAGE
from tests.serving import plain_client, serving

pytestmark = pytest.mark.anyio

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SECRET = "whsec_" + "C" * 44


def test_one_payment_is_made_inside_a_program(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLES / "embed.py"))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("pay at    https://scripted.example/pay/p-")
    assert lines[1:] == [
        "status    success",
        "the order paid",
        "the payer Payment received: 1000.00 ETB for order order_1",
        "check     every promise is kept",
    ]


async def test_payments_answer_inside_another_application() -> None:
    assert SETTINGS.auth is not None
    token = jwt.encode({"sub": "user_1", "exp": 2**31}, SETTINGS.auth.key.reveal(), algorithm="HS256")
    async with serving(mounted_shop) as url, plain_client(url) as client:
        assert (await client.get("/")).text.startswith("The shop.")
        assert (await client.get("/readyz")).json() == {"status": "ready"}
        history = await client.get("/payments/", headers={"Authorization": f"Bearer {token}"})
        assert history.json() == {"data": [], "has_more": False, "next_cursor": None}
        absent = await client.post(
            "/payments/initiate/order_1/",
            json={"provider": "scripted"},
            headers={"Authorization": f"Bearer {token}"},
        )
        assert (absent.status_code, absent.json()["code"]) == (404, "order_not_found")


async def test_a_receiver_believes_what_is_signed_and_goes_by_the_sequence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PAYMENTS_ORDERS_SIGNING_SECRETS", f"whsec_{'B' * 44}, {SECRET}")
    receiver = runpy.run_path(str(EXAMPLES / "orders_receiver.py"))
    orders = receiver["ORDERS"]
    async with serving(receiver["app"]) as url, plain_client() as client:
        teller = _teller(client, url, SECRET)
        await teller.tell(A_MESSAGE)
        await teller.tell(A_MESSAGE)
        failed = A_MESSAGE.body.replace(b'"paid"', b'"failed"')
        await teller.tell(attrs.evolve(A_MESSAGE, body=failed))
        assert orders[A_MESSAGE.order_id]["payment_status"] == "paid"
        newer = failed.replace(b'"sequence": 1', b'"sequence": 3')
        await teller.tell(attrs.evolve(A_MESSAGE, body=newer))
        assert orders[A_MESSAGE.order_id]["payment_status"] == "failed"
        forger = _teller(client, url, "whsec_" + "A" * 44)
        with pytest.raises(DeliveryFailed, match="401"):
            await forger.tell(attrs.evolve(A_MESSAGE, order_id="order_124"))
        assert "order_124" not in orders


@pytest.mark.parametrize("secrets", [None, "", "whsec_", " , "])
async def test_a_receiver_without_a_secret_believes_nobody(
    secrets: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PAYMENTS_ORDERS_SIGNING_SECRETS", raising=False)
    if secrets is not None:
        monkeypatch.setenv("PAYMENTS_ORDERS_SIGNING_SECRETS", secrets)
    receiver = runpy.run_path(str(EXAMPLES / "orders_receiver.py"))
    body, sent_at = A_MESSAGE.body, str(int(time.time()))
    signed = f"{A_MESSAGE.message_id}.{sent_at}.".encode() + body
    headers = {"webhook-id": str(A_MESSAGE.message_id), "webhook-timestamp": sent_at}
    async with serving(receiver["app"]) as url, plain_client() as client:
        for key in (b"", b"x" * 32):
            signature = base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
            told = await client.patch(
                f"{url}/orders/{A_MESSAGE.order_id}/",
                content=body,
                headers={**headers, "webhook-signature": f"v1,{signature}"},
            )
            assert told.status_code == 401
    assert receiver["ORDERS"] == {}


def _teller(client: httpx.AsyncClient, url: str, secret: str) -> HttpOrders:
    return HttpOrders.of(client, url=url, token="any", signing_secrets=(secret,), clock=SystemClock())
