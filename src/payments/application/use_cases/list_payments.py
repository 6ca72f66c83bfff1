"""List: a payer's history, newest first, page by page."""

from datetime import datetime
from typing import Final
from uuid import UUID

import attrs

from payments.application.answers import Page
from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.records import HistoryQuery
from payments.application.tokens import Tokens
from payments.domain.errors import FieldError, InvalidRequest
from payments.domain.transitions import PaymentStatus

MOST: Final = 100


@attrs.frozen
class ListPayments:
    """A payer's own payments."""

    _tokens: Tokens
    _unit_of_work: UnitOfWork

    async def __call__(
        self,
        user_id: str,
        limit: int = 20,
        *,
        status: PaymentStatus | None = None,
        provider: str | None = None,
        order_id: str | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        beyond: tuple[datetime, UUID] | None = None,
    ) -> Page:
        """At most ``limit`` (1 to 100) payments; ``beyond`` is what the previous page said.

        Raises:
            InvalidRequest: ``limit`` is out of range.
        """
        if not 1 <= limit <= MOST:
            raise InvalidRequest(errors=(FieldError("limit", f"Use a whole number from 1 to {MOST}."),))
        query = HistoryQuery(
            payer=user_id,
            limit=limit + 1,
            status=status,
            provider=provider,
            order_id=order_id,
            created_after=created_after,
            created_before=created_before,
            beyond=beyond,
        )
        found = await self._unit_of_work.reads.history(query)
        items = tuple(map(self._tokens.line, found[:limit]))
        more = len(found) > limit
        return Page(items=items, beyond=(items[-1].created_at, items[-1].payment_id) if more else None)
