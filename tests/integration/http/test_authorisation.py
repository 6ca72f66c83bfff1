import attrs
import pytest

from payments.entrypoints.http.routes import OPERATIONS
from tests.integration.http.door import (
    SETTINGS,
    Door,
    bearer,
    open_door,
    problem,
)

pytestmark = pytest.mark.anyio

PRINCIPALS: dict[str, dict[str, str]] = {
    "nobody": {},
    "owner": bearer("user_1"),
    "stranger": bearer("user_2"),
    "reader": bearer("user_1", "payments:read"),
    "writer": bearer("user_1", "payments:write"),
    "operator": bearer("user_3", "payments:operate"),
    "collector": bearer("user_1", "payments:collect payments:refund"),
    "nothing allowed": bearer("user_1", ""),
}

# What each principal gets, in the order above. The payment and the order belong to user_1.
MATRIX: dict[str, tuple[int, ...]] = {
    "initiate_payment": (401, 200, 404, 403, 200, 403, 403, 403),
    "return_from_checkout": (302, 302, 302, 302, 302, 302, 302, 302),
    "receive_notice": (401, 401, 401, 401, 401, 401, 401, 401),
    "receive_callback": (404, 404, 404, 404, 404, 404, 404, 404),
    "list_payments": (401, 200, 200, 200, 403, 403, 403, 403),
    "list_providers": (401, 200, 404, 200, 403, 403, 403, 403),
    "return_page": (200, 200, 200, 200, 200, 200, 200, 200),
    "get_payment": (401, 200, 404, 200, 403, 403, 403, 403),
    "explain_payment": (401, 200, 404, 200, 403, 200, 403, 403),
    "cancel_payment": (401, 200, 404, 403, 200, 200, 403, 403),
    "list_reviews": (401, 403, 403, 403, 403, 200, 403, 403),
    "get_review": (401, 403, 403, 403, 403, 200, 403, 403),
    "resolve_review": (401, 403, 403, 403, 403, 200, 403, 403),
    "refund_payment": (401, 403, 403, 403, 403, 403, 422, 403),
    "list_refunds": (401, 403, 403, 403, 403, 403, 200, 403),
    "approve_refund": (401, 403, 403, 403, 403, 403, 404, 403),
    "refuse_refund": (401, 403, 403, 403, 403, 403, 404, 403),
    "collect_cash": (401, 403, 403, 403, 403, 403, 422, 403),
    "list_cash": (401, 403, 403, 403, 403, 200, 403, 403),
    "hand_over_cash": (401, 403, 403, 403, 403, 422, 403, 403),
    "payer_page": (404, 404, 404, 404, 404, 404, 404, 404),
    "payer_page_status": (404, 404, 404, 404, 404, 404, 404, 404),
    "live": (200, 200, 200, 200, 200, 200, 200, 200),
    "ready": (200, 200, 200, 200, 200, 200, 200, 200),
    "metrics": (200, 200, 200, 200, 200, 200, 200, 200),
    "openapi": (200, 200, 200, 200, 200, 200, 200, 200),
    "docs": (200, 200, 200, 200, 200, 200, 200, 200),
    "asset": (200, 200, 200, 200, 200, 200, 200, 200),
}

BODIES = {"refuse_refund": {"reason": "no"}, "resolve_review": {"decision": "dismiss", "reason": "known"}}


def test_every_operation_has_its_row() -> None:
    assert set(MATRIX) == {operation.name for operation in OPERATIONS}


@pytest.mark.parametrize("name", MATRIX)
async def test_each_principal_gets_what_the_table_says(door: Door, name: str) -> None:
    payment_id = (await door.initiated())["payment_id"]
    review_id = (await door.orphan()).review_id
    operation = next(operation for operation in OPERATIONS if operation.name == name)
    path = operation.path.format(
        order_id="order_1",
        payment_id=payment_id,
        refund_id=payment_id,
        provider="scripted",
        name="page.css",
        token="0" * 32,
        review_id=review_id,
    )
    answers = {}
    for principal, headers in PRINCIPALS.items():
        response = await door.anonymous(
            operation.method,
            path,
            params={"order_id": "order_1"} if name == "list_providers" else None,
            json=BODIES.get(name, {"provider": "scripted"}) if operation.method == "POST" else None,
            headers=headers,
        )
        answers[principal] = response.status_code
    assert answers == dict(zip(PRINCIPALS, MATRIX[name], strict=True))


@pytest.mark.parametrize("tail", ["", "explain/", "cancel/"])
async def test_absent_foreign_and_malformed_payments_are_answered_byte_for_byte_alike(
    door: Door, tail: str
) -> None:
    payment_id = (await door.initiated())["payment_id"]
    absent = "019b76da-a800-7a3e-8a2c-5d3f6b1c9e40"
    method = "POST" if tail == "cancel/" else "GET"
    answers = [
        await door.client.request(
            method, f"/payments/{name}/{tail}", headers=bearer("user_2") | {"X-Request-Id": "one"}
        )
        for name in (payment_id, absent, "nonsense", payment_id.replace("-", ""), "%00", "{payment_id}")
    ]
    problem(answers[0], 404, "payment_not_found")
    assert {answer.content for answer in answers} == {answers[0].content}
    assert all(answer.headers == answers[0].headers for answer in answers)


async def test_a_list_holds_only_the_callers_own(door: Door) -> None:
    await door.initiated()
    other = await door.client.get("/payments/", headers=bearer("user_2"))
    assert other.json() == {"data": [], "has_more": False, "next_cursor": None}


async def test_a_missing_scope_is_said(door: Door) -> None:
    response = await door.client.get("/payments/", headers=bearer("user_1", "payments:write"))
    problem(response, 403, "insufficient_scope")
    assert 'error="insufficient_scope"' in response.headers["www-authenticate"]
    assert 'scope="payments:read"' in response.headers["www-authenticate"]


async def test_without_a_key_nobody_is_admitted() -> None:
    async with open_door(settings=attrs.evolve(SETTINGS, auth=None)) as door:
        problem(await door.client.get("/payments/"), 401, "unauthenticated")
