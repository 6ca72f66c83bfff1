"""Cursors: where the next page begins, opaque to callers, decoded strictly."""

import base64
import re
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

PATTERN: Final = "^cGcxA[A-Za-f][A-Za-z0-9_-]{30}$"
"""Every text of this form is a cursor, and every cursor has it: 27 bytes as base64url, which are a mark, the
microseconds since 1970 (fewer than 2**57, which ends in the year 6535) and the payment's identifier."""

_CURSOR: Final = re.compile(PATTERN)
_MARK: Final = b"pg1"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def written(beyond: tuple[datetime, UUID]) -> str:
    """The cursor for what comes after (created_at, payment_id)."""
    created_at, payment_id = beyond
    instant = ((created_at - _EPOCH) // _MICROSECOND).to_bytes(8, "big")
    return base64.urlsafe_b64encode(_MARK + instant + payment_id.bytes).decode()


def read(cursor: str) -> tuple[datetime, UUID]:
    """Where the next page begins.

    Raises:
        ValueError: this service never wrote such a cursor.
    """
    if _CURSOR.fullmatch(cursor) is None:
        raise ValueError("It is not a cursor.")
    raw = base64.urlsafe_b64decode(cursor)
    return _EPOCH + int.from_bytes(raw[3:11], "big") * _MICROSECOND, UUID(bytes=raw[11:])
