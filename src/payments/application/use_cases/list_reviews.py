"""List reviews: the questions that wait for a person, newest first, page by page."""

from datetime import datetime
from typing import Final
from uuid import UUID

import attrs

from payments.application.answers import OpenReviews
from payments.application.ports.unit_of_work import UnitOfWork
from payments.domain.errors import FieldError, InvalidRequest

MOST: Final = 100


@attrs.frozen
class ListReviews:
    """Open reviews, for operators."""

    _unit_of_work: UnitOfWork

    async def __call__(self, limit: int = 20, *, beyond: tuple[datetime, UUID] | None = None) -> OpenReviews:
        """At most ``limit`` (1 to 100) open reviews; ``beyond`` is what the previous page said.

        Raises:
            InvalidRequest: ``limit`` is out of range.
        """
        if not 1 <= limit <= MOST:
            raise InvalidRequest(errors=(FieldError("limit", f"Use a whole number from 1 to {MOST}."),))
        found = await self._unit_of_work.reads.open_reviews(beyond, limit + 1)
        items = found[:limit]
        more = len(found) > limit
        return OpenReviews(items=items, beyond=(items[-1].opened_at, items[-1].review_id) if more else None)
