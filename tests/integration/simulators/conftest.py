"""A simulated Chapa, Paystack and Daraja on real sockets, each with a shop to tell."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from payments.simulators.chapa import ChapaSimulatorConfig, create_chapa_simulator
from tests.integration.simulators.daraja import Daraja, daraja_for
from tests.integration.simulators.paystack import PaystackSandbox, serving_paystack
from tests.integration.simulators.serving import (
    TEST_KEY,
    Merchant,
    Sandbox,
    address_of,
    listening,
    serving,
)

SECRET = "whsec_local_0001"
HERE = Path(__file__).parent
QUICK = {"test_all_simulators.py", "test_orders_simulator.py", "test_mailbox.py"}
"""What the quick suite runs; each provider's own files are long, and `make sheets` runs them."""


@pytest.hookimpl(tryfirst=True)  # before pytest deselects by mark
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == HERE and item.path.name not in QUICK:
            item.add_marker(pytest.mark.sheets)


@pytest.fixture(scope="module")
async def shared_sandbox(anyio_backend: str) -> AsyncIterator[Sandbox]:
    """Open one sandbox for all tests of a file; the next fixture empties it for each."""
    bound, merchant = listening(), Merchant()
    headers = {"Authorization": f"Bearer {TEST_KEY}"}
    async with serving(merchant.app(), listening()) as merchant_url:
        config = ChapaSimulatorConfig(
            public_url=address_of(bound),
            webhook_url=f"{merchant_url}/hook",
            webhook_secret=SECRET,
            retry_unit_s=0.05,
        )
        async with (
            serving(create_chapa_simulator(config), bound) as url,
            httpx.AsyncClient(base_url=url, headers=headers, timeout=10) as client,
        ):
            yield Sandbox(url=url, client=client, merchant=merchant, merchant_url=merchant_url)


@pytest.fixture
async def sandbox(shared_sandbox: Sandbox) -> Sandbox:
    await shared_sandbox.client.post("/_sim/reset")
    shared_sandbox.merchant.received.clear()
    shared_sandbox.merchant.answers.clear()
    return shared_sandbox


@pytest.fixture(scope="module")
async def shared_paystack(anyio_backend: str) -> AsyncIterator[PaystackSandbox]:
    """Open one sandbox for all tests of a file; the next fixture empties it for each."""
    async with serving_paystack(Merchant()) as sandbox:
        yield sandbox


@pytest.fixture
async def paystack(shared_paystack: PaystackSandbox) -> PaystackSandbox:
    await shared_paystack.client.post("/_sim/reset")
    shared_paystack.merchant.received.clear()
    shared_paystack.merchant.answers.clear()
    return shared_paystack


@pytest.fixture(scope="module")
async def shared_daraja(anyio_backend: str) -> AsyncIterator[Daraja]:
    """Open one Daraja for all tests of a file; the next fixture empties it for each."""
    merchant = Merchant()
    async with (
        serving(merchant.app(), listening()) as merchant_url,
        daraja_for(merchant, merchant_url) as daraja,
    ):
        yield daraja


@pytest.fixture
async def daraja(shared_daraja: Daraja) -> Daraja:
    await shared_daraja.reset()
    shared_daraja.merchant.received.clear()
    shared_daraja.merchant.answers.clear()
    return shared_daraja
