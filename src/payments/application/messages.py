"""Who is told what when a payment changes (docs/model.md 6). Building a message cannot fail a payment."""

import hashlib
import json
from datetime import datetime
from typing import Any, Final
from uuid import uuid5

from payments.application.records import Destination, Message
from payments.application.sequences import next_sequence, place_of
from payments.domain import events as happened
from payments.domain.capture import Capture
from payments.domain.events import Reason
from payments.domain.money import Money, zero
from payments.domain.payment import Payment
from payments.domain.refund import Refund, refunded

_JSON: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def messages_for(payment: Payment, events: tuple[happened.Event, ...], now: datetime) -> tuple[Message, ...]:
    """The messages that ``events`` cause, in the order of their sequences."""
    told: list[Message] = []
    sequence, last_told = payment.told, payment.last_told
    for event in events:
        for destination, kind, facts in _told_of(payment, event, events, last_told):
            sequence = next_sequence(sequence, now)
            last_told = kind if destination is Destination.ORDERS else last_told
            told.append(_message(payment, destination, kind, facts, sequence=sequence, now=now))
    return tuple(told)


def _told_of(
    payment: Payment, event: happened.Event, events: tuple[happened.Event, ...], last_told: str
) -> tuple[tuple[Destination, str, dict[str, Any]], ...]:
    if isinstance(event, happened.PaymentSucceeded):
        return ((Destination.ORDERS, "paid", {}), *_mail(payment, "confirmation", _paid(payment, events)))
    if isinstance(event, happened.CheckoutOpened | happened.AttemptReopened):
        at_the_door = payment.attempt(event.reference).on_delivery
        return ((Destination.ORDERS, "pay_on_delivery", {}),) if at_the_door else ()
    if isinstance(event, happened.AttemptExpired):
        # Whoever was to collect at the door must not: the payer pays another way.
        called_off = payment.attempt(event.reference).on_delivery and event.reason is Reason.SUPERSEDED
        return ((Destination.ORDERS, "failed", {"reason": event.reason.value}),) if called_off else ()
    if isinstance(event, happened.PaymentFailed):
        failed = (Destination.ORDERS, "failed", {"reason": event.reason.value})
        # The order is known to be unpaid; that this attempt was declined may still be news to the payer.
        news = () if last_told == "failed" else (failed,)
        return (*news, *_declined_mail(payment, events))
    if isinstance(event, happened.RefundRecorded | happened.RefundSucceeded | happened.RefundFailed):
        return _refund_news(payment, event)
    return ()


def _paid(payment: Payment, events: tuple[happened.Event, ...]) -> Money:
    """What the payer's confirmation tells of: what is owed, or what a person accepted in its place."""
    accepted = any(isinstance(event, happened.CaptureAccepted) for event in events)
    settling = payment.settling_capture
    return settling.amount if accepted and settling else payment.amount


def _refund_news(
    payment: Payment, event: happened.RefundRecorded | happened.RefundSucceeded | happened.RefundFailed
) -> tuple[tuple[Destination, str, dict[str, Any]], ...]:
    """A refund that failed is news only to those who were told that it had succeeded."""
    refund = next(r for r in payment.refunds if r.refund_id == event.refund_id)
    if isinstance(event, happened.RefundFailed):
        return _refund_told(payment, refund) if event.came_back else ()
    return (*_refund_told(payment, refund), *_refund_mail(payment, refund))


def _declined_mail(
    payment: Payment, events: tuple[happened.Event, ...]
) -> tuple[tuple[Destination, str, dict[str, Any]], ...]:
    for event in events:
        if isinstance(event, happened.AttemptFailed) and event.reason is Reason.DECLINED:
            # A page handed out again may be declined again; once an attempt is enough mail.
            if payment.attempt(event.reference).reopened_at is not None:
                continue
            return _mail(
                payment, "declined", payment.amount, through=event.reference, detail=event.detail or None
            )
    return ()


def _refund_told(payment: Payment, refund: Refund) -> tuple[tuple[Destination, str, dict[str, Any]], ...]:
    """Refunding a surplus never makes the order refunded: only the settling capture counts."""
    settling = payment.settling_capture
    if settling is None or refund.capture_id != settling.capture_id:
        return ()
    # With the provider's fees passed on, more arrived than the order's total.
    whole = _gone_of_the_price(payment, settling) >= min(settling.amount, payment.amount)
    return ((Destination.ORDERS, "refunded" if whole else "partially_refunded", {}),)


def _gone_of_the_price(payment: Payment, settling: Capture) -> Money:
    """How much of what the order costs went back. Of accepted money, what was too much goes first."""
    gone = refunded(settling, payment.refunds)
    if not (settling.accepted and settling.amount > payment.amount):
        return gone
    too_much = settling.amount - payment.amount
    return gone - too_much if gone > too_much else zero(payment.amount.currency)


def _refund_mail(payment: Payment, refund: Refund) -> tuple[tuple[Destination, str, dict[str, Any]], ...]:
    capture = next(c for c in payment.captures if c.capture_id == refund.capture_id)
    return _mail(payment, "refunded", refund.amount, through=capture.reference)


def _mail(
    payment: Payment, kind: str, amount: Money, *, through: str | None = None, detail: str | None = None
) -> tuple[tuple[Destination, str, dict[str, Any]], ...]:
    """A mail about ``amount`` and the attempt ``through``, by default the one that speaks for the payment."""
    if not payment.customer.email:
        return ()
    attempt = payment.attempt(through) if through else payment.current_attempt
    facts = {
        "kind": kind,
        "to": payment.customer.email,
        "name": payment.customer.first_name,
        "order_id": payment.order_id,
        "payment_id": str(payment.payment_id),
        "amount": amount.decimal,
        "currency": amount.currency.code,
        "provider": attempt.provider if attempt else None,
        "detail": detail,
    }
    return ((Destination.PAYER, kind, facts),)


def _message(
    payment: Payment,
    destination: Destination,
    kind: str,
    facts: dict[str, Any],
    *,
    sequence: int,
    now: datetime,
) -> Message:
    body = facts if destination is Destination.PAYER else _order_state(payment, kind, facts, sequence)
    # Half a character in a name must not keep money from being recorded.
    written = _JSON.encode(body).encode(errors="replace")
    return Message(
        message_id=uuid5(payment.payment_id, _name(payment, destination, kind, sequence, written)),
        payment_id=payment.payment_id,
        order_id=payment.order_id,
        sequence=sequence,
        destination=destination,
        kind=kind,
        body=written,
        created_at=now,
        next_try_at=now,
    )


def _order_state(payment: Payment, kind: str, facts: dict[str, Any], sequence: int) -> dict[str, Any]:
    """The full state, so that a newer message may overtake an undelivered older one."""
    settling = payment.settling_capture
    given_back = min(_gone_of_the_price(payment, settling).minor, payment.amount.minor) if settling else 0
    return {
        "payment_status": kind,
        "payment_id": str(payment.payment_id),
        "amount": payment.amount.decimal,
        "currency": payment.amount.currency.code,
        "refunded_amount": Money(given_back, payment.amount.currency).decimal,
        "reason": facts.get("reason"),
        "sequence": sequence,
    }


def _name(payment: Payment, destination: Destination, kind: str, sequence: int, written: bytes) -> str:
    """What a message's id is made of: told again after a restore, the same news should be known by it.

    That holds for a mail, and for "paid", which an order hears once: a receiver that knows it does not ship
    again. Any other state may have been followed by one that the restored database has forgotten, so each
    has an id of its own, and is believed.
    """
    if destination is Destination.PAYER:
        return f"message:{place_of(sequence)}:{kind}:{hashlib.sha256(written).hexdigest()}"
    settling = payment.settling_capture
    if kind == "paid" and settling is not None:
        return f"message:paid:{settling.key}"
    return f"message:{sequence}:{kind}"
