"""Find: payments of all payers, newest first, page by page; for operators."""

from typing import Final
from uuid import UUID

import attrs

from payments.application.answers import Found
from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.records import Search
from payments.application.tokens import Tokens
from payments.domain.errors import FieldError, InvalidRequest
from payments.domain.transitions import PaymentStatus

MOST: Final = 100


@attrs.frozen
class FindPayments:
    """What an operator looks for: everything, what stands in one status, or one payment by a name of it."""

    _tokens: Tokens
    _unit_of_work: UnitOfWork

    async def __call__(
        self,
        name: str | None = None,
        *,
        status: PaymentStatus | None = None,
        limit: int = 20,
        beyond: UUID | None = None,
    ) -> Found:
        """At most ``limit`` (1 to 100) payments; ``beyond`` is what the previous page said.

        ``name`` is a payment id, an order id or the reference of an attempt, whole.

        Raises:
            InvalidRequest: ``limit`` is out of range.
        """
        if not 1 <= limit <= MOST:
            raise InvalidRequest(errors=(FieldError("limit", f"Use a whole number from 1 to {MOST}."),))
        search = Search(limit=limit + 1, status=status, name=name, beyond=beyond)
        found = await self._unit_of_work.reads.found(search)
        items = tuple(map(self._tokens.line, found[:limit]))
        return Found(items=items, beyond=items[-1].payment_id if len(found) > limit else None)
