"""Every status of the sheet's section 5, and what else verify may answer: each means one thing."""

import json
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.adapters.providers.paystack.api import PaystackAnswer
from payments.adapters.providers.paystack.mapping import answer_of
from payments.domain.evidence import Answer, Mode, Outcome
from payments.domain.money import Money
from tests.unit.adapters.providers.paystack_account import (
    KEY,
    QUESTION,
    REFERENCE,
    Canned,
    account,
    refused,
    told,
)

pytestmark = pytest.mark.anyio

TRANSACTION: dict[str, Any] = {
    "id": 6641907106,
    "domain": "test",
    "status": "success",
    "reference": REFERENCE,
    "receipt_number": None,
    "amount": 500000,
    "message": None,
    "gateway_response": "Successful",
    "paid_at": "2026-10-09T09:15:02.000Z",
    "created_at": "2026-10-09T09:14:24.000Z",
    "channel": "card",
    "currency": "KES",
    "ip_address": "102.0.2.10",
    "metadata": {"order_id": "42"},
    "log": {
        "start_time": 1791537264,
        "time_spent": 4,
        "attempts": 1,
        "errors": 0,
        "success": True,
        "mobile": False,
        "input": [],
        "history": [{"type": "action", "message": "Attempted to pay with card", "time": 3}],
    },
    "fees": 14500,
    "fees_split": None,
    "authorization": {"authorization_code": "AUTH_abc123def4", "card_type": "visa "},
    "customer": {"id": 181873746, "email": "buyer@example.com"},
    "plan": None,
    "requested_amount": 500000,
    "plan_object": {},
    "subaccount": {},
}
UNTOUCHED: dict[str, Any] = {
    "status": "abandoned",
    "paid_at": None,
    "log": None,
    "fees": None,
    "authorization": {},
    "gateway_response": "The transaction was not completed",
}
DETAILS = "Verification successful"
UNKNOWN = "Transaction reference not found."


def verified(**changes: Any) -> Canned:
    """Verify's 200 with ``changes`` to a paid transaction."""
    return told(200, DETAILS, TRANSACTION | changes)


def without(*names: str, **changes: Any) -> Canned:
    """Likewise, with some fields taken out."""
    data = {name: value for name, value in (TRANSACTION | changes).items() if name not in names}
    return told(200, DETAILS, data)


NO_REFUNDS = told(200, "Refunds retrieved", [])


async def meaning(canned: Canned, refunds: Canned = NO_REFUNDS) -> Answer:
    return await account(canned, refunds).provider.checks.check(QUESTION)


async def test_a_documented_paid_answer_attests_every_fact() -> None:
    assert await meaning(verified()) == Answer(
        outcome=Outcome.PAID,
        word="success",
        reference=REFERENCE,
        amount=Money.of("5000.00", "KES"),
        mode=Mode.TEST,
        provider_reference="6641907106",
        capture_key="6641907106",
    )


@pytest.mark.parametrize(
    ("canned", "outcome"),
    [
        (verified(), Outcome.PAID),
        (verified(**UNTOUCHED), Outcome.PAYABLE),
        (verified(status="abandoned", gateway_response="Transaction declined."), Outcome.PAYABLE),
        (verified(status="failed", gateway_response="Incorrect PIN"), Outcome.DECLINED),
        (verified(status="ongoing"), Outcome.IN_FLIGHT),
        (verified(status="pending"), Outcome.IN_FLIGHT),
        (verified(status="processing"), Outcome.IN_FLIGHT),
        (verified(status="queued"), Outcome.IN_FLIGHT),
        (verified(status="reversal-pending"), Outcome.RETURNED),
        (verified(status="reversed"), Outcome.RETURNED),
        (verified(status="Success"), Outcome.NOTHING),
        (verified(status="successful"), Outcome.NOTHING),
        (verified(status="timeout"), Outcome.NOTHING),
        (verified(status=""), Outcome.NOTHING),
        (verified(status=None), Outcome.NOTHING),
        (verified(status=True), Outcome.NOTHING),
        (verified(status={"a": 1}), Outcome.NOTHING),
        (without("status"), Outcome.NOTHING),
        (refused(400, UNKNOWN, "transaction_not_found", "validation_error"), Outcome.NOT_FOUND),
        (refused(404, UNKNOWN, "transaction_not_found", "validation_error"), Outcome.NOT_FOUND),
        (refused(400, "transaction reference NOT FOUND"), Outcome.NOT_FOUND),
        (refused(404, UNKNOWN), Outcome.NOT_FOUND),
        (refused(400, "Worded otherwise one day", "transaction_not_found"), Outcome.NOT_FOUND),
        (Canned(404, b'{"message":"Transaction reference not found."}'), Outcome.NOTHING),
        (Canned(404, b'{"status":"false","message":"Transaction reference not found."}'), Outcome.NOTHING),
        (Canned(404, b"<html>Transaction reference not found.</html>"), Outcome.NOTHING),
        (refused(404, "Not Found"), Outcome.NOTHING),
        (refused(400, "Invalid key", "invalid_Key", "validation_error"), Outcome.NOTHING),
        (refused(401, "Invalid key", "invalid_Key", "validation_error"), Outcome.NOTHING),
        (refused(401, UNKNOWN, "transaction_not_found"), Outcome.NOTHING),
        (refused(401, "No Authorization Header was found"), Outcome.NOTHING),
        (refused(403, UNKNOWN), Outcome.NOTHING),
        (refused(429, "Rate limit exceeded!", "rate_limited", "api_error"), Outcome.NOTHING),
        (refused(200, UNKNOWN, "transaction_not_found"), Outcome.NOTHING),
        (Canned(200, b'{"status":false,"message":"x","data":{"status":"success"}}'), Outcome.NOTHING),
        (Canned(200, b'{"message":"x","data":{"status":"success"}}'), Outcome.NOTHING),
        (told(500, DETAILS, TRANSACTION), Outcome.NOTHING),
        (told(201, DETAILS, TRANSACTION), Outcome.NOTHING),
        (told(200, DETAILS), Outcome.NOTHING),
        (told(200, DETAILS, []), Outcome.NOTHING),
        (told(200, DETAILS, "success"), Outcome.NOTHING),
        (Canned(302, b"", (("location", "https://elsewhere.example/"),)), Outcome.NOTHING),
        (Canned(503, b"Service Unavailable"), Outcome.NOTHING),
        (Canned(200, b"<html>200</html>"), Outcome.NOTHING),
        (Canned(200, b""), Outcome.NOTHING),
        (Canned(200, b'{"status":true,"data":{"status":"success"'), Outcome.NOTHING),
        (Canned(200, b'{"status":true,"data":{"status":"a","status":"success"}}'), Outcome.NOTHING),
        (Canned(200, b'{"status":true,"data":{"status":"success","amount":NaN}}'), Outcome.NOTHING),
        (Canned(200, b'["success"]'), Outcome.NOTHING),
    ],
)
async def test_each_answer_means_one_thing(canned: Canned, outcome: Outcome) -> None:
    assert (await meaning(canned)).outcome is outcome


async def test_the_envelopes_success_is_never_taken_for_money() -> None:
    answer = await meaning(verified(**UNTOUCHED))
    assert answer.outcome is Outcome.PAYABLE
    assert answer.capture_key is None
    assert (answer.reference, answer.mode) == (REFERENCE, Mode.TEST)


@pytest.mark.parametrize("status", ["success", "reversal-pending", "reversed"])
@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"reference": None}, "reference"),
        ({"reference": 7}, "reference"),
        ({"id": None}, "id"),
        ({"id": 0}, "id"),
        ({"id": -1}, "id"),
        ({"id": True}, "id"),
        ({"id": "AP-1"}, "id"),
        ({"domain": None}, "domain"),
        ({"domain": "TEST"}, "domain"),
        ({"domain": ["test"]}, "domain"),
        ({"currency": None}, "amount"),
        ({"currency": "shillings"}, "amount"),
        ({"amount": None}, "amount"),
        ({"amount": True, "requested_amount": None}, "amount"),
        ({"amount": 0, "requested_amount": 0}, "amount"),
        ({"amount": -500000, "requested_amount": None}, "amount"),
        ({"amount": 500000.5, "requested_amount": None}, "amount"),
        ({"amount": "5000.00", "requested_amount": None}, "amount"),
        ({"amount": {"value": 500000}}, "amount"),
        ({"requested_amount": "half"}, "amount"),
        ({"currency": "XOF", "amount": 100050, "requested_amount": None}, "amount"),
        ({"currency": "XOF", "amount": 100100, "requested_amount": 100050}, "amount"),
        ({"currency": "KWD"}, "amount"),
    ],
)
async def test_money_without_every_fact_is_no_information(
    status: str, changes: dict[str, Any], named: str
) -> None:
    answer = await meaning(verified(status=status, **changes))
    assert answer.outcome is Outcome.NOTHING
    assert status in answer.word
    assert named in answer.word


@pytest.mark.parametrize(
    ("changes", "amount", "captured"),
    [
        # The documents' own sample of fees passed on: 30050 + 10283 = 40333.
        ({"amount": 40333, "requested_amount": 30050, "fees": 10283}, "300.50", "403.33"),
        ({"amount": 500000, "requested_amount": 500000}, "5000.00", None),
        ({"amount": "500000", "requested_amount": 500000}, "5000.00", None),
        ({"amount": "500000", "requested_amount": None}, "5000.00", None),
        ({"amount": 500000, "requested_amount": None}, "5000.00", None),
        # Part of it was debited: what arrived is what counts, and it differs from what is due.
        ({"amount": 200000, "requested_amount": 500000}, "2000.00", None),
        ({"amount": 1, "requested_amount": 500000}, "0.01", None),
    ],
)
async def test_what_was_asked_for_is_compared_and_what_arrived_is_captured(
    changes: dict[str, Any], amount: str, captured: str | None
) -> None:
    for status in ("success", "reversed"):
        answer = await meaning(verified(status=status, **changes))
        assert answer.amount == Money.of(amount, "KES")
        assert answer.captured == (None if captured is None else Money.of(captured, "KES"))


async def test_an_old_answer_without_the_requested_amount_is_compared_by_what_was_charged() -> None:
    answer = await meaning(without("requested_amount"))
    assert (answer.amount, answer.captured) == (Money.of("5000.00", "KES"), None)


async def test_francs_are_whole_and_the_fraction_that_fees_leave_is_ignored() -> None:
    answer = await meaning(verified(currency="XOF", amount=101550, requested_amount=100000))
    assert (answer.amount, answer.captured) == (Money.of("1000", "XOF"), Money.of("1015", "XOF"))


async def test_what_differs_is_attested_as_it_was_said() -> None:
    answer = await meaning(
        verified(
            reference="p-somebody-elses", domain="live", currency="NGN", amount=100, requested_amount=100
        )
    )
    assert answer.outcome is Outcome.PAID
    assert (answer.reference, answer.mode) == ("p-somebody-elses", Mode.LIVE)
    assert answer.amount == Money.of("1.00", "NGN")


def refund(amount: Any = 100000, status: str = "processed", currency: str = "KES") -> dict[str, Any]:
    return {
        "id": 18625648,
        "transaction": 6641907106,
        "amount": amount,
        "currency": currency,
        "status": status,
    }


@pytest.mark.parametrize(
    ("status", "refunds", "returned"),
    [
        # Charged back: there is no refund, and all of it went.
        ("reversed", [], None),
        ("reversed", [refund(status="failed")], None),
        ("reversed", [refund(500000)], "5000.00"),
        ("reversed", [refund(), refund("200000")], "3000.00"),
        ("reversed", [refund(), refund(status="needs-attention")], "1000.00"),
        # Begun, in whole or in part, and nothing gone yet.
        ("reversed", [refund(status="pending")], "0.00"),
        ("reversed", [refund(status="failed"), refund(status="processing")], "0.00"),
        ("reversed", [refund(status="needs-attention")], "0.00"),
        ("reversed", [refund(status="a new word")], "0.00"),
        ("reversal-pending", [], "0.00"),
        ("reversal-pending", [refund(status="pending")], "0.00"),
        ("reversal-pending", [refund(), refund(status="processing")], "1000.00"),
    ],
)
async def test_how_much_went_back_is_what_the_refunds_say(
    status: str, refunds: list[dict[str, Any]], returned: str | None
) -> None:
    answer = await meaning(verified(status=status), told(200, "Refunds retrieved", refunds))
    assert answer.outcome is Outcome.RETURNED
    assert answer.returned == (None if returned is None else Money.of(returned, "KES"))


async def test_a_refund_that_comes_twice_because_pages_moved_counts_once() -> None:
    pages = [[refund()], [refund(), refund() | {"id": 18625647}]]
    lists = [told(200, "Refunds retrieved", rows, meta={"pageCount": 2}) for rows in pages]
    asked = account(verified(status="reversed"), *lists)
    answer = await asked.provider.checks.check(QUESTION)
    assert answer.returned == Money.of("2000.00", "KES")


async def test_a_refund_in_francs_may_have_the_fraction_that_fees_left() -> None:
    paid = verified(status="reversed", currency="XOF", amount=101550, requested_amount=100000)
    answer = await meaning(paid, told(200, "Refunds retrieved", [refund(101550, currency="XOF")]))
    assert answer.outcome is Outcome.RETURNED
    assert answer.returned == answer.captured == Money.of("1015", "XOF")


@pytest.mark.parametrize(
    "refunds",
    [
        refused(500, "Server error"),
        refused(429, "Rate limit exceeded!"),
        Canned(200, b"<html>"),
        told(200, "Refunds retrieved", {"not": "a list"}),
        told(200, "Refunds retrieved", [refund("a lot")]),
        told(200, "Refunds retrieved", [refund(currency="NGN")]),
        told(200, "Refunds retrieved", [refund(), refund() | {"transaction": 6641907107}]),
    ],
)
@pytest.mark.parametrize("status", ["reversed", "reversal-pending"])
async def test_money_that_went_back_is_no_information_while_nobody_says_how_much(
    status: str, refunds: Canned
) -> None:
    assert (await meaning(verified(status=status), refunds)).outcome is Outcome.NOTHING


async def test_the_refunds_are_asked_for_by_number_and_only_where_money_went_back() -> None:
    asked = account(verified(status="reversed"), NO_REFUNDS)
    await asked.provider.checks.check(QUESTION)
    assert asked.requests[1].url.params["transaction"] == "6641907106"
    asked = account(verified())
    await asked.provider.checks.check(QUESTION)
    assert len(asked.requests) == 1


@pytest.mark.parametrize("number", [2**32 + 1, 9_223_372_036_854_775_808])
async def test_a_transactions_number_may_have_64_bits(number: int) -> None:
    assert (await meaning(verified(id=number))).capture_key == str(number)


async def test_failed_tries_are_told_apart_by_reason_time_and_number() -> None:
    log = TRANSACTION["log"]
    tries = [
        verified(status="failed", gateway_response="Declined", paid_at=None),
        verified(status="failed", gateway_response="Incorrect PIN", paid_at=None),
        verified(status="failed", gateway_response="Declined", paid_at="2026-10-09T09:20:00.000Z"),
        verified(status="failed", gateway_response="Declined", paid_at=None, log=log | {"attempts": 2}),
        verified(status="failed", gateway_response="Declined", paid_at=None, log=log | {"errors": 1}),
        verified(status="failed", gateway_response="Declined", paid_at=None, log=None),
        verified(status="failed", gateway_response="Declined", paid_at=None, id=7),
    ]
    prints = [(await meaning(canned)).fingerprint for canned in tries]
    assert None not in prints
    assert len(set(prints)) == len(tries)


async def test_looking_at_the_page_again_is_no_news_of_a_failed_try() -> None:
    log = TRANSACTION["log"]
    seen = log | {"time_spent": 90, "history": [*log["history"], {"type": "open", "message": "", "time": 80}]}
    prints = {(await meaning(verified(status="failed", log=each))).fingerprint for each in (log, seen)}
    assert len(prints) == 1


async def test_a_failed_try_that_nothing_distinguishes_has_no_fingerprint() -> None:
    answer = await meaning(without("log", "paid_at", "gateway_response", "message", status="failed"))
    assert answer.outcome is Outcome.DECLINED
    assert answer.fingerprint is None


async def test_the_payer_is_told_why_in_printable_words() -> None:
    answer = await meaning(verified(status="failed", gateway_response="Insufficient\n\x1b[31m funds"))
    assert answer.detail == "Insufficient [31m funds"


async def test_an_unknown_word_is_kept_short_for_people() -> None:
    answer = await meaning(verified(status="on hold " * 100))
    assert answer.word.startswith("unknown status 'on hold")
    assert len(answer.word) <= 80


async def test_no_answer_at_all_is_no_information() -> None:
    def lost(_request: httpx.Request) -> Canned:
        raise httpx.ReadError("reset")

    asked = account(lost)
    assert (await asked.provider.checks.check(QUESTION)).outcome is Outcome.NOTHING
    assert len(asked.requests) == 1


async def test_a_question_that_did_not_get_out_is_asked_once_more() -> None:
    def unreachable(_request: httpx.Request) -> Canned:
        raise httpx.ConnectError("refused")

    asked = account(unreachable, verified())
    assert (await asked.provider.checks.check(QUESTION)).outcome is Outcome.PAID
    asked = account(unreachable, unreachable)
    assert (await asked.provider.checks.check(QUESTION)).word == "provider unavailable"


async def test_the_question_names_our_reference_and_carries_the_key_once() -> None:
    asked = account(verified())
    await asked.provider.checks.check(QUESTION)
    (request,) = asked.requests
    assert str(request.url) == f"https://api.paystack.co/transaction/verify/{REFERENCE}"
    assert (request.method, request.content) == ("GET", b"")
    assert request.headers.get_list("authorization") == [f"Bearer {KEY}"]


SCALARS = (
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.sampled_from(["success", "test"])
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)


@given(
    status=st.integers(min_value=100, max_value=599),
    changes=st.dictionaries(st.sampled_from(sorted(TRANSACTION)), JSON, max_size=6),
    message=JSON,
    worked=JSON | st.booleans(),
)
def test_no_answer_is_without_a_meaning(
    status: int, changes: dict[str, Any], message: Any, worked: Any
) -> None:
    body = {"message": message, "status": worked, "data": TRANSACTION | changes}
    answer = answer_of(PaystackAnswer(status=status, body=json.loads(json.dumps(body))))
    if answer.outcome in {Outcome.PAID, Outcome.RETURNED}:
        assert status == 200
        assert worked is True
        assert None not in (answer.reference, answer.amount, answer.mode, answer.capture_key)
    if answer.captured is not None and answer.amount is not None:
        assert answer.captured > answer.amount
    assert len(answer.word) <= 80


async def test_a_transaction_of_the_greatest_number_is_read() -> None:
    greatest = 2**64 - 1
    asked = account(told(200, "Verification successful", TRANSACTION | {"id": greatest}))
    answer = await asked.provider.checks.check(QUESTION)
    assert (answer.outcome, answer.capture_key) == (Outcome.PAID, str(greatest))


async def test_an_amount_of_twenty_digits_is_no_amount() -> None:
    huge = TRANSACTION | {"amount": 10**19, "requested_amount": 10**19}
    asked = account(told(200, "Verification successful", huge))
    assert (await asked.provider.checks.check(QUESTION)).outcome is Outcome.NOTHING
