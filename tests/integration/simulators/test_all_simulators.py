"""All simulators in one application, served alone and mounted in another."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from payments.simulators.app import create_simulators, mailbox_port, simulators_at
from payments.simulators.lifespans import running
from tests.integration.simulators.daraja import PHONE, SHORTCODE, in_nairobi, password
from tests.integration.simulators.paystack import GOOD_CARD
from tests.integration.simulators.paystack import TEST_KEY as PAYSTACK_KEY
from tests.integration.simulators.serving import TEST_KEY, address_of, listening, serving

pytestmark = pytest.mark.anyio


def simulators(public_url: str, state_directory: Path | None = None) -> Starlette:
    return create_simulators(
        simulators_at(
            public_url,
            webhook_url=None,
            webhook_secret="s",
            orders_token="t",
            orders_signing_secrets=(),
            state_directory=state_directory,
        )
    )


def mounted(inner: Starlette) -> Starlette:
    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with running(inner):
            yield

    return Starlette(routes=[Mount("/simulators", inner)], lifespan=lifespan)


@pytest.mark.parametrize("prefix", ["", "/simulators"])
async def test_every_page_and_its_styles_are_reached_under_any_prefix(prefix: str) -> None:
    bound = listening()
    inner = simulators(f"{address_of(bound)}{prefix}")
    async with (
        serving(mounted(inner) if prefix else inner, bound) as url,
        httpx.AsyncClient(base_url=url) as client,
    ):
        assert mailbox_port(inner) > 0
        index = await client.get(f"{prefix}/")
        pages = re.findall(r'<h2><a href="([^"]+)"', index.text)
        assert pages == [f"{prefix}/{name}/" for name in ("chapa", "paystack", "mpesa", "orders", "mailbox")]
        for address in [f"{prefix}/", *pages]:
            page = await client.get(address)
            assert page.status_code == 200
            for style in re.findall(r'rel="stylesheet" href="([^"]+)"', page.text):
                assert (await client.get(style)).headers["content-type"].startswith("text/css")


@pytest.mark.parametrize("prefix", ["", "/simulators"])
async def test_a_payment_goes_through_under_any_prefix(prefix: str) -> None:
    bound = listening()
    inner = simulators(f"{address_of(bound)}{prefix}")
    async with (
        serving(mounted(inner) if prefix else inner, bound) as url,
        httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {TEST_KEY}"}) as client,
    ):
        answer = await client.post(
            f"{prefix}/chapa/v1/transaction/initialize",
            json={"amount": "10", "currency": "ETB", "tx_ref": "mounted"},
        )
        page_url = answer.json()["data"]["checkout_url"]
        page = await client.get(page_url)
        action = re.search(r'action="([^"]+/pay)"', page.text)
        assert action is not None
        paid = await client.post(action[1], data={"wallet": "telebirr:0900123456"}, follow_redirects=True)
        assert str(paid.url) == page_url
        assert "Paid." in paid.text


@pytest.mark.parametrize("prefix", ["", "/simulators"])
@pytest.mark.parametrize("slashes", ["/", "//"])
async def test_a_payment_goes_through_paystack_under_any_prefix(prefix: str, slashes: str) -> None:
    bound = listening()
    inner = simulators(f"{address_of(bound)}{prefix}")
    async with (
        serving(mounted(inner) if prefix else inner, bound) as url,
        httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {PAYSTACK_KEY}"}) as client,
    ):
        answer = await client.post(
            f"{prefix}/paystack{slashes}transaction/initialize/",
            json={"amount": 1000, "currency": "KES", "email": "buyer@example.com"},
        )
        page_url = answer.json()["data"]["authorization_url"]
        page = await client.get(page_url)
        action = re.search(r'action="([^"]+/pay)"', page.text)
        assert action is not None
        paid = await client.post(action[1], data={"with": GOOD_CARD}, follow_redirects=True)
        assert str(paid.url) == page_url
        assert "Paid." in paid.text


@pytest.mark.parametrize("prefix", ["", "/simulators"])
async def test_a_prompt_is_answered_on_its_phone_under_any_prefix(prefix: str) -> None:
    bound = listening()
    inner = simulators(f"{address_of(bound)}{prefix}")
    async with (
        serving(mounted(inner) if prefix else inner, bound) as url,
        httpx.AsyncClient(base_url=f"{url}{prefix}/mpesa") as client,
    ):
        auth = ("simulated-consumer-key", "simulated-consumer-secret")
        answer = await client.get("/oauth/v1/generate?grant_type=client_credentials", auth=auth)
        timestamp = in_nairobi()
        fields = {
            "BusinessShortCode": SHORTCODE,
            "Password": password(SHORTCODE, timestamp),
            "Timestamp": timestamp,
            "TransactionType": "CustomerPayBillOnline",
            "Amount": 10,
            **dict.fromkeys(("PartyA", "PhoneNumber"), PHONE),
            "PartyB": SHORTCODE,
            "CallBackURL": "http://127.0.0.1:1/hook",
            "AccountReference": "mounted",
        }
        headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        await client.post("/mpesa/stkpush/v1/processrequest", json=fields, headers=headers)
        prompt = (await client.get("/_sim/prompts")).json()["prompts"][0]
        page = await client.get(prompt["phone_url"])
        action = re.search(r'action="([^"]+/answer)"', page.text)
        assert action is not None
        form = {"prompt": prompt["checkout_request_id"], "answer": "approve", "pin": "1234"}
        answered = await client.post(f"{url}{action[1]}", data=form, follow_redirects=True)
        assert str(answered.url) == prompt["phone_url"]
        assert "Your answer is being processed" in answered.text


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("*.db")}


async def test_each_simulator_keeps_its_own_file(tmp_path: Path) -> None:
    async with running(simulators("http://127.0.0.1", tmp_path)):
        assert names_in(tmp_path) == {
            *("chapa.db", "paystack.db", "mpesa.db"),
            *("orders.db", "mailbox.db"),
        }
