"""How Chapa writes times, money and references."""

import secrets
import string
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal

_ALPHANUMERICS = string.ascii_letters + string.digits
_CENT = Decimal("0.01")


def timestamp(at_s: float) -> str:
    """Return `2026-01-05T09:30:00.000000Z`.

    Chapa's own command line parses exactly this, fraction included.
    """
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def cents(amount: Decimal) -> str:
    """Return the amount as text with two decimals, as webhooks carry it."""
    return str(amount.quantize(_CENT, rounding=ROUND_HALF_UP))


def number(amount: str) -> int | float:
    """Return the amount as the JSON number verify carries: `10` although `"10.00"` was sent."""
    exact = Decimal(amount)
    return int(exact) if exact == exact.to_integral_value() else float(exact)


def three_decimals(amount: str) -> str:
    """Return the amount as the list of transactions carries it."""
    return f"{Decimal(amount):.3f}"


def token(length: int = 32) -> str:
    return "".join(secrets.choice(_ALPHANUMERICS) for _ in range(length))


def chapa_reference() -> str:
    return f"AP{token(10)}"


def refund_reference() -> str:
    return f"MERC-DIS-REF-{token(11)}"


def international(phone_number: str | None) -> str | None:
    """Return `0900123456` as `251900123456`, as webhooks carry it."""
    if phone_number is None:
        return None
    return f"251{phone_number[1:]}" if phone_number.startswith("0") else phone_number
