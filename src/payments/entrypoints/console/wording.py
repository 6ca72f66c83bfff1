"""How the pages call things: statuses, providers, amounts and ages, for people."""

from datetime import timedelta
from typing import Any, Final

from payments.domain.transitions import PaymentStatus

PAYMENT_LABELS: Final = {
    PaymentStatus.PENDING: "Pending",
    PaymentStatus.PROCESSING: "Processing",
    PaymentStatus.SUCCESS: "Paid",
    PaymentStatus.FAILED: "Not paid",
}
"""What an operator reads of a payment. "Failed" would sound final, and is not."""

_PROVIDERS: Final = {"mpesa": "M-Pesa", "cash": "Cash on delivery"}
_UNITS: Final = ((timedelta(days=2), 86400, "d"), (timedelta(hours=2), 3600, "h"))


def provider_name(provider: str) -> str:
    """How a provider is called in a sentence."""
    return _PROVIDERS.get(provider, provider.capitalize())


def words(value: str) -> str:
    """``amount_mismatch`` as ``amount mismatch``."""
    return value.replace("_", " ")


def sentence(text: str) -> str:
    """``text`` with a capital first and a full stop last."""
    ended = text if text.endswith((".", "!", "?")) else f"{text}."
    return ended[:1].upper() + ended[1:]


def grouped(amount: str) -> str:
    """``12500.50`` as ``12,500.50``."""
    whole, point, rest = amount.partition(".")
    return f"{int(whole):,}{point}{rest}"


def age(seconds: float) -> str:
    """How long ago, in the largest unit of which there are two."""
    minute_s = 60
    for least, unit_s, name in _UNITS:
        if seconds >= least.total_seconds():
            return f"{int(seconds // unit_s)} {name}"
    return f"{int(seconds // minute_s)} min" if seconds >= 2 * minute_s else f"{int(seconds)} s"


FILTERS: Final[dict[str, Any]] = {
    "age": age,
    "grouped": grouped,
    "label": PAYMENT_LABELS.__getitem__,
    "provider_name": provider_name,
    "sentence": sentence,
    "words": words,
}
