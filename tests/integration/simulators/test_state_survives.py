"""What a simulator acknowledged is there after it was stopped and started again."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from payments.simulators.chapa import ChapaSimulatorConfig, create_chapa_simulator
from payments.simulators.lifespans import running
from payments.simulators.mailbox import MailboxConfig, create_mailbox
from payments.simulators.orders import OrdersSimulatorConfig, create_orders_simulator
from tests.integration.simulators.paystack import serving_paystack
from tests.integration.simulators.serving import (
    TEST_KEY,
    Merchant,
    Sandbox,
    address_of,
    eventually,
    listening,
    serving,
)

pytestmark = pytest.mark.anyio

PROGRAM = """
import socket, sys
from pathlib import Path
import uvicorn
from payments.simulators.chapa import ChapaSimulatorConfig, create_chapa_simulator

bound = socket.socket(fileno=int(sys.argv[1]))
url = f"http://127.0.0.1:{bound.getsockname()[1]}"
config = ChapaSimulatorConfig(public_url=url, webhook_secret="s", state_path=Path(sys.argv[2]))
uvicorn.Server(uvicorn.Config(create_chapa_simulator(config), log_level="critical")).run([bound])
"""


@asynccontextmanager
async def sandbox_over(path: Path, merchant: Merchant, merchant_url: str) -> AsyncIterator[Sandbox]:
    bound = listening()
    config = ChapaSimulatorConfig(
        public_url=address_of(bound),
        webhook_url=f"{merchant_url}/hook",
        webhook_secret="s",
        state_path=path,
        retry_unit_s=0.2,
    )
    headers = {"Authorization": f"Bearer {TEST_KEY}"}
    async with (
        serving(create_chapa_simulator(config), bound) as url,
        httpx.AsyncClient(base_url=url, headers=headers, timeout=10) as client,
    ):
        yield Sandbox(url=url, client=client, merchant=merchant, merchant_url=merchant_url)


async def test_transactions_switches_and_calls_outlive_the_process(tmp_path: Path) -> None:
    merchant = Merchant()
    async with serving(merchant.app(), listening()) as merchant_url:
        async with sandbox_over(tmp_path / "chapa.db", merchant, merchant_url) as before:
            await before.opened("paid")
            page = httpx.URL(await before.opened("open")).path
            await before.act("paid", "pay")
            await before.switch("open", verify_amount="1.00")
        async with sandbox_over(tmp_path / "chapa.db", merchant, merchant_url) as after:
            assert (await after.verify("paid")).json()["data"]["status"] == "success"
            assert (await after.verify("open")).json()["data"]["amount"] == 1
            assert (await after.initialize("open")).status_code == 400
            assert (await after.client.get(page)).status_code == 200
            calls = (await after.client.get("/_sim/calls")).json()
            assert calls["by_endpoint"] == {"initialize": 3, "verify": 2}


async def test_webhooks_under_way_and_timers_go_on(tmp_path: Path) -> None:
    merchant = Merchant()
    async with serving(merchant.app(), listening()) as merchant_url:
        async with sandbox_over(tmp_path / "chapa.db", merchant, merchant_url) as before:
            await before.switch("delayed", webhook_delay_s=1.5)
            await before.switch("late", late_success_after_cancel_s=1.5)
            for tx_ref in ("delayed", "late"):
                await before.opened(tx_ref, callback_url=None)
            await before.act("delayed", "pay")
            await before.client.put("/v1/transaction/cancel/late")
            assert merchant.received == []
        async with sandbox_over(tmp_path / "chapa.db", merchant, merchant_url) as after:
            hooks = await after.hooks(2)
            assert sorted(b'"tx_ref":"late"' in webhook.body for webhook in hooks) == [False, True]
            assert (await after.verify("late")).json()["data"]["status"] == "success"


async def test_paystacks_payments_refunds_disputes_and_timers_go_on(tmp_path: Path) -> None:
    merchant, path = Merchant(), tmp_path / "paystack.db"
    async with serving_paystack(merchant, state_path=path) as before:
        page = httpx.URL(await before.opened("open")).path
        number = (await before.paid("paid"))["id"]
        await before.switch(refund_step_s=0.4, webhook_delay_s=0.3)
        refund = (await before.refund("paid")).json()["data"]["id"]
        await before.act("paid", "dispute")
    async with serving_paystack(merchant, state_path=path) as after:
        assert (await after.client.get(page)).status_code == 200
        assert (await after.initialize("open")).json()["code"] == "duplicate_reference"
        assert (await after.verified("paid"))["id"] == number
        assert (await after.client.get(f"/dispute/transaction/{number}")).status_code == 200

        async def processed() -> bool:
            found = await after.client.get(f"/refund/{refund}")
            return bool(found.json()["data"]["status"] == "processed")

        await eventually(processed)
        # The rest goes to the address the first one had, where nobody listens any more.
        assert {one["event"] for one in await after.webhooks()} >= {"refund.pending", "refund.processed"}
        assert (await after.initialize("new")).status_code == 200
        assert (await after.verified("new"))["id"] == number + 1


async def test_an_answered_call_survives_a_kill(tmp_path: Path) -> None:
    bound, path = listening(), tmp_path / "chapa.db"
    bound.listen()
    fields = {"amount": "1", "currency": "ETB", "tx_ref": "acknowledged"}
    headers = {"Authorization": f"Bearer {TEST_KEY}"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM, str(bound.fileno()), str(path)),
        pass_fds=[bound.fileno()],
        env={**os.environ, "PYTHONPATH": "src"},
    )
    with contextlib.closing(bound):
        async with httpx.AsyncClient(base_url=address_of(bound), headers=headers, timeout=30) as client:
            answer = await client.post("/v1/transaction/initialize", json=fields)
            assert answer.status_code == 200
        process.kill()
        await process.wait()
    merchant = Merchant()
    async with sandbox_over(path, merchant, "http://127.0.0.1:1") as after:
        assert (await after.verify("acknowledged")).json()["data"]["status"] == "pending"


async def test_orders_and_mails_outlive_the_process(tmp_path: Path) -> None:
    orders = OrdersSimulatorConfig(token="t", signing_secrets=(), state_path=tmp_path / "deep" / "orders.db")
    async with serving(create_orders_simulator(orders), listening()) as url, httpx.AsyncClient() as client:
        await client.put(f"{url}/_sim/orders/mine", json={"amount": "5.00"})
    async with serving(create_orders_simulator(orders), listening()) as url, httpx.AsyncClient() as client:
        assert (await client.get(f"{url}/_sim/orders/mine")).json()["amount"] == "5.00"
        assert (await client.get(f"{url}/_sim/orders")).json()["count"] == 12

    mails = MailboxConfig(state_path=tmp_path / "mails.db")
    async with serving(create_mailbox(mails), listening()) as url, httpx.AsyncClient() as client:
        await client.put(f"{url}/_sim/switches", json={"fault": "refuse_for_good"})
    async with serving(create_mailbox(mails), listening()) as url, httpx.AsyncClient() as client:
        switches = (await client.get(f"{url}/_sim/switches")).json()["switches"]
        assert switches["fault"] == "refuse_for_good"


async def test_a_simulator_nobody_holds_open_says_how() -> None:
    app = create_chapa_simulator(ChapaSimulatorConfig(public_url="http://127.0.0.1", webhook_secret="s"))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://chapa") as client:
        with pytest.raises(RuntimeError, match="hold it open"):
            await client.get("/_sim/transactions")
        async with running(app):
            assert (await client.get("/_sim/transactions")).status_code == 200
