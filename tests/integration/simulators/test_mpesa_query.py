"""Checklist row 8 and the sheet's section 5: a query that says little, and sometimes nothing."""

import json
from typing import Any

import pytest

from payments.simulators.mpesa.spike_arrest import SpikeArrest
from tests.integration.simulators.daraja import PHONE, Daraja
from tests.integration.simulators.serving import eventually

pytestmark = pytest.mark.anyio

BEING_PROCESSED = "The transaction is being processed"


@pytest.mark.parametrize(
    ("action", "code", "text"),
    [
        ("approve", "0", "The service request is processed successfully."),
        ("cancel", "1032", "Request cancelled by user"),
        ("unreachable", "1037", "DS timeout user cannot be reached."),
        ("wrong_pin", "2001", "The initiator information is invalid."),
    ],
)
async def test_the_end_of_a_prompt_is_told_in_texts_and_without_the_receipt(
    daraja: Daraja, action: str, code: str, text: str
) -> None:
    pushed = (await daraja.push()).json()
    await daraja.act(pushed["CheckoutRequestID"], action)
    await daraja.ended(pushed["CheckoutRequestID"])
    answer = await daraja.query(pushed["CheckoutRequestID"])
    assert answer.status_code == 200
    assert answer.json() == {
        "ResponseCode": "0",
        "ResponseDescription": "The service request has been accepted successsfully",
        "MerchantRequestID": pushed["MerchantRequestID"],
        "CheckoutRequestID": pushed["CheckoutRequestID"],
        "ResultCode": code,
        "ResultDesc": text,
    }


async def seen(daraja: Daraja, checkout_request_id: str) -> tuple[int, Any, str]:
    """Return the status, the code and the text of a query."""
    answer = await daraja.query(checkout_request_id)
    body: dict[str, Any] = answer.json()
    return (
        answer.status_code,
        body.get("ResultCode") or body["errorCode"],
        body["ResultDesc"] if "ResultDesc" in body else body["errorMessage"],
    )


async def test_a_prompt_in_flight_is_told_in_each_shape_in_turn(daraja: Daraja) -> None:
    checkout_request_id = await daraja.prompted()
    shapes = [await seen(daraja, checkout_request_id) for _ in range(5)]
    assert shapes == [
        (200, "4999", "The transaction is still under processing"),
        (500, "500.001.1001", BEING_PROCESSED),
        (200, "500.001.1001", ""),
        (500, "500.001.1001", "The transaction does not Exist"),
        (200, "4999", "The transaction is still under processing"),
    ]


async def test_an_answer_that_is_processed_is_still_in_flight(daraja: Daraja) -> None:
    await daraja.switch(query_in_flight="being_processed", processing_s=3000)
    checkout_request_id = await daraja.prompted()
    await daraja.act(checkout_request_id, "approve")
    assert await seen(daraja, checkout_request_id) == (500, "500.001.1001", BEING_PROCESSED)


async def test_every_so_many_polls_give_no_answer(daraja: Daraja) -> None:
    await daraja.switch(query_hiccup_every=3)
    checkout_request_id = await daraja.prompted()
    await daraja.act(checkout_request_id, "approve")
    await daraja.ended(checkout_request_id)
    polls = [await seen(daraja, checkout_request_id) for _ in range(6)]
    assert [code for _, code, _ in polls] == ["0", "0", "500.001.1001", "0", "0", "500.001.1001"]


async def test_too_early_a_prompt_is_as_unknown_as_one_that_never_was(daraja: Daraja) -> None:
    await daraja.switch(query_early_s=3000)
    invalid = (400, "400.002.02", "Bad Request - Invalid CheckoutRequestID")
    assert await seen(daraja, await daraja.prompted()) == invalid
    assert await seen(daraja, "ws_CO_1") == invalid
    await daraja.switch(query_unknown="does_not_exist")
    assert await seen(daraja, "ws_CO_1") == (500, "500.001.1001", "The transaction does not Exist")


@pytest.mark.parametrize(
    ("fields", "status", "message"),
    [
        ({"BusinessShortCode": ...}, 400, "Bad Request - Invalid BusinessShortCode"),
        ({"Timestamp": "now"}, 400, "Bad Request - Invalid Timestamp"),
        ({"CheckoutRequestID": ...}, 400, "Bad Request - Invalid CheckoutRequestID"),
        ({"Password": "x"}, 500, "[MerchantValidate] - Wrong credentials"),
        ({"BusinessShortCode": "600123"}, 500, "Merchant does not exist"),
    ],
)
async def test_a_query_is_checked_as_a_push_is(
    daraja: Daraja, fields: dict[str, Any], status: int, message: str
) -> None:
    answer = await daraja.query("ws_CO_1", **fields)
    assert (answer.status_code, answer.json()["errorMessage"]) == (status, message)


@pytest.mark.parametrize(
    ("switches", "expected"),
    [
        ({"query_code": "8888"}, "8888"),
        ({"query_code": "1032"}, "1032"),
        ({"query_codes_as": "number"}, 0),
    ],
)
async def test_a_query_can_say_something_else(
    daraja: Daraja, switches: dict[str, str], expected: str | int
) -> None:
    await daraja.switch(PHONE, **switches)
    checkout_request_id = await daraja.prompted()
    await daraja.act(checkout_request_id, "approve")
    await daraja.ended(checkout_request_id)
    assert (await daraja.query(checkout_request_id)).json()["ResultCode"] == expected


async def test_the_sixth_query_of_a_minute_is_arrested(daraja: Daraja) -> None:
    # Three seconds: six queries come within them on a busy machine, too.
    await daraja.switch(query_calls=5, query_period_s=300)
    answers = [await daraja.query("ws_CO_1") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [400] * 5 + [429]
    fault = answers[-1].json()["fault"]
    assert fault["detail"] == {"errorcode": "policies.ratelimit.SpikeArrestViolation"}
    assert fault["faultstring"] == (
        "Spike arrest violation. Allowed rate : MessageRate{messagesPerPeriod=5, "
        "periodInMicroseconds=60000000, maxBurstMessageCount=1.0}"
    )

    async def let_pass() -> bool:
        return (await daraja.query("ws_CO_1")).status_code == 400

    await eventually(let_pass)


def test_at_most_five_pass_in_any_sixty_seconds() -> None:
    limit = SpikeArrest()
    passed = [at for at in range(0, 240, 7) if limit.lets_pass(at, calls=5, period_s=60, burst_one=False)]
    assert passed[:6] == [0, 7, 14, 21, 28, 63]
    for start in range(240):
        assert sum(start <= at < start + 60 for at in passed) <= 5


def test_with_a_burst_of_one_they_come_evenly() -> None:
    limit = SpikeArrest()
    passed = [at for at in range(60) if limit.lets_pass(at, calls=5, period_s=60, burst_one=True)]
    assert passed == [0, 12, 24, 36, 48]


async def test_an_arrested_query_says_nothing_about_the_payment(daraja: Daraja) -> None:
    await daraja.switch(query_calls=1, query_burst_one=True, query_period_s=3000)
    checkout_request_id = await daraja.prompted()
    await daraja.query(checkout_request_id)
    arrested = await daraja.query(checkout_request_id)
    assert set(json.loads(arrested.content)) == {"fault"}


# The vectors V4 of the fact sheet: switches, what happened, and the status, code and text of the query.
V4: tuple[tuple[dict[str, Any], str | None, tuple[int, Any, str]], ...] = (
    ({}, "approve", (200, "0", "The service request is processed successfully.")),
    ({}, "cancel", (200, "1032", "Request cancelled by user")),
    ({}, "unreachable", (200, "1037", "DS timeout user cannot be reached.")),
    ({"query_codes_as": "number"}, "unreachable", (200, 1037, "DS timeout user cannot be reached.")),
    ({"query_in_flight": "4999"}, None, (200, "4999", "The transaction is still under processing")),
    ({"query_code": "8888"}, None, (200, "8888", "An unknown error occurred.")),
    ({"query_in_flight": "being_processed"}, None, (500, "500.001.1001", BEING_PROCESSED)),
    ({"query_in_flight": "error_in_200"}, None, (200, "500.001.1001", "")),
    (
        {"query_in_flight": "does_not_exist"},
        None,
        (500, "500.001.1001", "The transaction does not Exist"),
    ),
    ({"query_early_s": 3000}, None, (400, "400.002.02", "Bad Request - Invalid CheckoutRequestID")),
)


@pytest.mark.parametrize(("switches", "action", "expected"), V4)
async def test_every_answer_a_client_must_read_can_be_had(
    daraja: Daraja, switches: dict[str, Any], action: str | None, expected: tuple[int, Any, str]
) -> None:
    await daraja.switch(**switches)
    checkout_request_id = await daraja.prompted()
    if action is not None:
        await daraja.act(checkout_request_id, action)
        await daraja.ended(checkout_request_id)
    assert await seen(daraja, checkout_request_id) == expected


@pytest.mark.parametrize(("fault", "status"), [("rate_limited", 429), ("html_403", 403)])
async def test_a_query_may_get_no_answer_of_darajas_own(daraja: Daraja, fault: str, status: int) -> None:
    await daraja.switch(fault=fault, fault_on="query")
    assert (await daraja.query("ws_CO_1")).status_code == status
