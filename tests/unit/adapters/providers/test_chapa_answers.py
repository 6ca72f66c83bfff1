"""Every row of the sheet's sections 4.2 and 4.3, and what else verify may answer: each means one thing."""

import json
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.adapters.providers.chapa.api import ChapaAnswer
from payments.adapters.providers.chapa.mapping import answer_of
from payments.domain.evidence import Answer, Mode, Outcome
from payments.domain.money import Money
from tests.unit.adapters.providers.chapa_account import QUESTION, REFERENCE, Canned, account, said

pytestmark = pytest.mark.anyio

TRANSACTION: dict[str, Any] = {
    "first_name": "Sara",
    "last_name": "Tesfaye",
    "email": "sara@shop.et",
    "currency": "ETB",
    "amount": 250,
    "charge": 8.75,
    "mode": "test",
    "method": "telebirr",
    "type": "API",
    "status": "success",
    "reference": "APx7Kq2LmN4w",
    "tx_ref": REFERENCE,
    "customization": {"title": "Shop", "description": "Order 1", "logo": None},
    "meta": None,
    "created_at": "2026-01-05T09:30:00.000000Z",
    "updated_at": "2026-01-05T09:31:12.000000Z",
}
UNTOUCHED = {
    "status": "pending",
    "method": None,
    "type": "Unknown",
    "charge": None,
    "reference": None,
}
DETAILS = "Payment details fetched successfully"


def told(**changes: Any) -> Canned:
    """Verify's 200 with ``changes`` to a paid transaction; None takes a field out."""
    data = {name: value for name, value in (TRANSACTION | changes).items() if value is not None}
    return said(200, DETAILS, "success", data)


async def meaning(canned: Canned) -> Answer:
    return await account(canned).provider.checks.check(QUESTION)


async def test_a_documented_paid_answer_attests_every_fact() -> None:
    answer = await meaning(said(200, "Payment details", "success", TRANSACTION))
    assert answer == Answer(
        outcome=Outcome.PAID,
        word="success",
        reference=REFERENCE,
        amount=Money.of("250.00", "ETB"),
        mode=Mode.TEST,
        provider_reference="APx7Kq2LmN4w",
        capture_key="APx7Kq2LmN4w",
    )


@pytest.mark.parametrize(
    ("canned", "outcome"),
    [
        (told(**UNTOUCHED), Outcome.PAYABLE),
        (said(404, "Payment not paid yet", None), Outcome.PAYABLE),
        (said(400, "Payment not paid yet", None), Outcome.PAYABLE),
        (said(404, "PAYMENT NOT PAID YET\t", "failed"), Outcome.PAYABLE),
        (said(400, "Invalid transaction reference"), Outcome.NOT_FOUND),
        (said(404, "Invalid transaction or Transaction not found"), Outcome.NOT_FOUND),
        (said(404, "Invalid transaction reference"), Outcome.NOT_FOUND),
        (said(400, "Transaction not found\t"), Outcome.NOT_FOUND),
        (told(status="success"), Outcome.PAID),
        (told(status="pending"), Outcome.PAYABLE),
        (told(status="failed"), Outcome.DECLINED),
        (told(status="cancelled"), Outcome.DECLINED),
        (told(status="failed/cancelled"), Outcome.DECLINED),
        (told(status="refunded"), Outcome.RETURNED),
        (told(status="reversed"), Outcome.RETURNED),
        (told(status="Success"), Outcome.NOTHING),
        (told(status="completed"), Outcome.NOTHING),
        (told(status=""), Outcome.NOTHING),
        (told(status=None), Outcome.NOTHING),
        (told(status=1), Outcome.NOTHING),
        (told(status={"a": 1}), Outcome.NOTHING),
        (said(200, DETAILS, "success"), Outcome.NOTHING),
        (said(200, DETAILS, "success", []), Outcome.NOTHING),
        (said(200, DETAILS, "success", "success"), Outcome.NOTHING),
        (said(401, "Invalid API Key"), Outcome.NOTHING),
        (said(401, "Authorization required"), Outcome.NOTHING),
        (said(401, "Live secret keys can't be used to verify a test transaction"), Outcome.NOTHING),
        (said(401, "Test secret keys can't be used to verify a live transaction"), Outcome.NOTHING),
        (said(404, "Payments through API is disabled, please contact us"), Outcome.NOTHING),
        (Canned(404, b'{"message":"Not Found"}'), Outcome.NOTHING),
        (Canned(404, b"<html><h1>Transaction not found</h1></html>"), Outcome.NOTHING),
        (said(403, "Transaction not found"), Outcome.NOTHING),
        (said(429, "Too many requests"), Outcome.NOTHING),
        (said(500, DETAILS, "success", TRANSACTION), Outcome.NOTHING),
        (said(201, DETAILS, "success", TRANSACTION), Outcome.NOTHING),
        (Canned(302, b"", (("location", "https://elsewhere.example/"),)), Outcome.NOTHING),
        (Canned(503, b"Service Unavailable"), Outcome.NOTHING),
        (Canned(200, b"<html>200</html>"), Outcome.NOTHING),
        (Canned(200, b""), Outcome.NOTHING),
        (Canned(200, b'{"data":{"status":"success"'), Outcome.NOTHING),
        (Canned(200, b'{"data":{"status":"success","status":"pending"}}'), Outcome.NOTHING),
        (Canned(200, b'{"data":{"status":"success","amount":NaN}}'), Outcome.NOTHING),
        (Canned(200, b'["success"]'), Outcome.NOTHING),
    ],
)
async def test_each_answer_means_one_thing(canned: Canned, outcome: Outcome) -> None:
    assert (await meaning(canned)).outcome is outcome


async def test_the_envelopes_success_is_never_taken_for_money() -> None:
    answer = await meaning(told(**UNTOUCHED))
    assert answer.outcome is Outcome.PAYABLE
    assert answer.capture_key is None
    assert (answer.reference, answer.mode) == (REFERENCE, Mode.TEST)


@pytest.mark.parametrize("status", ["success", "refunded", "reversed"])
@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"tx_ref": None}, "tx_ref"),
        ({"tx_ref": 7}, "tx_ref"),
        ({"reference": None}, "reference"),
        ({"reference": ""}, "reference"),
        ({"mode": None}, "mode"),
        ({"mode": "TEST"}, "mode"),
        ({"mode": ["test"]}, "mode"),
        ({"currency": None}, "amount"),
        ({"currency": "birr"}, "amount"),
        ({"amount": None}, "amount"),
        ({"amount": True}, "amount"),
        ({"amount": 0}, "amount"),
        ({"amount": -250}, "amount"),
        ({"amount": "1,000.00"}, "amount"),
        ({"amount": "1e2"}, "amount"),
        ({"amount": "250.005"}, "amount"),
        ({"amount": 250.005}, "amount"),
        ({"amount": {"value": 250}}, "amount"),
    ],
)
async def test_money_without_every_fact_is_no_information(
    status: str, changes: dict[str, Any], named: str
) -> None:
    answer = await meaning(told(status=status, **changes))
    assert answer.outcome is Outcome.NOTHING
    assert status in answer.word
    assert named in answer.word


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        (b"250", "250.00"),
        (b"250.5", "250.50"),
        (b"250.00", "250.00"),
        (b"0.1", "0.10"),
        (b'"250.00"', "250.00"),
        (b'"250"', "250.00"),
        (b'"12.000"', "12.00"),
        (b"1000000.01", "1000000.01"),
        # Neither of these two is a binary fraction, and no float ever holds them.
        (b"9007199254740.93", "9007199254740.93"),
        (b"2.5e2", "250.00"),
    ],
)
async def test_an_amount_is_read_exactly_whether_number_or_text(written: bytes, amount: str) -> None:
    canned = told(amount=777)
    answer = await meaning(Canned(200, canned.body.replace(b"777", written)))
    assert answer.amount == Money.of(amount, "ETB")


async def test_what_differs_is_attested_as_it_was_said() -> None:
    answer = await meaning(told(tx_ref="p-somebody-elses", mode="live", currency="USD", amount="1.00"))
    assert answer.outcome is Outcome.PAID
    assert (answer.reference, answer.mode) == ("p-somebody-elses", Mode.LIVE)
    assert answer.amount == Money.of("1.00", "USD")


async def test_failed_tries_are_told_apart_by_transaction_reason_and_time() -> None:
    tries = [
        told(status="failed", updated_at="2026-01-05T09:31:12.000000Z"),
        told(status="failed", updated_at="2026-01-05T09:35:00.000000Z"),
        told(status="failed", reference="APotherOne12", updated_at=None),
        told(status="failed", failure_reason="Insufficient balance"),
    ]
    prints = [(await meaning(canned)).fingerprint for canned in tries]
    assert len(set(prints)) == len(tries)
    assert (await meaning(tries[0])).fingerprint == prints[0]


async def test_a_failed_try_that_nothing_distinguishes_has_no_fingerprint() -> None:
    answer = await meaning(told(status="failed", reference=None, updated_at=None, failure_reason="Declined"))
    assert answer.outcome is Outcome.DECLINED
    assert answer.fingerprint is None


async def test_the_payer_is_told_why_in_printable_words() -> None:
    answer = await meaning(told(status="failed", failure_reason="Insufficient\n\x1b[31m balance"))
    assert answer.detail == "Insufficient [31m balance"


async def test_an_unknown_word_is_kept_short_for_people() -> None:
    answer = await meaning(told(status="on hold " * 100))
    assert answer.word.startswith("unknown status 'on hold")
    assert len(answer.word) <= 80


async def test_no_answer_at_all_is_no_information() -> None:
    def lost(_request: httpx.Request) -> Canned:
        raise httpx.ReadError("reset")

    asked = account(lost)
    assert (await asked.provider.checks.check(QUESTION)).outcome is Outcome.NOTHING
    assert len(asked.requests) == 1


async def test_a_question_that_did_not_get_out_is_asked_once_more() -> None:
    def refused(_request: httpx.Request) -> Canned:
        raise httpx.ConnectError("refused")

    asked = account(refused, told())
    assert (await asked.provider.checks.check(QUESTION)).outcome is Outcome.PAID
    asked = account(refused, refused)
    assert (await asked.provider.checks.check(QUESTION)).word == "provider unavailable"


async def test_the_question_names_our_reference_and_carries_the_key_once() -> None:
    asked = account(told())
    await asked.provider.checks.check(QUESTION)
    (request,) = asked.requests
    assert str(request.url) == f"https://api.chapa.co/v1/transaction/verify/{REFERENCE}"
    assert request.method == "GET"
    assert request.headers.get_list("authorization") == ["Bearer CHASECK_TEST-" + "k" * 32]


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
    word=JSON,
)
def test_no_answer_is_without_a_meaning(
    status: int, changes: dict[str, Any], message: Any, word: Any
) -> None:
    body = {"message": message, "status": word, "data": TRANSACTION | changes}
    answer = answer_of(ChapaAnswer(status=status, body=json.loads(json.dumps(body))))
    if answer.outcome in {Outcome.PAID, Outcome.RETURNED}:
        assert status == 200
        assert None not in (answer.reference, answer.amount, answer.mode, answer.capture_key)
    assert len(answer.word) <= 80
