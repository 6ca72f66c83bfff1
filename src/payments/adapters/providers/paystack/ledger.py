"""Paystack's own list of transactions: ``GET /transaction`` (fact sheet, section 6)."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

import attrs

from payments.adapters.providers.paystack.api import PaystackApi, refusal
from payments.adapters.providers.paystack.mapping import identifier, transaction
from payments.application.ports.providers import Ledger, LedgerLine, LedgerPage, Span
from payments.domain.errors import OutcomeUnknown

_LINES_A_PAGE: Final = 100
_OUR_REFERENCE: Final = re.compile(r"p-[a-z2-7]{26}")


@attrs.frozen
class PaystackLedger(Ledger):
    """Pages by number within fixed dates: what is created meanwhile lies after them and moves no page."""

    _api: PaystackApi

    async def page(self, span: Span, begins: str | None) -> LedgerPage:
        number = int(begins or 1)
        query: dict[str, str | int] = {
            "perPage": _LINES_A_PAGE,
            "page": number,
            "from": _instant(span.since),
            "to": _instant(span.until),
        }
        answer = await self._api.ask("list transactions", "/transaction", query)
        rows = answer.rows
        if not answer.worked or rows is None:
            if answer.status == HTTPStatus.OK:
                raise OutcomeUnknown("Paystack's answer has no list of transactions.")
            raise refusal(answer)
        lines = [line for row in rows if (line := _line(row)) is not None]
        # Where Paystack does not count them, an empty page is the end.
        more = rows and (answer.pages is None or number < answer.pages)
        return LedgerPage(tuple(lines), str(number + 1) if more else None)


def _line(row: Mapping[str, Any]) -> LedgerLine | None:
    """The line of a row of ours. It has verify's fields, so it is read as verify's answer is."""
    reference = row.get("reference")
    if not isinstance(reference, str) or not _OUR_REFERENCE.fullmatch(reference):
        return None
    said = transaction(row)
    return LedgerLine(
        # A row without a readable number is looked at rather than lost.
        name=identifier(row.get("id")) or reference,
        reference=reference,
        outcome=said.outcome,
        word=said.word,
        amount=said.arrived,
        raw=json.dumps(row, default=str, sort_keys=True).encode(),
    )


def _instant(at: datetime) -> str:
    """As the sheet writes instants (section 1): UTC, with milliseconds."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
