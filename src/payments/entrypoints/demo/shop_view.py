"""How an order looks to its customer: what the orders service and the payments API say, put together."""

import enum
import hashlib
from typing import Any, Final

import attrs

_SETTLED: Final = frozenset({"paid", "partially_refunded"})
_RETURNED: Final = "refunded"
_SPOKEN: Final = {"mpesa": "M-Pesa", "cash": "Cash on delivery"}
_ON_DELIVERY: Final = "pay_on_delivery"
_FLOWS: Final = {
    "redirect": "You pay on a page of theirs and come back here.",
    "confirm_on_phone": "You confirm with your PIN on your phone.",
    _ON_DELIVERY: "You pay in cash when your order arrives.",
}


class Face(enum.Enum):
    """What a customer sees of an order."""

    OPEN = "open"
    CONFIRMING = "confirming"
    """A checkout is open, or money has arrived and the orders service was not told yet."""
    FAILED = "failed"
    DELIVERY = "delivery"
    """It is paid in cash when it is delivered."""
    REVIEW = "review"
    PAID = "paid"
    RETURNED = "returned"
    """All of the money went back."""
    CLOSED = "closed"
    """Not payable: the orders service says so, or no provider takes it."""


_WAITING: Final = frozenset({Face.CONFIRMING, Face.DELIVERY})

LABELS: Final = {
    Face.OPEN: "To pay",
    Face.CONFIRMING: "Waiting",
    Face.DELIVERY: "Pay on delivery",
    Face.FAILED: "Not paid yet",
    Face.REVIEW: "In review",
    Face.PAID: "Paid",
    Face.RETURNED: "Refunded",
    Face.CLOSED: "Cannot be paid",
}


@attrs.frozen(kw_only=True)
class OfferView:
    """One way to pay."""

    provider: str
    name: str
    available: bool
    told: str
    """How one pays with it, or why not."""
    wants_phone: bool


@attrs.frozen(kw_only=True)
class OrderView:
    """One order for the page."""

    order_id: str
    title: str
    amount: str
    currency: str
    face: Face
    label: str
    reason: str
    """Why it cannot be paid or was not paid; empty when there is nothing to say."""
    offers: tuple[OfferView, ...]
    payment: dict[str, Any] | None
    customer: dict[str, Any]

    @property
    def can_pay(self) -> bool:
        """Whether a form to pay makes sense: while a checkout is open, only if there is another way."""
        ways = sum(offer.available for offer in self.offers)
        if self.checkout_url is not None:
            return ways > 1
        return self.face in {Face.OPEN, Face.FAILED, Face.CONFIRMING} and not self.arrived and ways > 0

    @property
    def arrived(self) -> bool:
        """Whether the money is here."""
        return self.payment is not None and self.payment["status"] == "success"

    @property
    def returned(self) -> str | None:
        """How much went back, of money that has arrived; None: nothing."""
        returned = self.payment["amount_refunded"] if self.payment else "0"
        return grouped(returned) if returned.strip("0.") else None

    @property
    def checkout_url(self) -> str | None:
        """Where the customer can go on paying."""
        return self.payment["checkout_url"] if self.payment and self.face in _WAITING else None

    def revision(self, *more: object) -> str:
        """Changes whenever what the page shows changes; ``more`` is shown beside the order."""
        seen = (
            self.face.value,
            self.reason,
            self.payment and self.payment["updated_at"],
            self.checkout_url,
            more,
        )
        return hashlib.sha256(repr(seen).encode()).hexdigest()[:16]


def view_of(order: dict[str, Any], payment: dict[str, Any] | None, offers: list[dict[str, Any]]) -> OrderView:
    """The order as its customer sees it. What the orders service says of it is what counts."""
    face, reason = _face(order, payment, offers)
    return OrderView(
        order_id=order["id"],
        title=order["title"] or order["id"],
        amount=grouped(order["amount"]),
        currency=order["currency"],
        face=face,
        label=LABELS[face],
        reason=reason,
        offers=tuple(_offer(each) for each in _cash_last(offers)),
        payment=payment,
        customer=order["customer"],
    )


def _face(
    order: dict[str, Any], payment: dict[str, Any] | None, offers: list[dict[str, Any]]
) -> tuple[Face, str]:
    if order["payment_status"] == _RETURNED:
        return Face.RETURNED, ""
    if order["payment_status"] in _SETTLED:
        return Face.PAID, ""
    if payment is not None and payment["in_review"]:
        return Face.REVIEW, "Money arrived that does not match the order. The shop will accept or return it."
    if payment is not None and payment["status"] in {"processing", "success"}:
        waits_at_the_door = payment["status"] == "processing" and _flow(payment, offers) == _ON_DELIVERY
        return (Face.DELIVERY if waits_at_the_door else Face.CONFIRMING), ""
    return _face_of_unpaid(order, payment, offers)


def _face_of_unpaid(
    order: dict[str, Any], payment: dict[str, Any] | None, offers: list[dict[str, Any]]
) -> tuple[Face, str]:
    if not order["payable"]:
        return Face.CLOSED, "The shop says that this order cannot be paid now."
    if not any(offer["available"] for offer in offers):
        return Face.CLOSED, " ".join(_why_not(offer) for offer in offers) or "No provider is switched on."
    if payment is not None and payment["status"] == "failed":
        failure = payment["failure"] or {}
        return Face.FAILED, failure.get("message") or "This try did not go through."
    return Face.OPEN, ""


def _cash_last(offers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(offers, key=lambda offer: bool(offer["type"] == _ON_DELIVERY))


def _flow(payment: dict[str, Any], offers: list[dict[str, Any]]) -> str | None:
    return next((offer["type"] for offer in offers if offer["provider"] == payment["provider"]), None)


def _offer(offer: dict[str, Any]) -> OfferView:
    return OfferView(
        provider=offer["provider"],
        name=name_of(offer["provider"]),
        available=offer["available"],
        told=_FLOWS.get(offer["type"], "") if offer["available"] else _why_not(offer),
        wants_phone="phone_number" in offer["needs"],
    )


def _why_not(offer: dict[str, Any]) -> str:
    """The API's sentence, which begins with the provider as machines call it, for people."""
    told, provider = str(offer["detail"]), str(offer["provider"])
    return name_of(provider) + told.removeprefix(provider) if told.startswith(provider) else told


def name_of(provider: str) -> str:
    """How a provider is called in a sentence."""
    return _SPOKEN.get(provider, provider.capitalize())


def grouped(amount: str) -> str:
    """``12500.50`` as ``12,500.50``."""
    whole, point, rest = amount.partition(".")
    return f"{int(whole):,}{point}{rest}" if whole.isdecimal() else amount
