"""The review queue over HTTP: what waits, what it is about, and what an operator decides."""

from typing import Any

import httpx
import pytest

from payments.domain.money import Money
from tests.integration.http.door import Door, bearer, pointers, problem

pytestmark = pytest.mark.anyio

BOSS = bearer("boss", "payments:operate")
OTHER = bearer("other", "payments:operate")


async def short_money(door: Door, amount: str = "900.00") -> str:
    """The id of the review about money of another amount than was due."""
    opened = await door.initiated()
    door.kit.provider.pays(opened["reference"], amount=Money.of(amount, "ETB"))
    await door.kit.payments.settle(opened["reference"])
    found: str = (await listed(door))["data"][0]["review_id"]
    return found


async def listed(door: Door, **query: Any) -> dict[str, Any]:
    response = await door.client.get("/payments/reviews/", params=query, headers=BOSS)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


async def resolve(
    door: Door, review_id: str, *, headers: dict[str, str] = BOSS, **body: Any
) -> httpx.Response:
    wish = {"decision": "accept", "reason": "the shop gave a discount"} | body
    return await door.client.post(f"/payments/reviews/{review_id}/resolve/", json=wish, headers=headers)


async def test_a_review_says_what_it_is_about_and_what_may_be_decided(door: Door) -> None:
    review_id = await short_money(door)

    told = (await door.client.get(f"/payments/reviews/{review_id}/", headers=BOSS)).json()

    assert (told["kind"], told["state"], told["decision"]) == ("amount_mismatch", "open", None)
    assert told["may_decide"] == ["accept", "refund"]
    assert told["payment"]["amount"] == "1000.00"
    assert (told["capture"]["amount"], told["capture"]["disposition"]) == ("900.00", "held")
    assert [each["verdict"] for each in told["evidence"]] == ["amount_differs"]


async def test_a_decision_is_answered_with_the_review_as_it_then_stands(door: Door) -> None:
    review_id = await short_money(door)

    told = (await resolve(door, review_id)).json()

    assert (told["state"], told["decision"], told["actor"]) == ("resolved", "accept", "operator:boss")
    assert (told["may_decide"], told["payment"]["status"]) == ([], "success")
    assert (await listed(door))["data"] == []
    assert [each["review_id"] for each in (await listed(door, state="resolved"))["data"]] == [review_id]


async def test_a_decided_refund_is_shown_and_the_review_waits_for_it(door: Door) -> None:
    review_id = await short_money(door)

    told = (await resolve(door, review_id, decision="refund")).json()

    assert (told["state"], told["decision"], told["may_decide"]) == ("open", "refund", [])
    assert told["refund"]["refund_id"] == told["refund_id"]
    assert told["refund"]["amount"] == "900.00"


async def test_a_decision_is_repeated_under_its_key_and_not_made_again(door: Door) -> None:
    review_id = await short_money(door)
    keyed = {**BOSS, "Idempotency-Key": "decision-1"}
    first = await resolve(door, review_id, headers=keyed, decision="refund")
    await door.kit.work()

    again = await resolve(door, review_id, headers=keyed, decision="refund")

    assert again.content == first.content, "it is told as it was, although the money has gone by now"
    assert again.headers["idempotency-replayed"] == "true"
    problem(await resolve(door, review_id, headers=keyed), 422, "idempotency_key_reused")


async def test_the_second_operator_is_told_and_the_first_one_may_repeat(door: Door) -> None:
    review_id = await short_money(door)
    first = await resolve(door, review_id)

    found = problem(await resolve(door, review_id, headers=OTHER), 409, "review_already_decided")

    assert found["decision"] == "accept"
    assert (await resolve(door, review_id)).json() == first.json()


async def test_a_way_out_of_another_kind_is_refused_with_those_there_are(door: Door) -> None:
    review_id = await short_money(door)

    found = problem(await resolve(door, review_id, decision="dismiss"), 422, "decision_not_possible")

    assert found["errors"] == [{"pointer": "/decision", "detail": "Use accept or refund."}]


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({"decision": "succeed"}, {"/decision"}),
        ({"reason": ""}, {"/reason"}),
        ({"reason": "  "}, {"/reason"}),
        ({"reason": "x" * 501}, {"/reason"}),
        ({"outcome": "paid"}, {"/outcome"}),
        ({"outcome": "maybe"}, {"/outcome"}),
        ({"status": "success"}, {"/status"}),
    ],
)
async def test_a_wrong_field_is_named(door: Door, body: dict[str, Any], wrong: set[str]) -> None:
    review_id = await short_money(door)

    assert pointers(problem(await resolve(door, review_id, **body), 422, "invalid_request")) == wrong


async def test_an_orphan_of_no_payment_is_dismissed(door: Door) -> None:
    review = await door.orphan()

    told = (await resolve(door, str(review.review_id), decision="dismiss")).json()

    assert (told["state"], told["payment"], told["payment_id"]) == ("resolved", None, None)


async def test_the_queue_is_read_page_by_page_and_by_kind(door: Door) -> None:
    mismatch = await short_money(door)
    orphan = await door.orphan()

    first = await listed(door, limit=1)
    second = await listed(door, limit=1, cursor=first["next_cursor"])

    found = {page["data"][0]["review_id"] for page in (first, second)}
    assert found == {mismatch, str(orphan.review_id)}
    assert (first["has_more"], second["has_more"], second["next_cursor"]) == (True, False, None)
    only = await listed(door, kind="orphan")
    assert [each["review_id"] for each in only["data"]] == [str(orphan.review_id)]


@pytest.mark.parametrize("query", [{"state": "closed"}, {"kind": "money"}, {"limit": 0}, {"cursor": "x"}])
async def test_a_wrong_query_is_named(door: Door, query: dict[str, Any]) -> None:
    response = await door.client.get("/payments/reviews/", params=query, headers=BOSS)

    assert pointers(problem(response, 422, "invalid_request")) == set(query)


@pytest.mark.parametrize("name", ["nonsense", "019b76da-a800-7a3e-8a2c-5d3f6b1c9e40"])
async def test_absent_and_malformed_reviews_are_not_found(door: Door, name: str) -> None:
    problem(await door.client.get(f"/payments/reviews/{name}/", headers=BOSS), 404, "review_not_found")
    problem(await resolve(door, name), 404, "review_not_found")


async def test_nobody_decides_about_what_they_owe_themselves(door: Door) -> None:
    review_id = await short_money(door)
    mine = bearer("user_1", "payments:operate")

    problem(await resolve(door, review_id, headers=mine), 403, "operator_is_payer")

    assert (await listed(door))["data"][0]["review_id"] == review_id
    assert (await resolve(door, review_id)).status_code == 200
