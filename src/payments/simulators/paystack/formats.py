"""How Paystack writes times and names."""

import secrets
import string
from datetime import UTC, datetime
from urllib.parse import urlsplit

_SMALL = string.ascii_lowercase + string.digits
_MIXED = string.ascii_letters + string.digits


def timestamp(at_s: float | None) -> str | None:
    """Return `2026-10-09T09:15:02.000Z`, in milliseconds; nothing stays nothing."""
    if at_s is None:
        return None
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def instant(text: str) -> float:
    """Return the instant of an ISO date or datetime, UTC where it says nothing; `ValueError` otherwise."""
    read = datetime.fromisoformat(text)
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()


def generated_reference() -> str:
    return _of(_SMALL, 10)


def access_code() -> str:
    return _of(_SMALL, 15)


def customer_code() -> str:
    return f"CUS_{_of(_SMALL, 15)}"


def authorization_code() -> str:
    return f"AUTH_{_of(_SMALL, 10)}"


def card_signature() -> str:
    return f"SIG_{_of(_MIXED, 20)}"


def bank_reference() -> str:
    """Return the reference of a refund that reached the customer."""
    return _of(string.digits, 12)


def transfer_reference() -> str:
    """Return the reference of a refund that did not."""
    return f"TRF_{_of(_SMALL, 16)}"


def money(amount: int, currency: str) -> str:
    """Return subunits for a person to read: `1,234.50 KES`."""
    return f"{amount // 100:,}.{amount % 100:02d} {currency}"


def is_web_address(url: str | None) -> bool:
    """Return whether a browser may be sent there."""
    if not url:
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def _of(characters: str, length: int) -> str:
    return "".join(secrets.choice(characters) for _ in range(length))
