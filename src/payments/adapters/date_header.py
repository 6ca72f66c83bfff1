"""The Date header (RFC 9110, section 6.6.1): what time it is where an answer was made."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def ahead_s(value: str, now: datetime) -> float | None:
    """How far ``value`` is ahead of ``now``, in seconds; None when it says nothing we understand.

    The header knows whole seconds only, so up to one of them means nothing.
    """
    try:
        told = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return ((told if told.tzinfo else told.replace(tzinfo=UTC)) - now).total_seconds()
