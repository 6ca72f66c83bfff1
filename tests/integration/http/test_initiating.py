import asyncio

import httpx
import pytest

from payments.domain.errors import OutcomeUnknown, ProviderRejected, ProviderUnavailable
from payments.domain.money import Money
from tests.integration.http.door import Door, bearer, pointers, problem

pytestmark = pytest.mark.anyio


async def test_a_payable_order_gets_a_checkout(door: Door) -> None:
    checkout = await door.initiated()
    assert list(checkout) == [
        "payment_id",
        "reference",
        "status",
        "provider",
        "checkout_url",
        "next_action",
        "expires_at",
    ]
    assert checkout["status"] == "processing"
    assert checkout["next_action"] == {"type": "redirect", "url": checkout["checkout_url"]}
    assert checkout["expires_at"] == "2026-01-05T10:30:00Z"


async def test_a_path_without_its_trailing_slash_works_too_and_nothing_is_redirected(door: Door) -> None:
    with_slash = await door.initiated()
    without = await door.client.post("/payments/initiate/order_1", json={"provider": "scripted"})
    assert without.status_code == 200
    assert without.json() == with_slash


async def test_a_paid_order_answers_400_with_the_sentence_that_clients_read(door: Door) -> None:
    checkout = await door.initiated()
    door.kit.provider.pays(checkout["reference"])
    await door.client.get(f"/payments/verify/scripted/?trx_ref={checkout['reference']}")
    found = problem(await door.initiate(), 400, "payment_already_processed")
    assert found["error"] == "Payment already processed"


async def test_a_foreign_order_and_an_absent_one_are_answered_byte_for_byte_alike(door: Door) -> None:
    named = {"X-Request-Id": "the-same-for-both"}
    foreign = await door.client.post(
        "/payments/initiate/order_1/", json={"provider": "scripted"}, headers=named | bearer("user_2")
    )
    absent = await door.client.post(
        "/payments/initiate/order_9/", json={"provider": "scripted"}, headers=named
    )
    problem(foreign, 404, "order_not_found")
    assert foreign.content == absent.content
    assert foreign.headers == absent.headers


@pytest.mark.parametrize(
    "written", ["0712345678", "+254 712-345-678", "00254712345678", "(0712) 345.678", "( +254) 712 345 678"]
)
async def test_a_phone_is_taken_as_people_write_it(door: Door, written: str) -> None:
    assert (await door.initiated(phone_number=written))["status"] == "processing"


@pytest.mark.parametrize("written", ["071", "+", "0712345678 ext 9", "+254+712345678", "1" * 18, " " * 50])
async def test_what_can_be_no_phone_is_refused_by_the_name_of_its_field(door: Door, written: str) -> None:
    found = problem(await door.initiate(phone_number=written), 422, "invalid_request")
    assert pointers(found) == {"/phone_number"}


async def test_an_unknown_provider_is_named(door: Door) -> None:
    found = problem(await door.initiate(provider="paypal"), 422, "unsupported_provider")
    assert pointers(found) == {"/provider"}


async def test_a_currency_the_provider_cannot_take_is_refused(door: Door) -> None:
    door.kit.order(amount="1000", currency="JPY")
    problem(await door.initiate(), 422, "unsupported_currency")


async def test_an_amount_the_provider_cannot_take_is_refused(door: Door) -> None:
    door.kit.order(amount="0.00")
    problem(await door.initiate(), 422, "unsupported_amount")


async def test_an_order_that_cannot_be_paid_is_a_conflict(door: Door) -> None:
    door.kit.order(payable=False)
    problem(await door.initiate(), 409, "order_not_payable")


async def test_held_money_is_a_conflict_until_a_person_decides(door: Door) -> None:
    checkout = await door.initiated()
    door.kit.provider.pays(checkout["reference"], amount=Money.of("999.00", "ETB"))
    await door.client.get(f"/payments/verify/scripted/?trx_ref={checkout['reference']}")
    found = problem(await door.initiate(), 409, "payment_in_review")
    assert found["payment_id"] == checkout["payment_id"]


async def test_a_provider_that_refuses_is_502_and_needs_no_repeating(door: Door) -> None:
    door.kit.provider.trouble.append(ProviderRejected("No."))
    response = await door.initiate()
    problem(response, 502, "provider_rejected")
    assert "retry-after" not in response.headers


async def test_a_provider_that_was_not_reached_is_503_with_the_payment_and_when_to_repeat(door: Door) -> None:
    door.kit.provider.trouble.append(ProviderUnavailable("Closed."))
    response = await door.initiate()
    assert problem(response, 503, "provider_unavailable")["payment_id"]
    assert int(response.headers["retry-after"]) >= 1


async def test_an_answer_that_was_lost_is_504_with_the_payment_and_when_to_ask(door: Door) -> None:
    door.kit.provider.trouble.append(OutcomeUnknown("Cut off."))
    response = await door.initiate()
    assert problem(response, 504, "outcome_unknown")["payment_id"]
    assert int(response.headers["retry-after"]) >= 1


async def test_a_page_that_is_not_configured_is_named_with_those_that_are(door: Door) -> None:
    found = problem(await door.initiate(return_to="https://evil.example"), 422, "invalid_request")
    assert pointers(found) == {"/return_to"}
    found = problem(await door.initiate(return_to="nowhere"), 422, "invalid_request")
    assert "shop, app" in found["errors"][0]["detail"]
    assert door.kit.provider.calls["open"] == 0


async def test_the_client_cannot_say_what_is_paid_or_where_the_payer_goes(door: Door) -> None:
    found = problem(
        await door.initiate(
            amount="1.00", currency="USD", user_id="user_2", return_url="https://evil.example"
        ),
        422,
        "invalid_request",
    )
    assert pointers(found) == {"/amount", "/currency", "/user_id", "/return_url"}
    assert door.kit.provider.calls["open"] == 0


async def test_a_double_click_gives_one_checkout(door: Door) -> None:
    answers = await asyncio.gather(*(door.initiate() for _ in range(20)))
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert len({answer.json()["checkout_url"] for answer in answers if answer.status_code == 200}) == 1
    assert door.kit.provider.calls["open"] == 1


class TestIdempotencyKey:
    async def test_the_same_request_gets_the_same_bytes(self, door: Door) -> None:
        first = await self.initiate(door, "key-1")
        door.kit.provider.declines(first.json()["reference"])
        again = await self.initiate(door, "key-1")
        assert again.content == first.content
        assert again.headers["idempotency-replayed"] == "true"
        assert "idempotency-replayed" not in first.headers

    async def test_however_the_body_is_spelled(self, door: Door) -> None:
        first = await self.initiate(door, "key-1")
        again = await door.client.post(
            "/payments/initiate/order_1",
            content=b'{ "return_to": null, "provider" : "script\\u0065d" }',
            headers={"Idempotency-Key": "key-1", "Content-Type": "application/json; charset=UTF-8"},
        )
        assert again.content == first.content

    async def test_another_request_under_the_same_key_is_refused(self, door: Door) -> None:
        await self.initiate(door, "key-1")
        problem(await self.initiate(door, "key-1", return_to="shop"), 422, "idempotency_key_reused")
        problem(await self.initiate(door, "key-1", order_id="order_2"), 422, "idempotency_key_reused")

    async def test_a_final_problem_is_kept(self, door: Door) -> None:
        first = await self.initiate(door, "key-1", order_id="order_2")
        problem(first, 404, "order_not_found")
        door.kit.order("order_2")
        again = await self.initiate(door, "key-1", order_id="order_2")
        assert again.content == first.content
        assert again.headers["content-type"] == "application/problem+json"

    async def test_a_problem_that_may_pass_is_not_kept(self, door: Door) -> None:
        door.kit.provider.trouble.append(ProviderUnavailable("Closed."))
        response = await self.initiate(door, "key-1")
        problem(response, 503, "provider_unavailable")
        assert "retry-after" in response.headers
        assert (await self.initiate(door, "key-1")).status_code == 200

    async def test_keys_of_different_users_do_not_meet(self, door: Door) -> None:
        await self.initiate(door, "key-1")
        other = await self.initiate(door, "key-1", headers=bearer("user_2"))
        problem(other, 404, "order_not_found")

    async def test_two_requests_at_once_are_not_both_answered(self, door: Door) -> None:
        answers = await asyncio.gather(*(self.initiate(door, "key-1") for _ in range(10)))
        statuses = {answer.status_code for answer in answers}
        assert statuses <= {200, 409}
        assert door.kit.provider.calls["open"] == 1
        for answer in answers:
            if answer.status_code == 409:
                problem(answer, 409, "idempotency_key_in_flight")
                assert answer.headers["retry-after"] == "1"

    @pytest.mark.parametrize("keys", [["a", "b"], ["a", "a"], [""], ["x" * 256], ["with blank"]])
    async def test_a_key_is_one_printable_word(self, door: Door, keys: list[str]) -> None:
        headers = [("Idempotency-Key", key) for key in keys]
        response = await door.client.post(
            "/payments/initiate/order_1/", json={"provider": "scripted"}, headers=headers
        )
        assert pointers(problem(response, 422, "invalid_request")) == {"Idempotency-Key"}

    async def initiate(
        self,
        door: Door,
        key: str,
        *,
        order_id: str = "order_1",
        headers: dict[str, str] | None = None,
        **more: str,
    ) -> httpx.Response:
        return await door.client.post(
            f"/payments/initiate/{order_id}/",
            json={"provider": "scripted"} | more,
            headers={"Idempotency-Key": key} | (headers or {}),
        )
