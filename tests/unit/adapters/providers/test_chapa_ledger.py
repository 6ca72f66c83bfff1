"""Chapa's own list of transactions (fact sheet, section 8)."""

from datetime import UTC, datetime
from typing import Any

import pytest

from payments.application.ports.providers import Ledger, Span
from payments.domain.errors import GatewayError, OutcomeUnknown, ProviderRejected, ProviderUnavailable
from payments.domain.evidence import Outcome
from payments.domain.money import Money
from tests.unit.adapters.providers.chapa_account import Account, Canned, account, said

pytestmark = pytest.mark.anyio

SPAN = Span(since=datetime(2026, 11, 28, 6, tzinfo=UTC), until=datetime(2026, 11, 28, 9, tzinfo=UTC))


def row(hour: int = 7, **other: Any) -> dict[str, Any]:
    return {
        "status": "success",
        "ref_id": "APx7Kq2LmN4w",
        "type": "API",
        "created_at": f"2026-11-28T{hour:02}:00:00.000000Z",
        "currency": "ETB",
        "amount": "12.000",
        "charge": "0.000",
        "trans_id": None,
        "payment_method": "card",
    } | other


def listed(*rows: dict[str, Any], more: bool = False) -> Canned:
    pagination = {"per_page": 100, "current_page": 1, "next_page_url": "https://x.example/" if more else None}
    data = {"transactions": list(rows), "pagination": pagination}
    return said(200, "Transactions retrieved successfully", "success", data)


def ledger_of(chapa: Account) -> Ledger:
    assert chapa.provider.ledger is not None
    return chapa.provider.ledger


async def walked(*pages: Canned) -> tuple[list[str], int]:
    """The names that a walk finds, and how many pages it asked for."""
    chapa = account(*pages)
    names, begins, asked = [], None, 0
    while asked == 0 or begins is not None:
        page = await ledger_of(chapa).page(SPAN, begins)
        names += [line.name for line in page.lines]
        begins, asked = page.following, asked + 1
    assert [r.url.params["page"] for r in chapa.requests] == [str(n) for n in range(1, asked + 1)]
    return names, asked


async def test_a_line_has_chapas_own_reference_and_the_amount_in_its_three_decimals() -> None:
    chapa = account(listed(row()))

    page = await ledger_of(chapa).page(SPAN, None)

    assert chapa.requests[0].url.path == "/v1/transactions"
    (line,) = page.lines
    assert (line.name, line.reference, line.outcome) == ("APx7Kq2LmN4w", None, Outcome.PAID)
    assert line.amount == Money.of("12.00", "ETB")
    assert page.following is None
    assert not chapa.provider.ledger_names_references


async def test_only_what_was_created_in_the_span_counts_and_a_line_without_a_time_does() -> None:
    rows = [row(10, ref_id="late"), row(7, ref_id="in"), row(5, ref_id="early")]
    assert await walked(listed(*rows, row(ref_id="when", created_at="soon"))) == (["in", "when"], 1)


async def test_lines_that_nobody_tried_to_pay_have_no_name_and_are_left_out() -> None:
    assert await walked(listed(row(ref_id=None, status="pending"))) == ([], 1)


@pytest.mark.parametrize("status", ["success", "refunded", "reversed"])
async def test_money_without_a_name_is_never_left_out_in_silence(status: str) -> None:
    with pytest.raises(OutcomeUnknown):
        await ledger_of(account(listed(row(ref_id=None, status=status)))).page(SPAN, None)


async def test_a_list_that_is_newest_first_is_read_no_further_than_the_span() -> None:
    pages = [listed(row(8, ref_id="a"), row(7, ref_id="b"), more=True), listed(row(5), row(4), more=True)]
    assert await walked(*pages, listed(row(3))) == (["a", "b"], 2)


async def test_lines_that_come_twice_because_pages_moved_are_no_other_order() -> None:
    moved = listed(row(8, ref_id="a"), row(7, ref_id="b"), more=True)
    pages = [moved, moved, listed(row(5), row(4), more=True)]
    assert await walked(*pages) == (["a", "b", "a", "b"], 3)


async def test_a_list_in_any_other_order_is_read_to_its_end() -> None:
    pages = [listed(row(3), row(4), more=True), listed(row(5), row(5), more=True), listed(row(7, ref_id="c"))]
    assert await walked(*pages) == (["c"], 3)


async def test_the_order_is_watched_from_page_to_page() -> None:
    pages = [listed(row(5), more=True), listed(row(7, ref_id="d"), more=True), listed(row(4), row(3))]
    # One line alone is in any order; the second page shows that this was none.
    assert await walked(*pages) == (["d"], 3)


@pytest.mark.parametrize(
    ("word", "outcome"),
    [
        ("pending", Outcome.PAYABLE),
        ("failed/cancelled", Outcome.DECLINED),
        ("refunded", Outcome.RETURNED),
        ("reversed", Outcome.RETURNED),
        ("brand-new", Outcome.NOTHING),
        (None, Outcome.NOTHING),
    ],
)
async def test_each_word_means_what_it_means_in_verify(word: object, outcome: Outcome) -> None:
    (line,) = (await ledger_of(account(listed(row(status=word)))).page(SPAN, None)).lines
    assert line.outcome is outcome


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (said(401, "Invalid API Key"), ProviderRejected),
        (said(429, "Too many requests"), ProviderUnavailable),
        (Canned(502, b"<html>"), OutcomeUnknown),
        (Canned(200, b"<html>"), OutcomeUnknown),
        (said(200, "ok", "success", {"transactions": []}), OutcomeUnknown),
        (said(200, "ok", "success", {"transactions": ["x"], "pagination": {}}), OutcomeUnknown),
    ],
)
async def test_a_page_that_cannot_be_had_is_never_taken_for_an_empty_one(
    answer: Canned, error: type[GatewayError]
) -> None:
    with pytest.raises(error):
        await ledger_of(account(answer)).page(SPAN, None)
