"""Paystack's own list of transactions (fact sheet, section 6)."""

from datetime import UTC, datetime
from typing import Any

import pytest

from payments.application.ports.providers import Ledger, Span
from payments.domain.errors import GatewayError, OutcomeUnknown, ProviderRejected, ProviderUnavailable
from payments.domain.evidence import Outcome
from payments.domain.money import Money
from tests.unit.adapters.providers.paystack_account import REFERENCE, Account, Canned, account, refused, told

pytestmark = pytest.mark.anyio

SPAN = Span(
    since=datetime(2026, 11, 28, 6, 0, tzinfo=UTC), until=datetime(2026, 11, 28, 9, 30, 0, 1500, tzinfo=UTC)
)


def row(**other: Any) -> dict[str, Any]:
    return {
        "id": 6641907106,
        "domain": "test",
        "status": "success",
        "reference": REFERENCE,
        "amount": 500000,
        "requested_amount": 500000,
        "currency": "KES",
    } | other


def listed(*rows: dict[str, Any], **meta: Any) -> Canned:
    return told(200, "Transactions retrieved", list(rows), meta=meta)


def ledger_of(paystack: Account) -> Ledger:
    assert paystack.provider.ledger is not None
    return paystack.provider.ledger


async def test_it_asks_for_a_page_of_the_span_in_utc_and_reads_each_row_as_verify_is_read() -> None:
    paystack = account(listed(row(), pageCount=1))

    page = await ledger_of(paystack).page(SPAN, None)

    assert dict(paystack.requests[0].url.params) == {
        "perPage": "100",
        "page": "1",
        "from": "2026-11-28T06:00:00.000Z",
        "to": "2026-11-28T09:30:00.001Z",
    }
    (line,) = page.lines
    assert (line.name, line.reference, line.outcome) == ("6641907106", REFERENCE, Outcome.PAID)
    assert line.amount == Money.of("5000.00", "KES")
    assert page.following is None


async def test_pages_follow_as_far_as_paystack_counts_them_however_few_rows_each_has() -> None:
    paystack = account(listed(row(), pageCount=2), listed(row(id=2), pageCount=2))

    first = await ledger_of(paystack).page(SPAN, None)
    second = await ledger_of(paystack).page(SPAN, first.following)

    assert [first.following, second.following] == ["2", None]
    assert paystack.requests[1].url.params["page"] == "2"


async def test_where_pages_are_not_counted_an_empty_one_is_the_end() -> None:
    paystack = account(listed(row()), listed())

    first = await ledger_of(paystack).page(SPAN, None)
    last = await ledger_of(paystack).page(SPAN, first.following)

    assert (first.following, last.following) == ("2", None)


async def test_a_row_of_ours_without_a_readable_number_is_looked_at_rather_than_lost() -> None:
    paystack = account(listed(row(id=None), pageCount=1))
    (line,) = (await ledger_of(paystack).page(SPAN, None)).lines
    assert (line.name, line.reference, line.outcome) == (REFERENCE, REFERENCE, Outcome.NOTHING)
    assert line.word == "success without a readable id"


@pytest.mark.parametrize("reference", ["ord-2026-000123", "p-TOO-LOUD", None, 7])
async def test_rows_of_other_systems_on_the_account_are_left_out(reference: object) -> None:
    paystack = account(listed(row(reference=reference), pageCount=1))
    assert (await ledger_of(paystack).page(SPAN, None)).lines == ()


@pytest.mark.parametrize(
    ("word", "outcome"),
    [
        ("success", Outcome.PAID),
        ("abandoned", Outcome.PAYABLE),
        ("failed", Outcome.DECLINED),
        ("reversed", Outcome.RETURNED),
        ("reversal-pending", Outcome.RETURNED),
        ("brand-new", Outcome.NOTHING),
    ],
)
async def test_each_word_means_what_it_means_in_verify(word: str, outcome: Outcome) -> None:
    paystack = account(listed(row(status=word), pageCount=1))
    (line,) = (await ledger_of(paystack).page(SPAN, None)).lines
    assert line.outcome is outcome


async def test_fees_passed_on_are_in_the_amount() -> None:
    paystack = account(listed(row(amount=513000), pageCount=1))
    (line,) = (await ledger_of(paystack).page(SPAN, None)).lines
    assert line.amount == Money.of("5130.00", "KES")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (refused(401, "Invalid key", "invalid_Key"), ProviderRejected),
        (refused(429, "Rate limit exceeded!", "rate_limited"), ProviderUnavailable),
        (Canned(502, b"<html>"), OutcomeUnknown),
        (Canned(200, b"<html>"), OutcomeUnknown),
        (told(200, "Transactions retrieved", {"not": "a list"}), OutcomeUnknown),
    ],
)
async def test_a_page_that_cannot_be_had_is_never_taken_for_an_empty_one(
    answer: Canned, error: type[GatewayError]
) -> None:
    with pytest.raises(error):
        await ledger_of(account(answer)).page(SPAN, None)
