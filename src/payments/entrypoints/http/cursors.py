"""Cursors: where the next page begins, opaque to callers, decoded strictly."""

import base64
import binascii
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

_MARK: Final = b"pg1"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def written(beyond: tuple[datetime, UUID]) -> str:
    """The cursor for what comes after (created_at, payment_id): 36 characters of base64url."""
    created_at, payment_id = beyond
    instant = ((created_at - _EPOCH) // _MICROSECOND).to_bytes(8, "big", signed=True)
    return base64.urlsafe_b64encode(_MARK + instant + payment_id.bytes).decode()


def read(cursor: str) -> tuple[datetime, UUID]:
    """Where the next page begins.

    Raises:
        ValueError: this service never wrote such a cursor.
    """
    try:
        raw = base64.urlsafe_b64decode(cursor.encode("ascii"))
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError("It is not a cursor.") from error
    # The decoder skips what it does not know; whatever is not exactly as we write it is none of ours.
    as_written = base64.urlsafe_b64encode(raw).decode() == cursor
    if not as_written or len(raw) != len(_MARK) + 8 + 16 or not raw.startswith(_MARK):
        raise ValueError("It is not a cursor.")
    try:
        created_at = _EPOCH + int.from_bytes(raw[3:11], "big", signed=True) * _MICROSECOND
    except OverflowError as error:
        raise ValueError("It is not a cursor.") from error
    return created_at, UUID(bytes=raw[11:])
