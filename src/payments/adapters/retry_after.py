"""The Retry-After header (RFC 9110, section 10.2.3)."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

MOST_S: Final = 86_400.0
"""A server that asks for more than a day is asked again after a day."""

_SECONDS: Final = re.compile(r"[0-9]{1,9}", re.ASCII)


def retry_after_s(value: str, now: datetime) -> float | None:
    """How many seconds ``value`` asks us to wait, 0 to a day; None when it says nothing we understand."""
    text = value.strip()
    if _SECONDS.fullmatch(text):
        return min(float(text), MOST_S)
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return min(max((until - now).total_seconds(), 0.0), MOST_S)
