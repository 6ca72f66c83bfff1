"""Where providers without signatures report: to secret addresses, stored before anything else."""

import json
from collections.abc import AsyncIterator

import attrs
import pytest
from structlog.testing import capture_logs

from payments.domain.errors import StorageUnavailable
from payments.domain.payment import Payment
from payments.testing import ScriptedPrompts, in_memory_payments
from tests.integration.http.door import Door, open_door, problem

pytestmark = pytest.mark.anyio


@pytest.fixture
async def prompts() -> ScriptedPrompts:
    return ScriptedPrompts()


@pytest.fixture
async def door(prompts: ScriptedPrompts) -> AsyncIterator[Door]:
    kit = in_memory_payments(prompts=prompts)
    async with open_door(kit) as opened:
        kit.order(amount="1000.00", currency="KES")
        yield opened


async def prompted(door: Door) -> str:
    """The reference of a prompt that was sent."""
    checkout = await door.initiated(provider="prompts", phone_number="0712345678")
    assert checkout["next_action"]["type"] == "confirm_on_phone"
    return str(checkout["reference"])


async def status(door: Door) -> str:
    payment: Payment | None = await door.kit.unit_of_work.reads.payment_of_order("order_1")
    assert payment is not None
    return payment.status.value


@pytest.mark.parametrize("name", ["stk", "prompts"])
@pytest.mark.parametrize("end", ["/", ""])
async def test_a_report_is_stored_acknowledged_and_worked_on_afterwards(
    door: Door, prompts: ScriptedPrompts, name: str, end: str
) -> None:
    reference = await prompted(door)
    prompts.pays(reference)
    asked = prompts.calls["check"]

    path = f"/payments/verify/{name}/{prompts.token(reference)}{end}"
    answer = await door.anonymous("POST", path, content=prompts.callback(reference))

    assert (answer.status_code, answer.json()) == (200, json.loads(prompts.acknowledgement()))
    assert door.woken == ["notice"]
    assert prompts.calls["check"] == asked
    assert len(await door.kit.unit_of_work.reads.notices_about(reference)) == 1
    await door.kit.work()
    assert await status(door) == "success"


async def test_the_address_we_give_out_is_one_that_answers(door: Door, prompts: ScriptedPrompts) -> None:
    reference = await prompted(door)
    address = prompts.opened[reference].callback_url
    assert address is not None
    path = address.removeprefix("http://payments.example")
    assert (await door.anonymous("POST", path, content=b"{}")).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/payments/verify/stk/" + "0" * 32 + "/",
        "/payments/verify/stk/p/",
        "/payments/verify/prompts/" + "0" * 32 + "/",
        "/payments/verify/prompts/",
        "/payments/verify/stk/",
        "/payments/verify/scripted/{token}/",
        "/payments/verify/nobody/{token}/",
    ],
)
async def test_elsewhere_nothing_is_stored_and_nobody_woken(
    door: Door, prompts: ScriptedPrompts, path: str
) -> None:
    reference = await prompted(door)
    where = path.format(token=prompts.token(reference))
    problem(await door.anonymous("POST", where, content=prompts.callback(reference)), 404, "not_found")
    assert await door.kit.unit_of_work.reads.notices_about(reference) == ()
    assert door.woken == []


async def test_only_posts_are_taken(door: Door, prompts: ScriptedPrompts) -> None:
    reference = await prompted(door)
    path = f"/payments/verify/stk/{prompts.token(reference)}/"
    assert (await door.anonymous("GET", path)).status_code == 405


async def test_what_cannot_be_read_is_stored_too(door: Door, prompts: ScriptedPrompts) -> None:
    reference = await prompted(door)
    path = f"/payments/verify/stk/{prompts.token(reference)}/"
    assert (await door.anonymous("POST", path, content=b"\xff<html>")).status_code == 200
    (notice,) = await door.kit.unit_of_work.reads.notices_about(reference)
    assert notice.word == "unreadable"


async def test_the_token_reaches_no_log_and_no_answer(door: Door, prompts: ScriptedPrompts) -> None:
    reference = await prompted(door)
    token = prompts.token(reference)
    with capture_logs() as logs:
        taken = await door.anonymous("POST", f"/payments/verify/stk/{token}/", content=b"{}")
        too_large = await door.anonymous("POST", f"/payments/verify/stk/{token}/", content=b"x" * 70_000)
        wrong = await door.anonymous("POST", f"/payments/verify/stk/{token[::-1]}/", content=b"{}")
    assert (taken.status_code, too_large.status_code, wrong.status_code) == (200, 413, 404)
    assert len(logs) >= 3
    told = json.dumps([logs, taken.text, too_large.text, wrong.text], default=str)
    assert token not in told
    assert token[::-1] not in told


async def test_what_cannot_be_stored_is_not_acknowledged(door: Door, prompts: ScriptedPrompts) -> None:
    reference = await prompted(door)

    async def unavailable(token: str, body: bytes) -> None:
        raise StorageUnavailable

    payments = attrs.evolve(door.kit.payments, receive_callback=unavailable)  # type: ignore[arg-type]  # a function stands in for the use-case
    async with open_door(attrs.evolve(door.kit, payments=payments)) as full:
        path = f"/payments/verify/stk/{prompts.token(reference)}/"
        answer = await full.anonymous("POST", path, content=b"{}")
    problem(answer, 503, "storage_unavailable")
    assert answer.headers["retry-after"]
    assert full.woken == []
