"""Delivery codes: what a wrong one does, and how a locked one is tried again (docs/model.md section 7)."""

from datetime import datetime

import attrs

from payments.domain import events as happened
from payments.domain.payment import Change, Payment


def unlock(payment: Payment, reference: str, now: datetime) -> Change:
    """Let collectors try the delivery code of the attempt ``reference`` again."""
    attempt = attrs.evolve(payment.attempt(reference), wrong_codes=0)
    event = happened.DeliveryCodeUnlocked(reference=reference)
    return Change(attrs.evolve(payment.with_attempt(attempt), updated_at=now), (event,))
