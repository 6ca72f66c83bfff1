"""Chapa's own list of transactions: ``GET /transactions`` (fact sheet, section 8)."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

import attrs

from payments.adapters.providers.chapa.api import ChapaAnswer, ChapaApi, refusal
from payments.adapters.providers.chapa.mapping import ABOUT_MONEY, amount_of, name_of, outcome_of, short
from payments.application.ports.providers import Ledger, LedgerLine, LedgerPage, Span
from payments.domain.errors import OutcomeUnknown
from payments.domain.evidence import Outcome

_LINES_A_PAGE: Final = 100


@attrs.frozen
class ChapaLedger(Ledger):
    """Chapa lists its own references and not ours.

    Filters by date exist, and the sheet does not know their names; nor does it say in which order the list
    is. So the pages are read from the first, and the end is where Chapa says so, or where a whole page is
    older than wanted and the lines so far went from newer to older ones, and never back.
    """

    _api: ChapaApi

    async def page(self, span: Span, begins: str | None) -> LedgerPage:
        place = _Place.read(begins)
        path = f"/transactions?page={place.page}&per_page={_LINES_A_PAGE}"
        rows, more = _rows(await self._api.call("transactions", "GET", path))
        created = [_created_at(row) for row in rows]
        lines = [
            line
            for row, at in zip(rows, created, strict=True)
            # A line without a readable time is looked at rather than lost.
            if (at is None or span.since <= at <= span.until) and (line := _line(row)) is not None
        ]
        place = place.after(created)
        older = all(at is not None and at < span.since for at in created)
        ended = older and place.newest_first and place.descended
        return LedgerPage(tuple(lines), place.written() if rows and more and not ended else None)


@attrs.frozen(kw_only=True)
class _Place:
    """How far a list was read, and whether it was newest first up to there."""

    page: int = 1
    newest_first: bool = True
    """No line was newer than the one before it."""
    descended: bool = False
    """Some line was older than the one before it."""
    oldest: datetime | None = None
    before: frozenset[datetime] = frozenset()
    """The times of the page before: its last lines come again where new ones moved the pages."""

    @classmethod
    def read(cls, begins: str | None) -> "_Place":
        if begins is None:
            return cls()
        page, newest_first, descended, oldest, before = json.loads(begins)
        return cls(
            page=page,
            newest_first=newest_first,
            descended=descended,
            oldest=datetime.fromisoformat(oldest) if oldest else None,
            before=frozenset(map(datetime.fromisoformat, before)),
        )

    def after(self, created: list[datetime | None]) -> "_Place":
        """Where it stands once these lines were read; one without a time may stand anywhere."""
        newest_first, descended = self.newest_first and None not in created, self.descended
        oldest = self.oldest
        for at in created:
            if at is None or at in self.before:
                continue
            if oldest is not None:
                newest_first, descended = newest_first and at <= oldest, descended or at < oldest
            oldest = at if oldest is None else min(at, oldest)
        return _Place(
            page=self.page + 1,
            newest_first=newest_first,
            descended=descended,
            oldest=oldest,
            before=frozenset(at for at in created if at is not None),
        )

    def written(self) -> str:
        oldest = self.oldest.isoformat() if self.oldest else None
        before = sorted(at.isoformat() for at in self.before)
        return json.dumps([self.page, self.newest_first, self.descended, oldest, before])


def _rows(answer: ChapaAnswer) -> tuple[list[Mapping[str, Any]], bool]:
    """The rows of a page, and whether another follows.

    Raises:
        ProviderRejected, ProviderUnavailable, OutcomeUnknown: there is no such page in the answer.
    """
    data = answer.data or {}
    rows, pagination = data.get("transactions"), data.get("pagination")
    if answer.status != HTTPStatus.OK or not isinstance(rows, list) or not isinstance(pagination, dict):
        if answer.status == HTTPStatus.OK:
            raise OutcomeUnknown("Chapa's answer has no list of transactions.")
        raise refusal(answer)
    if not all(isinstance(row, dict) for row in rows):
        raise OutcomeUnknown("Chapa's list of transactions cannot be read.")
    return rows, pagination.get("next_page_url") is not None


def _line(row: Mapping[str, Any]) -> LedgerLine | None:
    """The line of a row, or None where nothing here could be called as it is.

    Raises:
        OutcomeUnknown: it is about money, and has no name that can be read.
    """
    word, name = row.get("status"), name_of(row.get("ref_id"))
    outcome = outcome_of(word) or Outcome.NOTHING
    if name is None and outcome in ABOUT_MONEY:
        raise OutcomeUnknown("Chapa's list has money without a name.")
    if name is None:
        # Nobody tried to pay: there is no name that anything here could have.
        return None
    return LedgerLine(
        name=name,
        reference=None,
        outcome=outcome,
        word=short(str(word)),
        amount=amount_of(row),
        raw=json.dumps(row, default=str, sort_keys=True).encode(),
    )


def _created_at(row: Mapping[str, Any]) -> datetime | None:
    """When it was created, in UTC (section 1); None when it cannot be read."""
    try:
        at = datetime.fromisoformat(str(row.get("created_at")))
    except ValueError:
        return None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
