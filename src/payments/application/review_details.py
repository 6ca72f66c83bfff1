"""What some decisions about reviews need beyond themselves."""

from typing import Final

import attrs

from payments.domain.errors import FieldError, InvalidRequest
from payments.domain.events import ReviewKind
from payments.domain.review import Review
from payments.domain.reviewing import Decision, WayOut


@attrs.frozen(kw_only=True)
class Details:
    """What some decisions need beyond themselves."""

    reference: str | None = None
    """``attach``: the attempt of ours that the money belongs to."""
    paid_under: str | None = None
    """``attach``: the forgotten reference it was paid under, where the review names the provider's own."""
    outcome: str | None = None
    """``record``: ``paid`` or ``not_paid``; about a refund ``succeeded`` or ``failed``."""
    provider_reference: str | None = None
    """``record``: the provider's own name for what was seen; needed where money moved."""
    amount: str | None = None
    """``record`` of money that was paid: how much, in the attempt's currency; all of it if left out."""


_USED_BY: Final[dict[str, WayOut]] = {
    "reference": WayOut.ATTACH,
    "paid_under": WayOut.ATTACH,
    "outcome": WayOut.RECORD,
    "provider_reference": WayOut.RECORD,
    "amount": WayOut.RECORD,
}


def require_fitting(review: Review, decision: Decision, details: Details) -> None:
    """Return if every detail is there that the decision needs, and no other.

    Raises:
        InvalidRequest: naming each that is not.
    """
    wrong = [
        FieldError(f"/{name}", f"Leave it out: {decision.way_out.value} does not use it.")
        for name, way_out in _USED_BY.items()
        if way_out is not decision.way_out and getattr(details, name) is not None
    ]
    if decision.way_out is WayOut.ATTACH and not details.reference:
        wrong.append(FieldError("/reference", "Name the attempt that the money belongs to."))
    if decision.way_out is WayOut.RECORD:
        wrong += _unfit_record(review, details)
    if wrong:
        raise InvalidRequest(errors=tuple(wrong))


def _unfit_record(review: Review, details: Details) -> list[FieldError]:
    about_refund = review.kind is ReviewKind.REFUND_UNKNOWN
    moved, stayed = ("succeeded", "failed") if about_refund else ("paid", "not_paid")
    wrong = []
    if details.outcome not in (moved, stayed):
        wrong.append(FieldError("/outcome", f"Use {moved} or {stayed}."))
    if details.outcome == moved and not (details.provider_reference or "").strip():
        wrong.append(FieldError("/provider_reference", "Give the provider's own name for it."))
    if details.amount is not None and (about_refund or details.outcome != moved):
        wrong.append(FieldError("/amount", "Leave it out: it is said only of money that was paid."))
    return wrong
