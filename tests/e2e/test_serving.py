"""``payments serve`` and ``payments simulators`` as processes: they find each other, and end as promised."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any, Final

import attrs
import httpx
import jwt
import pytest

from tests.e2e.programs import START_S, Program, payments
from tests.ports import free_port

pytestmark = pytest.mark.stories

KEY = "k" * 40

PATIENT: Final[dict[str, Any]] = {"trust_env": False, "timeout": 60.0}
"""On a busy machine an answer takes longer than the five seconds that httpx waits by itself."""


@attrs.frozen
class World:
    """The simulators in a process of their own, and what points a service at them."""

    simulators: str
    service: str
    variables: dict[str, str]


def variables_in(output: str) -> dict[str, str]:
    return {
        name: value.strip("'")
        for name, _, value in (line.partition("=") for line in output.splitlines())
        if name.startswith("PAYMENTS_")
    }


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Simulators that send their webhooks to where the service will be."""
    here = tmp_path_factory.mktemp("world")
    port = free_port()
    service = {"PAYMENTS_PORT": str(port)}
    with payments("simulators", "--port", "0", cwd=here, variables=service) as program:
        output = program.wait_for("PAYMENTS_MPESA_INITIATOR_PASSWORD=")
        pointed = variables_in(output)
        yield World(
            simulators=pointed["PAYMENTS_ORDERS_URL"].removesuffix("/orders"),
            service=f"http://127.0.0.1:{port}",
            variables={**service, **pointed, "PAYMENTS_AUTH_KEY": KEY, "PAYMENTS_LOG_FORMAT": "json"},
        )
        assert program.stop() == 0


def token() -> str:
    claims = {"sub": "demo-user", "exp": int(time.time()) + 600}
    return jwt.encode(claims, KEY, algorithm="HS256")


def initiate(world: World, order_id: str) -> httpx.Response:
    return httpx.post(
        f"{world.service}/payments/initiate/{order_id}/",
        json={"provider": "chapa"},
        headers={"authorization": f"Bearer {token()}"},
        **PATIENT,
    )


def started(program: Program) -> None:
    program.wait_for("Payments answers on")


def test_a_service_finds_the_simulators_by_what_they_printed(world: World, tmp_path: Path) -> None:
    with payments("serve", cwd=tmp_path, variables=world.variables) as program:
        started(program)
        assert httpx.get(f"{world.service}/readyz", **PATIENT).status_code == 200
        checkout = initiate(world, "order_1001").raise_for_status().json()
        chapa = f"{world.simulators}/chapa/_sim/transactions/{checkout['reference']}"
        httpx.post(f"{chapa}/pay", **PATIENT).raise_for_status()
        deadline = time.monotonic() + 30
        order = f"{world.simulators}/orders/_sim/orders/order_1001"
        while httpx.get(order, **PATIENT).json()["payment_status"] != "paid":
            assert time.monotonic() < deadline, "the orders service was never told"
            time.sleep(0.05)
        assert program.stop() == 0
    for secret in (
        KEY,
        world.variables["PAYMENTS_ORDERS_TOKEN"],
        world.variables["PAYMENTS_CHAPA_SECRET_KEY"],
    ):
        assert secret not in program.output + program.complaints
    assert '"event":' in program.complaints


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT], ids=lambda how: how.name)
def test_whoever_is_being_answered_gets_the_answer_before_it_ends(
    world: World, tmp_path: Path, how: signal.Signals
) -> None:
    orders = f"{world.simulators}/orders/_sim/switches"
    httpx.put(orders, json={"fault": "slow", "answer_delay_s": 1.0}, **PATIENT).raise_for_status()
    answers: list[httpx.Response] = []
    try:
        with payments("serve", cwd=tmp_path, variables=world.variables) as program:
            started(program)
            caller = Thread(target=lambda: answers.append(initiate(world, "order_1002")))
            before = asked(world)
            caller.start()
            while asked(world) == before and caller.is_alive():
                time.sleep(0.02)
            began = time.monotonic()
            assert program.stop(how) == 0
            caller.join()
            assert time.monotonic() - began < 30
    finally:
        httpx.put(orders, json={"fault": None, "answer_delay_s": None}, **PATIENT).raise_for_status()
    (answer,) = answers
    assert answer.status_code == 200
    assert answer.json()["checkout_url"]


def asked(world: World) -> int:
    """How often the orders service was called; the count rises when a call arrives or is answered."""
    calls = httpx.get(f"{world.simulators}/orders/_sim/calls", **PATIENT).json()
    return int(calls["count"])


def test_a_second_service_on_the_same_database_is_refused_and_the_first_goes_on(
    world: World, tmp_path: Path
) -> None:
    with payments("serve", cwd=tmp_path, variables=world.variables) as program:
        started(program)
        other = {**world.variables, "PAYMENTS_PORT": str(free_port())}
        with payments("serve", cwd=tmp_path, variables=other) as second:
            assert second.process.wait(START_S) == 69
        assert "Another process is writing" in second.complaints
        assert "Traceback" not in second.complaints
        assert httpx.get(f"{world.service}/readyz", **PATIENT).status_code == 200
        assert program.stop() == 0
