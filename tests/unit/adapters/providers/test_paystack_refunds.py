"""Sending money back through Paystack: what is sent, and what each answer means (sections 8 and 11)."""

from datetime import UTC, datetime
from typing import Any

import attrs
import httpx
import pytest

from payments.application.ports.providers import (
    RefundAnswer,
    RefundOutcome,
    RefundQuestion,
    RefundRequest,
    Refunds,
)
from payments.domain.errors import GatewayError, OutcomeUnknown, ProviderRejected, ProviderUnavailable
from payments.domain.money import Money
from tests.unit.adapters.providers.paystack_account import (
    REFERENCE,
    Account,
    Canned,
    account,
    refused,
    told,
)
from tests.unit.adapters.providers.test_paystack_answers import TRANSACTION

pytestmark = pytest.mark.anyio

OURS = "r-abcdefghijklmnopqrstuvwxyz"
CAPTURE = "6641907106"
NUMBER = "18625648"
REQUEST = RefundRequest(
    reference=OURS,
    attempt=REFERENCE,
    capture_key=CAPTURE,
    receipt=None,
    amount=Money.of("1000.00", "KES"),
    captured=Money.of("5000.00", "KES"),
    reason="Damaged\non arrival",
)
QUESTION = RefundQuestion(
    reference=OURS,
    attempt=REFERENCE,
    capture_key=CAPTURE,
    receipt=None,
    amount=Money.of("1000.00", "KES"),
    provider_reference=NUMBER,
    requested_at=datetime(2026, 11, 27, 9, 30, tzinfo=UTC),
    known=frozenset(),
)
LOST = attrs.evolve(QUESTION, provider_reference=None)
ROW: dict[str, Any] = {
    "integration": 412829,
    "transaction": 6641907106,
    "dispute": None,
    "id": 18625648,
    "domain": "test",
    "currency": "KES",
    "amount": 100000,
    "status": "pending",
    "merchant_note": f"{OURS} Damaged on arrival",
    "deducted_amount": 0,
    "fully_deducted": None,
}
CREATED = ROW | {"transaction": {"id": 6641907106, "reference": REFERENCE, "amount": 500000}}
VERIFIED = told(200, "Verification successful", TRANSACTION)
QUEUED = "Refund has been queued for processing"
VALIDATION = "validation_error"

STATUSES = [
    ("pending", RefundOutcome.PENDING),
    ("processing", RefundOutcome.PENDING),
    ("processed", RefundOutcome.SUCCEEDED),
    ("failed", RefundOutcome.FAILED),
    ("needs-attention", RefundOutcome.NEEDS_ATTENTION),
    ("Processed", RefundOutcome.NOTHING),
    ("done", RefundOutcome.NOTHING),
    ("", RefundOutcome.NOTHING),
    (None, RefundOutcome.NOTHING),
    (["processed"], RefundOutcome.NOTHING),
]


def refunding(*answers: Any) -> tuple[Account, Refunds]:
    asked = account(*answers)
    assert asked.provider.refunds is not None
    return asked, asked.provider.refunds


def listed(*rows: dict[str, Any]) -> Canned:
    return told(200, "Refunds retrieved", list(rows), meta={"total": len(rows), "perPage": 100, "page": 1})


async def test_the_amount_is_always_sent_and_the_note_carries_our_reference() -> None:
    asked, refunds = refunding(told(200, QUEUED, CREATED))
    assert await refunds.request(REQUEST) == RefundAnswer(
        outcome=RefundOutcome.PENDING, word="pending", provider_reference=NUMBER
    )
    (request,) = asked.requests
    assert (request.method, str(request.url)) == ("POST", "https://api.paystack.co/refund")
    assert asked.sent == [
        {
            "transaction": REFERENCE,
            "amount": 100000,
            "currency": "KES",
            "merchant_note": f"{OURS} Damaged on arrival",
        }
    ]


async def test_money_that_was_paid_elsewhere_is_named_by_its_number() -> None:
    asked, refunds = refunding(told(200, QUEUED, CREATED))
    await refunds.request(attrs.evolve(REQUEST, attempt=None))
    assert asked.sent[0]["transaction"] == CAPTURE


async def test_all_of_a_capture_in_francs_is_sent_in_hundredths_too() -> None:
    asked, refunds = refunding(told(200, QUEUED, CREATED))
    whole = Money.of("1500", "XOF")
    await refunds.request(attrs.evolve(REQUEST, amount=whole, captured=whole))
    assert (asked.sent[0]["amount"], asked.sent[0]["currency"]) == (150000, "XOF")


async def test_a_long_reason_does_not_push_our_reference_out_of_the_note() -> None:
    asked, refunds = refunding(told(200, QUEUED, CREATED))
    await refunds.request(attrs.evolve(REQUEST, reason="because " * 500))
    note = asked.sent[0]["merchant_note"]
    assert note.startswith(f"{OURS} because")
    assert len(note) == 200


@pytest.mark.parametrize(("status", "outcome"), STATUSES)
async def test_each_refund_that_was_made_has_a_name(status: Any, outcome: RefundOutcome) -> None:
    _, refunds = refunding(told(200, QUEUED, CREATED | {"status": status}))
    answer = await refunds.request(REQUEST)
    assert (answer.outcome, answer.provider_reference) == (outcome, NUMBER)


@pytest.mark.parametrize(
    "changes",
    [{"amount": 500000}, {"amount": "99999"}, {"amount": None}, {"currency": "NGN"}, {"currency": None}],
)
@pytest.mark.parametrize("status", ["pending", "processed", "failed"])
async def test_an_answer_that_names_another_amount_is_no_refund_as_asked_but_can_be_asked_about(
    status: str, changes: dict[str, Any]
) -> None:
    _, refunds = refunding(told(200, QUEUED, CREATED | {"status": status} | changes))
    answer = await refunds.request(REQUEST)
    assert (answer.outcome, answer.provider_reference) == (RefundOutcome.NOTHING, NUMBER)
    assert answer.word == "a refund of another amount, or of none that can be read"


@pytest.mark.parametrize(
    ("transaction", "attempt"),
    [
        ({"id": 6641907106, "reference": "p-another"}, REFERENCE),
        ({"id": 6641907107}, REFERENCE),
        ({"id": 6641907107, "reference": REFERENCE}, None),
        (6641907107, REFERENCE),
    ],
)
async def test_an_answer_about_another_transaction_is_no_refund_of_ours(
    transaction: Any, attempt: str | None
) -> None:
    _, refunds = refunding(told(200, QUEUED, CREATED | {"transaction": transaction}))
    with pytest.raises(OutcomeUnknown, match="another transaction"):
        await refunds.request(attrs.evolve(REQUEST, attempt=attempt))


@pytest.mark.parametrize(
    ("transaction", "attempt"),
    [
        ({"id": 6641907106, "reference": "elsewhere"}, None),
        ({"id": 6641907107, "reference": REFERENCE}, REFERENCE),
        ({"id": 6641907106}, REFERENCE),
        (6641907106, REFERENCE),
        ({}, REFERENCE),
        (None, REFERENCE),
    ],
)
async def test_an_answer_names_the_transaction_as_we_did_or_by_its_number_or_not(
    transaction: Any, attempt: str | None
) -> None:
    _, refunds = refunding(told(200, QUEUED, CREATED | {"transaction": transaction}))
    answer = await refunds.request(attrs.evolve(REQUEST, attempt=attempt))
    assert (answer.outcome, answer.provider_reference) == (RefundOutcome.PENDING, NUMBER)


@pytest.mark.parametrize(
    ("canned", "kind", "named"),
    [
        # Section 8's table, row by row.
        (
            refused(400, "Transaction not found", "transaction_not_found", VALIDATION),
            ProviderRejected,
            "Transaction not found",
        ),
        (
            refused(
                400,
                "Refund amount exceeds transaction amount",
                "refund_amount_exceeds_transaction_amount",
                VALIDATION,
            ),
            ProviderRejected,
            "exceeds",
        ),
        (
            refused(400, "Total refund amount cannot exceed original transaction amount"),
            ProviderRejected,
            "Total refund amount",
        ),
        (
            refused(400, "Transaction has been fully reversed", "transaction_reversed", "api_error"),
            ProviderRejected,
            "fully reversed",
        ),
        (refused(400, "Transaction currency must match refund currency"), ProviderRejected, "currency"),
        (
            refused(400, "The minimum amount you may send in a single refund at this time is: GHS1.00"),
            ProviderRejected,
            "minimum amount",
        ),
        (refused(400, "Cannot refund less than GHS0.5"), ProviderRejected, "less than"),
        (
            refused(400, "Insufficient balance to fulfill this refund. Please top up."),
            ProviderRejected,
            "top up",
        ),
        (refused(422, "Invalid params", "invalid_params", VALIDATION), ProviderRejected, "Invalid params"),
        (refused(401, "Invalid key", "invalid_Key", VALIDATION), ProviderRejected, "configuration"),
        (refused(429, "Rate limit exceeded!", "rate_limited", "api_error"), ProviderUnavailable, "later"),
        (refused(408, "Timeout"), OutcomeUnknown, "408"),
        (refused(500, "Server error"), OutcomeUnknown, "500"),
        (Canned(502, b"<html>"), OutcomeUnknown, "502"),
        (Canned(400, b"<html>"), OutcomeUnknown, "400"),
        (Canned(404, b'{"message":"no such route"}'), OutcomeUnknown, "404"),
        (refused(200, "Refused, with the status of a success"), OutcomeUnknown, "200"),
        (Canned(200, b"<html>"), OutcomeUnknown, "200"),
        (told(200, QUEUED), OutcomeUnknown, "name"),
        (told(200, QUEUED, {"status": "pending"}), OutcomeUnknown, "name"),
        (told(200, QUEUED, CREATED | {"id": "TRF_x"}), OutcomeUnknown, "name"),
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


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [
        (httpx.ConnectError("x"), ProviderUnavailable),
        (httpx.ReadTimeout("x"), OutcomeUnknown),
        (httpx.WriteError("x"), OutcomeUnknown),
        (httpx.RemoteProtocolError("x"), OutcomeUnknown),
    ],
)
async def test_a_refund_is_never_sent_twice(trouble: Exception, kind: type[GatewayError]) -> None:
    def fail(_request: httpx.Request) -> Canned:
        raise trouble

    asked, refunds = refunding(fail)
    with pytest.raises(kind):
        await refunds.request(REQUEST)
    assert len(asked.requests) == 1


@pytest.mark.parametrize(("status", "outcome"), STATUSES)
async def test_a_refund_with_a_name_is_asked_about_by_it(status: Any, outcome: RefundOutcome) -> None:
    asked, refunds = refunding(told(200, "Refund retrieved", ROW | {"status": status}))
    answer = await refunds.check(QUESTION)
    assert (answer.outcome, answer.provider_reference) == (outcome, NUMBER)
    assert str(asked.requests[0].url) == f"https://api.paystack.co/refund/{NUMBER}"


@pytest.mark.parametrize("outcome", [RefundOutcome.FAILED, RefundOutcome.NEEDS_ATTENTION])
async def test_the_shop_is_told_what_to_do_about_a_refund_that_does_not_get_through(
    outcome: RefundOutcome,
) -> None:
    word = {RefundOutcome.FAILED: "failed"}.get(outcome, "needs-attention")
    _, refunds = refunding(told(200, "Refund retrieved", ROW | {"status": word}))
    assert (await refunds.check(QUESTION)).detail


@pytest.mark.parametrize(
    "canned",
    [
        refused(404, "Refund not found", "not_found", VALIDATION),
        refused(401, "Invalid key"),
        refused(429, "Rate limit exceeded!"),
        refused(500, "Server error"),
        told(500, "Refund retrieved", ROW | {"status": "processed"}),
        told(200, "Refund retrieved"),
        told(200, "Refund retrieved", ROW | {"status": "processed", "amount": 99999}),
        told(200, "Refund retrieved", ROW | {"status": "processed", "currency": "NGN"}),
        told(200, "Refund retrieved", ROW | {"status": "processed", "amount": None}),
        refused(200, "Refund retrieved"),
        Canned(200, b"<html>"),
    ],
)
async def test_whatever_else_is_answered_is_no_information(canned: Canned) -> None:
    for question in (QUESTION, LOST):
        _, refunds = refunding(canned, canned)
        answer = await refunds.check(question)
        assert answer.outcome is RefundOutcome.NOTHING
        assert answer.word


@pytest.mark.parametrize("changes", [{"id": 18625649}, {"id": None}, {"transaction": 6641907107}])
async def test_an_answer_about_another_refund_is_no_information(changes: dict[str, Any]) -> None:
    _, refunds = refunding(told(200, "Refund retrieved", ROW | {"status": "processed"} | changes), VERIFIED)
    assert (await refunds.check(QUESTION)).outcome is RefundOutcome.NOTHING


async def test_a_list_with_refunds_of_other_transactions_is_no_information() -> None:
    others = listed(ROW | {"status": "processed"}, ROW | {"id": 7, "transaction": 6641907107})
    _, refunds = refunding(others, VERIFIED)
    assert (await refunds.check(LOST)).outcome is RefundOutcome.NOTHING


@pytest.mark.parametrize(("status", "outcome"), STATUSES)
async def test_a_refund_whose_name_was_lost_is_found_by_its_note(status: Any, outcome: RefundOutcome) -> None:
    others = [
        ROW | {"id": 1, "status": "processed", "merchant_note": "Refund for transaction by ops@example.com"},
        ROW | {"id": 2, "status": "processed", "merchant_note": None},
        ROW | {"id": 3, "status": "processed", "merchant_note": f"{OURS}x of another"},
        ROW | {"id": 4, "status": "processed", "merchant_note": f"not {OURS}"},
    ]
    asked, refunds = refunding(listed(*others, ROW | {"status": status}))
    answer = await refunds.check(LOST)
    assert (answer.outcome, answer.provider_reference) == (outcome, NUMBER)
    (request,) = asked.requests
    assert request.url.path == "/refund"
    assert request.url.params["transaction"] == CAPTURE


async def test_another_refund_of_the_same_amount_is_never_taken_for_it() -> None:
    _, refunds = refunding(listed(ROW | {"status": "processed", "merchant_note": "by hand"}), VERIFIED)
    assert (await refunds.check(LOST)).outcome is RefundOutcome.NOT_FOUND


async def test_a_refund_that_is_known_to_be_another_is_never_taken_for_it() -> None:
    _, refunds = refunding(listed(ROW | {"status": "processed"}), VERIFIED)
    answer = await refunds.check(attrs.evolve(LOST, known=frozenset({NUMBER})))
    assert answer.outcome is RefundOutcome.NOT_FOUND


async def test_a_long_list_is_read_to_its_end() -> None:
    page = [ROW | {"id": number, "merchant_note": "another"} for number in range(1, 101)]
    asked, refunds = refunding(listed(*page), listed(*page[:9], ROW))
    assert (await refunds.check(LOST)).provider_reference == NUMBER
    assert [request.url.params["page"] for request in asked.requests] == ["1", "2"]


async def test_pages_of_a_list_follow_as_far_as_paystack_counts_them() -> None:
    pages = [told(200, "Refunds retrieved", [each], meta={"pageCount": 2}) for each in (ROW | {"id": 1}, ROW)]
    asked, refunds = refunding(*pages)
    found = await refunds.check(attrs.evolve(LOST, known=frozenset({"1"})))
    assert found.provider_reference == NUMBER
    assert [request.url.params["page"] for request in asked.requests] == ["1", "2"]


async def test_a_list_without_it_is_no_proof_that_it_was_never_asked_for() -> None:
    _, refunds = refunding(listed(), VERIFIED)
    assert (await refunds.check(LOST)).outcome is RefundOutcome.NOT_FOUND
    _, refunds = refunding(told(200, "Refund retrieved", []))
    assert (await refunds.check(QUESTION)).outcome is RefundOutcome.NOTHING, "a list is no refund"


async def test_trouble_on_the_way_is_no_information() -> None:
    def fail(_request: httpx.Request) -> Canned:
        raise httpx.ReadError("reset")

    for question in (QUESTION, LOST):
        _, refunds = refunding(fail, fail)
        assert (await refunds.check(question)).outcome is RefundOutcome.NOTHING


@pytest.mark.parametrize(
    "question",
    [
        attrs.evolve(QUESTION, provider_reference="../transaction/1"),
        attrs.evolve(LOST, capture_key=REFERENCE, attempt=None),
    ],
)
async def test_what_is_no_number_is_never_asked_about(question: RefundQuestion) -> None:
    asked, refunds = refunding()
    assert (await refunds.check(question)).outcome is RefundOutcome.NOTHING
    assert asked.requests == []


# Money that a person recorded under a name of their own: its transaction is found by our reference.

RECORDED = attrs.evolve(LOST, capture_key="FT-77")


async def test_a_refund_of_money_with_another_name_is_looked_for_in_the_transaction_of_its_attempt() -> None:
    asked, refunds = refunding(VERIFIED, listed(ROW | {"status": "processed"}))
    answer = await refunds.check(RECORDED)
    assert (answer.outcome, answer.provider_reference) == (RefundOutcome.SUCCEEDED, NUMBER)
    verified, listing = asked.requests
    assert verified.url.path == f"/transaction/verify/{REFERENCE}"
    assert listing.url.params["transaction"] == CAPTURE


async def test_where_paystack_has_no_transaction_of_ours_there_is_no_refund_of_it_either() -> None:
    _, refunds = refunding(refused(400, "Transaction reference not found.", "transaction_not_found"))
    assert (await refunds.check(RECORDED)).outcome is RefundOutcome.NOT_FOUND


@pytest.mark.parametrize(
    "canned", [refused(500, "Server error"), refused(401, "Invalid key"), Canned(200, b"<html>")]
)
async def test_trouble_on_the_way_to_a_transaction_is_no_information(canned: Canned) -> None:
    _, refunds = refunding(canned)
    assert (await refunds.check(RECORDED)).outcome is RefundOutcome.NOTHING


NUMBERED = attrs.evolve(LOST, capture_key="123456")
"""The bank's number of it, say: nothing tells it from one of Paystack's."""
DONE = ROW | {"status": "processed"}


async def test_a_refund_of_money_recorded_by_another_number_is_found_in_the_transaction_of_its_attempt() -> (
    None
):
    asked, refunds = refunding(listed(), VERIFIED, listed(DONE))
    answer = await refunds.check(NUMBERED)
    assert (answer.outcome, answer.provider_reference) == (RefundOutcome.SUCCEEDED, NUMBER)
    assert [request.url.params.get("transaction") for request in asked.requests] == ["123456", None, CAPTURE]


async def test_a_refund_with_a_name_is_believed_of_money_recorded_by_another_number() -> None:
    asked, refunds = refunding(told(200, "Refund retrieved", DONE), VERIFIED)
    answer = await refunds.check(attrs.evolve(NUMBERED, provider_reference=NUMBER))
    assert (answer.outcome, answer.provider_reference) == (RefundOutcome.SUCCEEDED, NUMBER)
    assert [request.url.path for request in asked.requests] == [
        f"/refund/{NUMBER}",
        f"/transaction/verify/{REFERENCE}",
    ]


async def test_a_refund_of_neither_transaction_is_no_information() -> None:
    other = VERIFIED.body.replace(CAPTURE.encode(), b"6641907107")
    for verified in (attrs.evolve(VERIFIED, body=other), refused(400, "x", "transaction_not_found")):
        _, refunds = refunding(told(200, "Refund retrieved", DONE), verified)
        answer = await refunds.check(attrs.evolve(NUMBERED, provider_reference=NUMBER))
        assert answer.outcome is RefundOutcome.NOTHING


async def test_of_money_that_was_paid_elsewhere_no_other_transaction_is_looked_at() -> None:
    elsewhere = attrs.evolve(NUMBERED, attempt=None)
    asked, refunds = refunding(listed(), told(200, "Refund retrieved", DONE))
    assert (await refunds.check(elsewhere)).outcome is RefundOutcome.NOT_FOUND
    named = attrs.evolve(elsewhere, provider_reference=NUMBER)
    assert (await refunds.check(named)).outcome is RefundOutcome.NOTHING
    assert len(asked.requests) == 2


async def test_a_transaction_that_nobody_paid_has_no_refund_in_its_list() -> None:
    unpaid = told(200, "Verification successful", TRANSACTION | {"status": "abandoned"})
    for question in (NUMBERED, RECORDED):
        answers = (listed(), unpaid, listed()) if question is NUMBERED else (unpaid, listed())
        _, refunds = refunding(*answers)
        assert (await refunds.check(question)).outcome is RefundOutcome.NOT_FOUND


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "partially-reversed"},
        {"status": None},
        {"amount": None},
        {"domain": "elsewhere"},
        {"id": None},
        {"id": "TRX_x", "status": "partially-reversed"},
    ],
)
async def test_whatever_else_is_told_of_the_transaction_whose_whole_list_lacks_it_a_refund_may_be_sent(
    changes: dict[str, Any],
) -> None:
    """Nobody knows what Paystack calls a transaction of which a part went back (section 15)."""
    _, refunds = refunding(listed(), told(200, "Verification successful", TRANSACTION | changes))
    assert (await refunds.check(LOST)).outcome is RefundOutcome.NOT_FOUND


@pytest.mark.parametrize(
    "verified",
    [
        refused(429, "Rate limit exceeded!", "rate_limited"),
        refused(500, "Server error"),
        Canned(200, b"<html>"),
        told(200, "Verification successful", TRANSACTION | {"reference": "p-another"}),
        told(200, "Verification successful", TRANSACTION | {"reference": None}),
    ],
)
async def test_a_list_without_it_may_be_that_of_another_transaction_until_verify_names_ours(
    verified: Canned,
) -> None:
    for question in (LOST, NUMBERED):
        _, refunds = refunding(listed(), verified)
        assert (await refunds.check(question)).outcome is RefundOutcome.NOTHING


@pytest.mark.parametrize(
    "listing",
    [
        refused(404, "Transaction not found", "transaction_not_found"),
        refused(400, "Transaction ID must be a number", "invalid_params"),
        refused(500, "Server error"),
        listed(ROW | {"id": 7, "transaction": 6641907107}),
    ],
)
async def test_no_list_of_a_number_that_is_not_paystacks_keeps_us_from_the_transaction_of_the_attempt(
    listing: Canned,
) -> None:
    _, refunds = refunding(listing, VERIFIED, listed(DONE))
    assert (await refunds.check(NUMBERED)).outcome is RefundOutcome.SUCCEEDED
    _, refunds = refunding(listing, VERIFIED, listed())
    assert (await refunds.check(NUMBERED)).outcome is RefundOutcome.NOT_FOUND
    _, refunds = refunding(listing, refused(404, "Transaction reference not found"))
    assert (await refunds.check(NUMBERED)).outcome is RefundOutcome.NOT_FOUND


async def test_the_list_of_our_own_transaction_that_cannot_be_had_is_no_information() -> None:
    for verified in (VERIFIED, told(200, "Verification successful", TRANSACTION | {"id": None})):
        _, refunds = refunding(refused(500, "Server error"), verified)
        assert (await refunds.check(LOST)).outcome is RefundOutcome.NOTHING
    _, refunds = refunding(listed(), VERIFIED, refused(500, "Server error"))
    assert (await refunds.check(NUMBERED)).outcome is RefundOutcome.NOTHING
