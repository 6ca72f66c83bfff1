"""Sending money back through Chapa: what is sent, and what each answer means (section 7)."""

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import attrs
import httpx
import pytest

from payments.adapters.secret import Secret
from payments.application.ports.providers import (
    RefundAnswer,
    RefundOutcome,
    RefundQuestion,
    RefundRequest,
    Refunds,
)
from payments.domain.errors import GatewayError, OutcomeUnknown, ProviderRejected, ProviderUnavailable
from payments.domain.evidence import Mode
from payments.domain.money import Money
from tests.unit.adapters.providers.chapa_account import REFERENCE, SETTINGS, Account, Canned, account, said

pytestmark = pytest.mark.anyio

CAPTURE = "APx7Kq2LmN4w"
OURS = "r-abcdefghijklmnopqrstuvwxyz"
NAME = "MERC-DIS-REF-aBcDeFgHiJk"
REQUEST = RefundRequest(
    reference=OURS,
    attempt=REFERENCE,
    capture_key=CAPTURE,
    receipt=None,
    amount=Money.of("100.50", "ETB"),
    captured=Money.of("250.00", "ETB"),
    reason="ተበላሽቷል & late",
)
QUESTION = RefundQuestion(
    reference=OURS,
    attempt=REFERENCE,
    capture_key=CAPTURE,
    receipt=None,
    amount=Money.of("100.50", "ETB"),
    provider_reference=NAME,
    requested_at=datetime(2026, 11, 27, 9, 30, tzinfo=UTC),
    known=frozenset(),
)
STARTED: dict[str, Any] = {
    "id": 730,
    "chapa_reference": CAPTURE,
    "bank_reference": "BL1",
    "amount": "100.50",
    "ref": NAME,
    "currency": "ETB",
    "status": "Refund Initiated",
    "reason": None,
    "merchant_reference": OURS,
}
TOLD: dict[str, Any] = {
    "amount": 100.5,
    "currency": "ETB",
    "ref_id": NAME,
    "payment_reference": CAPTURE,
    "status": "initiated",
}
SIMULATED = attrs.evolve(SETTINGS, base_url="http://127.0.0.1:8000/simulators/chapa/v1")
INITIATED = "Refund initiated successfully. Processing time: 1-3 business days"
VERIFIED = "Refund verified successfully"


def started(**changes: Any) -> Canned:
    data = {name: value for name, value in (STARTED | changes).items() if value is not None}
    return said(200, INITIATED, "success", data)


def refunding(*answers: Any) -> tuple[Account, Refunds]:
    asked = account(*answers, settings=SIMULATED)
    assert asked.provider.refunds is not None
    return asked, asked.provider.refunds


@pytest.mark.parametrize(
    ("mode", "url", "there"),
    [
        (Mode.TEST, "https://api.chapa.co/v1", False),
        (Mode.LIVE, "https://api.chapa.co/v1", True),
        (Mode.TEST, "http://127.0.0.1:8000/v1", True),
    ],
)
def test_chapa_itself_makes_no_refund_in_test_mode(mode: Mode, url: str, there: bool) -> None:  # noqa: FBT001 -- a column of the table
    key = Secret("CHASECK-" + "k" * 32) if mode is Mode.LIVE else SETTINGS.secret_key
    settings = attrs.evolve(SETTINGS, mode=mode, base_url=url, secret_key=key)
    assert (account(settings=settings).provider.refunds is not None) is there


async def test_the_form_names_the_money_by_chapas_reference_and_the_refund_by_ours() -> None:
    asked, refunds = refunding(started())
    assert await refunds.request(REQUEST) == RefundAnswer(
        outcome=RefundOutcome.PENDING, word="Refund Initiated", provider_reference=NAME
    )
    (request,) = asked.requests
    assert request.method == "POST"
    assert request.url.path == f"/simulators/chapa/v1/refund/{CAPTURE}"
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert parse_qs(request.content.decode()) == {
        "amount": ["100.50"],
        "reason": ["ተበላሽቷል & late"],
        "reference": [OURS],
    }


async def test_a_reason_is_always_there() -> None:
    asked, refunds = refunding(started())
    await refunds.request(attrs.evolve(REQUEST, reason=" \n"))
    assert parse_qs(asked.requests[0].content.decode())["reason"] == ["Refund"]


async def test_where_chapas_name_is_not_known_ours_is_tried() -> None:
    asked, refunds = refunding(said(404, "Transaction not found"), started())
    assert (await refunds.request(REQUEST)).provider_reference == NAME
    assert [r.url.path.rsplit("/", 1)[-1] for r in asked.requests] == [CAPTURE, REFERENCE]


async def test_money_that_was_paid_elsewhere_is_never_looked_for_under_our_reference() -> None:
    asked, refunds = refunding(said(404, "Transaction not found"))
    with pytest.raises(ProviderRejected):
        await refunds.request(attrs.evolve(REQUEST, attempt=None))
    assert [r.url.path.rsplit("/", 1)[-1] for r in asked.requests] == [CAPTURE]


@pytest.mark.parametrize(
    ("canned", "outcome", "name"),
    [
        (started(), RefundOutcome.PENDING, NAME),
        (started(ref=None, ref_id="R-2"), RefundOutcome.PENDING, "R-2"),
        (started(ref_id="R-2"), RefundOutcome.PENDING, "R-2"),
        (started(status="processing"), RefundOutcome.PENDING, NAME),
        (started(status="refunded"), RefundOutcome.SUCCEEDED, NAME),
        (started(status="reversed"), RefundOutcome.FAILED, NAME),
        (started(status="on hold"), RefundOutcome.NOTHING, NAME),
        (started(status=None), RefundOutcome.NOTHING, NAME),
        (started(status=7), RefundOutcome.NOTHING, NAME),
    ],
)
async def test_each_refund_that_was_made_has_a_name(
    canned: Canned, outcome: RefundOutcome, name: str
) -> None:
    _, refunds = refunding(canned)
    answer = await refunds.request(REQUEST)
    assert (answer.outcome, answer.provider_reference) == (outcome, name)


@pytest.mark.parametrize(
    "changes",
    [{"amount": "250.00"}, {"amount": 100}, {"amount": None}, {"currency": "USD"}, {"currency": None}],
)
@pytest.mark.parametrize("status", ["Refund Initiated", "refunded", "reversed"])
async def test_an_answer_that_names_another_amount_is_no_refund_as_asked_but_can_be_asked_about(
    status: str, changes: dict[str, Any]
) -> None:
    _, refunds = refunding(started(status=status, **changes))
    answer = await refunds.request(REQUEST)
    assert (answer.outcome, answer.provider_reference) == (RefundOutcome.NOTHING, NAME)
    assert answer.word == "a refund of another amount, or of none that can be read"


async def test_an_answer_about_another_transaction_is_no_refund_of_ours() -> None:
    _, refunds = refunding(started(chapa_reference="APanother"))
    with pytest.raises(OutcomeUnknown, match="another transaction"):
        await refunds.request(REQUEST)


async def test_where_ours_is_tried_chapa_may_call_the_money_as_it_likes() -> None:
    _, refunds = refunding(said(404, "Transaction not found"), started())
    recorded = attrs.evolve(REQUEST, capture_key="FT-77")
    assert (await refunds.request(recorded)).outcome is RefundOutcome.PENDING
    _, refunds = refunding(started())
    assert (await refunds.request(attrs.evolve(REQUEST, capture_key=REFERENCE))).provider_reference == NAME


@pytest.mark.parametrize(
    ("canned", "kind", "named"),
    [
        (said(400, "Refunds can only be processed in live mode"), ProviderRejected, "live mode"),
        (
            said(400, "Refund amount cannot exceed the full transaction amount or be less than 0"),
            ProviderRejected,
            "cannot exceed",
        ),
        (said(400, {"amount": ["validation.required"]}), OutcomeUnknown, "amount: validation.required"),
        (said(401, "Invalid API Key"), ProviderRejected, "configuration"),
        (said(401, f"{OURS} was used before, by another key"), ProviderRejected, "configuration"),
        (said(403, "This account may not send money back"), ProviderRejected, "may not"),
        (Canned(403, b"<html>"), OutcomeUnknown, "403"),
        (said(400, "Refund reference has been used before"), OutcomeUnknown, "already"),
        (said(429, "Too many requests"), ProviderUnavailable, "later"),
        (said(429, "Too many requests; reference id 4"), ProviderUnavailable, "later"),
        (said(500, "Duplicate reference"), OutcomeUnknown, "500"),
        (said(408, "Timeout"), OutcomeUnknown, "408"),
        (said(500, "Server error"), OutcomeUnknown, "500"),
        (Canned(502, b"<html>"), OutcomeUnknown, "502"),
        (Canned(400, b"<html>"), OutcomeUnknown, "400"),
        (Canned(404, b"<html>Transaction not found</html>"), OutcomeUnknown, "404"),
        (Canned(200, b"<html>"), OutcomeUnknown, "name"),
        (said(200, INITIATED, "success"), OutcomeUnknown, "name"),
        (said(200, INITIATED, "success", {"id": 730}), OutcomeUnknown, "name"),
        (said(200, INITIATED, "failed", STARTED), OutcomeUnknown, "name"),
        (Canned(302, b""), OutcomeUnknown, "302"),
    ],
)
async def test_each_answer_without_a_refund_is_one_of_three_errors(
    canned: Canned, kind: type[GatewayError], named: str
) -> None:
    asked, refunds = refunding(canned)
    with pytest.raises(GatewayError) as caught:
        await refunds.request(REQUEST)
    assert type(caught.value) is kind
    assert named in caught.value.detail
    assert len(asked.requests) == 1


def refused_with_errors(message: str, errors: Any) -> Canned:
    body = {"message": message, "status": "failed", "data": None, "errors": errors}
    return Canned(400, json.dumps(body).encode())


@pytest.mark.parametrize(
    "canned",
    [
        said(400, "Duplicate refund"),
        said(400, "DUPLICATE ENTRY"),
        said(400, "This transaction was refunded already"),
        said(400, "A refund of this name exists"),
        said(400, "It was used before"),
        said(400, {"reference": ["validation.unique"]}),
        said(400, {"reference": ["validation.required"]}),
        said(400, {"amount": ["x" * 400], "reference": ["validation.distinct"]}),
        said(400, f"{OURS} is known here"),
        said(400, "This refund was submitted before."),
        said(400, "Refund has been processed for this transaction"),
        said(400, "A refund is pending for this transaction"),
        said(400, "Refund request conflicts with an earlier one"),
        said(404, "Transaction reference not found"),
        said(400, "Invalid payment reference"),
        said(400, None),
        said(400, {"amount": ["Refund amount cannot exceed 5"], "reference": ["Has been taken."]}),
        said(409, "Conflict"),
        said(422, "The reference has been taken."),
        said(422, "Duplicate refund", None),
        refused_with_errors("The given data was invalid.", {"reference": ["Has been taken."]}),
        refused_with_errors("Validation failed", [{"field": "name", "rule": "unique"}]),
    ],
)
async def test_a_refusal_that_may_be_of_a_duplicate_is_no_definite_no(
    canned: Canned,
) -> None:
    _, refunds = refunding(canned)
    with pytest.raises(OutcomeUnknown, match="already"):
        await refunds.request(REQUEST)


async def test_a_duplicate_under_our_own_name_for_the_money_is_no_definite_no_either() -> None:
    _, refunds = refunding(
        said(404, "Transaction not found"), said(400, {"reference": ["validation.unique"]})
    )
    with pytest.raises(OutcomeUnknown):
        await refunds.request(REQUEST)


@pytest.mark.parametrize(
    "unknown", ["Invalid transaction reference", "Invalid transaction or Transaction not found"]
)
async def test_money_that_chapa_does_not_know_is_a_definite_no(unknown: str) -> None:
    _, refunds = refunding(said(400, unknown), said(404, unknown))
    with pytest.raises(ProviderRejected):
        await refunds.request(REQUEST)


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [(httpx.ConnectError("x"), ProviderUnavailable), (httpx.ReadTimeout("x"), OutcomeUnknown)],
)
async def test_a_refund_is_never_sent_twice(trouble: Exception, kind: type[GatewayError]) -> None:
    def fail(_request: httpx.Request) -> Canned:
        raise trouble

    asked, refunds = refunding(fail)
    with pytest.raises(kind):
        await refunds.request(REQUEST)
    assert len(asked.requests) == 1


@pytest.mark.parametrize(
    ("canned", "outcome"),
    [
        (said(200, VERIFIED, "success", TOLD), RefundOutcome.PENDING),
        (said(200, VERIFIED, "success", TOLD | {"status": "processing"}), RefundOutcome.PENDING),
        (said(200, VERIFIED, "success", TOLD | {"status": "refunded"}), RefundOutcome.SUCCEEDED),
        (said(200, VERIFIED, "success", TOLD | {"status": "reversed"}), RefundOutcome.FAILED),
        (said(200, VERIFIED, "success", TOLD | {"status": "done"}), RefundOutcome.NOTHING),
        (said(200, VERIFIED, "success", TOLD | {"status": None}), RefundOutcome.NOTHING),
        (
            said(200, VERIFIED, "success", TOLD | {"status": "refunded", "amount": 100}),
            RefundOutcome.NOTHING,
        ),
        (
            said(200, VERIFIED, "success", TOLD | {"status": "refunded", "currency": "USD"}),
            RefundOutcome.NOTHING,
        ),
        (
            said(200, VERIFIED, "success", TOLD | {"status": "refunded", "ref_id": "MERC-DIS-REF-another"}),
            RefundOutcome.NOTHING,
        ),
        (
            said(200, VERIFIED, "success", TOLD | {"status": "refunded", "ref_id": None}),
            RefundOutcome.SUCCEEDED,
        ),
        (said(200, VERIFIED, "failed", TOLD | {"status": "refunded"}), RefundOutcome.NOTHING),
        (said(200, VERIFIED, "success"), RefundOutcome.NOTHING),
        (said(404, "Refund not found"), RefundOutcome.NOTHING),
        (said(401, "Invalid API Key"), RefundOutcome.NOTHING),
        (said(500, VERIFIED, "success", TOLD | {"status": "refunded"}), RefundOutcome.NOTHING),
        (Canned(200, b"<html>"), RefundOutcome.NOTHING),
    ],
)
async def test_each_answer_about_a_refund_means_one_thing(canned: Canned, outcome: RefundOutcome) -> None:
    asked, refunds = refunding(canned)
    answer = await refunds.check(QUESTION)
    assert answer.outcome is outcome
    assert answer.word
    assert asked.requests[0].url.path == f"/simulators/chapa/v1/refund/{NAME}/verify"


async def test_trouble_on_the_way_is_no_information() -> None:
    def fail(_request: httpx.Request) -> Canned:
        raise httpx.ReadError("reset")

    _, refunds = refunding(fail)
    assert (await refunds.check(QUESTION)).outcome is RefundOutcome.NOTHING


async def test_a_refund_whose_name_was_lost_cannot_be_asked_about() -> None:
    asked, refunds = refunding()
    answer = await refunds.check(attrs.evolve(QUESTION, provider_reference=None))
    assert answer.outcome is RefundOutcome.NOT_FOUND, "Chapa takes our name for a refund once"
    assert asked.requests == []
