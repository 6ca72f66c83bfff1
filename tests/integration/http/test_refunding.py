"""Money that goes back, over HTTP."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from payments.application.ports.providers import RefundOutcome
from payments.domain.errors import OutcomeUnknown, ProviderRejected
from payments.domain.money import Money
from payments.domain.refund_rules import RefundRules
from payments.testing import in_memory_payments
from tests.integration.http.door import Door, bearer, open_door, pointers, problem

pytestmark = pytest.mark.anyio

REFUNDER = bearer("clerk", "payments:refund")
MANAGER = bearer("manager", "payments:refund")
OTHER_MANAGER = bearer("another-manager", "payments:refund")
LIMIT = {"ETB": Money.of("500.00", "ETB")}


@pytest.fixture
async def paid() -> AsyncIterator[tuple[Door, str]]:
    """A paid order of 1000.00 ETB, and where its refunds are; above 500.00 they need approval."""
    kit = in_memory_payments(refund_rules=RefundRules(approval_above=LIMIT))
    async with open_door(kit) as door:
        opened = await door.initiated()
        kit.provider.pays(opened["reference"])
        await kit.payments.settle(opened["reference"])
        yield door, f"/payments/{opened['payment_id']}/refunds/"


async def post(
    door: Door, path: str, key: str | None = "k", who: dict[str, str] = REFUNDER, **body: Any
) -> httpx.Response:
    headers = who | ({"Idempotency-Key": key} if key else {})
    return await door.client.post(path, json={"amount": "200.00", "reason": "broken"} | body, headers=headers)


async def test_a_refund_is_made_and_listed(paid: tuple[Door, str]) -> None:
    door, path = paid
    answer = await post(door, path)

    assert answer.status_code == 201
    refund = answer.json()
    assert (refund["status"], refund["amount"], refund["currency"]) == ("succeeded", "200.00", "ETB")
    assert (refund["reason"], refund["requested_by"]) == ("broken", "operator:clerk")
    listed = await door.client.get(path, headers=REFUNDER)
    assert [each["refund_id"] for each in listed.json()["data"]] == [refund["refund_id"]]
    payment = (await door.client.get(path.removesuffix("refunds/"))).json()
    assert payment["amount_refunded"] == "200.00"
    assert set(payment["refunds"][0]) == {
        *("refund_id", "capture_id", "status", "amount", "currency", "reason", "created_at")
    }


async def test_without_an_idempotency_key_nothing_is_done_and_the_header_is_named(
    paid: tuple[Door, str],
) -> None:
    door, path = paid
    answer = await post(door, path, key=None)

    assert pointers(problem(answer, 422, "invalid_request")) == {"Idempotency-Key"}
    assert (await door.client.get(path, headers=REFUNDER)).json() == {"data": []}


async def test_the_same_key_is_the_same_refund_and_another_request_under_it_is_refused(
    paid: tuple[Door, str],
) -> None:
    door, path = paid
    first, again = await post(door, path), await post(door, path)
    other = await post(door, path, amount="100.00")

    assert first.content == again.content
    assert again.headers["idempotency-replayed"] == "true"
    problem(other, 422, "idempotency_key_reused")


async def test_even_when_the_kept_answer_is_gone_the_same_key_is_the_same_refund(
    paid: tuple[Door, str],
) -> None:
    door, path = paid
    first = await post(door, path)
    door.kit.clock.advance(door.kit.clock.now() - door.kit.clock.now().replace(year=2020))

    again = await post(door, path)
    other = await post(door, path, amount="100.00", key="k2")
    reused = await post(door, path, amount="150.00")

    assert again.json()["refund_id"] == first.json()["refund_id"] != other.json()["refund_id"]
    problem(reused, 422, "idempotency_key_reused")
    assert len((await door.client.get(path, headers=REFUNDER)).json()["data"]) == 2


async def test_above_the_limit_another_person_approves(paid: tuple[Door, str]) -> None:
    door, path = paid
    waiting = await post(door, path, amount="500.01")
    assert (waiting.status_code, waiting.json()["status"]) == (202, "awaiting_approval")
    approval = f"{path}{waiting.json()['refund_id']}/approve/"

    problem(await door.client.post(approval, headers=REFUNDER), 403, "approval_by_requester")
    approved = await door.client.post(approval, headers=MANAGER)
    again = await door.client.post(approval, headers=MANAGER)

    assert (approved.status_code, approved.json()["status"]) == (200, "succeeded")
    assert approved.json()["approved_by"] == "operator:manager"
    assert (again.status_code, again.json()) == (200, approved.json()), (
        "their first answer may have been lost"
    )
    problem(await door.client.post(approval, headers=OTHER_MANAGER), 409, "refund_not_awaiting_approval")


async def test_a_refund_that_waits_can_be_refused_and_its_amount_is_free_again(
    paid: tuple[Door, str],
) -> None:
    door, path = paid
    waiting = await post(door, path, amount="1000.00")
    refusal = f"{path}{waiting.json()['refund_id']}/refuse/"

    refused = await door.client.post(refusal, json={"reason": "wrong order"}, headers=MANAGER)

    assert (refused.status_code, refused.json()["status"]) == (200, "failed")
    assert (await post(door, path, key="other", amount="400.00")).status_code == 201


async def test_whoever_owes_the_payment_asks_for_none_of_it_back(paid: tuple[Door, str]) -> None:
    door, path = paid
    mine = bearer("user_1", "payments:refund")

    problem(await post(door, path, who=mine), 403, "operator_is_payer")

    assert (await door.client.get(path, headers=REFUNDER)).json() == {"data": []}
    assert (await post(door, path)).status_code == 201


async def test_whoever_owes_the_payment_neither_approves_nor_refuses_its_refund(
    paid: tuple[Door, str],
) -> None:
    door, path = paid
    waiting = f"{path}{(await post(door, path, amount='1000.00')).json()['refund_id']}/"
    mine = bearer("user_1", "payments:refund")

    problem(await door.client.post(f"{waiting}approve/", headers=mine), 403, "operator_is_payer")
    refusal = await door.client.post(f"{waiting}refuse/", json={"reason": "no"}, headers=mine)

    problem(refusal, 403, "operator_is_payer")
    assert (await door.client.post(f"{waiting}approve/", headers=MANAGER)).status_code == 200


@pytest.mark.parametrize(
    ("trouble", "status"), [(ProviderRejected("no"), "failed"), (OutcomeUnknown("lost"), "unknown")]
)
async def test_trouble_at_the_provider_is_told_by_the_refund(
    paid: tuple[Door, str], trouble: Exception, status: str
) -> None:
    door, path = paid
    assert door.kit.provider.refunds is not None
    door.kit.provider.refunds.trouble = [trouble]

    answer = await post(door, path)

    assert (answer.status_code, answer.json()["status"]) == (201, status)
    assert answer.json()["detail"] in ("no", "lost")


async def test_more_than_what_is_left_is_refused_with_what_is_left(paid: tuple[Door, str]) -> None:
    door, path = paid
    assert door.kit.provider.refunds is not None
    door.kit.provider.refunds.answer = RefundOutcome.PENDING
    await post(door, path, amount="400.00", key="1")
    await post(door, path, amount="500.00", key="2")

    found = problem(await post(door, path, amount="100.01", key="3"), 409, "refund_too_large")

    assert (found["refundable"], found["currency"]) == ("100.00", "ETB")
    assert pointers(found) == {"/amount"}


async def test_a_payment_that_nobody_paid_has_nothing_to_refund() -> None:
    async with open_door() as door:
        opened = await door.initiated()
        answer = await post(door, f"/payments/{opened['payment_id']}/refunds/")
        problem(answer, 409, "nothing_to_refund")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"amount": "0"}, "/amount"),
        ({"amount": "-1.00"}, "/amount"),
        ({"amount": 200}, "/amount"),
        ({"amount": "1.005"}, "/amount"),
        ({"reason": ""}, "/reason"),
        ({"reason": "   "}, "/reason"),
        ({"capture_id": "1"}, "/capture_id"),
        ({"capture_id": "019b76da-a800-7a3e-8a2c-5d3f6b1c9e40"}, "/capture_id"),
        ({"currency": "ETB"}, "/currency"),
    ],
)
async def test_a_wrong_field_is_named(paid: tuple[Door, str], body: dict[str, Any], pointer: str) -> None:
    door, path = paid
    answer = await post(door, path, **body)
    assert answer.status_code == 422
    assert pointers(answer.json()) == {pointer}


@pytest.mark.parametrize("refund_id", ["019b76da-a800-7a3e-8a2c-5d3f6b1c9e40", "nonsense"])
async def test_a_refund_that_is_none_of_this_payments_is_not_found(
    paid: tuple[Door, str], refund_id: str
) -> None:
    door, path = paid
    answer = await door.client.post(f"{path}{refund_id}/approve/", headers=MANAGER)
    problem(answer, 404, "refund_not_found")
