"""List reviews: the questions for people, newest first, page by page."""

from datetime import datetime
from typing import Final
from uuid import UUID

import attrs

from payments.application.answers import Reviews
from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.records import ReviewQuery
from payments.domain.errors import FieldError, InvalidRequest
from payments.domain.events import ReviewKind
from payments.domain.review import ReviewState

MOST: Final = 100


@attrs.frozen
class ListReviews:
    """What waits for a person, or what was decided; for operators."""

    _unit_of_work: UnitOfWork

    async def __call__(
        self,
        limit: int = 20,
        *,
        state: ReviewState = ReviewState.OPEN,
        kind: ReviewKind | None = None,
        beyond: tuple[datetime, UUID] | None = None,
    ) -> Reviews:
        """At most ``limit`` (1 to 100) reviews in one state; ``beyond`` is what the previous page said.

        Raises:
            InvalidRequest: ``limit`` is out of range.
        """
        if not 1 <= limit <= MOST:
            raise InvalidRequest(errors=(FieldError("limit", f"Use a whole number from 1 to {MOST}."),))
        query = ReviewQuery(limit=limit + 1, state=state, kind=kind, beyond=beyond)
        found = await self._unit_of_work.reads.reviews(query)
        items = found[:limit]
        more = len(found) > limit
        return Reviews(items=items, beyond=(items[-1].opened_at, items[-1].review_id) if more else None)
