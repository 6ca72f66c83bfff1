"""How the pages call things: statuses, providers, amounts and ages, for people."""

from datetime import timedelta
from typing import Any, Final

import attrs

from payments.domain.reviewing import WayOut
from payments.domain.transitions import PaymentStatus

PAYMENT_LABELS: Final = {
    PaymentStatus.PENDING: "Pending",
    PaymentStatus.PROCESSING: "Processing",
    PaymentStatus.SUCCESS: "Paid",
    PaymentStatus.FAILED: "Not paid",
}
"""What an operator reads of a payment. "Failed" would sound final, and is not."""


@attrs.frozen(kw_only=True)
class Way:
    """A way out of a review, in an operator's words."""

    label: str
    does: str


WAYS: Final = {
    WayOut.ACCEPT: Way(
        label="Accept the money",
        does="The money that arrived becomes the payment, and the order is told that it is paid. If other "
        "money pays it already, this is surplus, and what to do with it is asked next.",
    ),
    WayOut.REFUND: Way(
        label="Send the money back",
        does="All that is left of the money is set aside and sent back. The question stays open until it "
        "went.",
    ),
    WayOut.DISMISS: Way(
        label="Dismiss the question",
        does="Nothing is done. What arrived stays where it is, and nobody is asked about it again.",
    ),
    WayOut.ATTACH: Way(
        label="Attach the money",
        does="The provider is asked about the money once more, and it counts for the attempt that you name. "
        "Amount and currency are compared as ever; money that counts elsewhere is refused.",
    ),
    WayOut.ASK_AGAIN: Way(
        label="Ask the provider again",
        does="The provider is asked now. If it still cannot tell, the question stays open.",
    ),
    WayOut.RECORD: Way(
        label="Record what you saw",
        does="You looked at the provider's own pages and vouch for what is there. Money that you record is "
        "compared with what is owed as ever.",
    ),
    WayOut.UNLOCK: Way(
        label="Unlock the delivery code",
        does="Collectors may try the delivery code five more times.",
    ),
    WayOut.REFUSE: Way(
        label="Refuse the cash",
        does="The attempt fails: nobody pays at this door any more. The payer may begin anew.",
    ),
}

OUTCOMES: Final = {
    False: (("paid", "It was paid"), ("not_paid", "It was not paid")),
    True: (("succeeded", "The money went back"), ("failed", "The money did not go back")),
}
"""What can be recorded; True: about a refund."""

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
