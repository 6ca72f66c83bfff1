"""What happened to a payment, in plain sentences for the people who ask why."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from payments.application.records import Destination, Message, MessageState, Notice
from payments.application.sequences import place_of
from payments.domain.attempt import Attempt
from payments.domain.evidence import Channel, Evidence, Outcome
from payments.domain.payment import Payment
from payments.domain.refund import PENDING, Refund
from payments.domain.review import Review, ReviewState
from payments.domain.transitions import AttemptStatus, PaymentStatus, RefundStatus

_REASONS: Final = {
    "declined": "the provider declined it",
    "refused": "the provider refused to open a checkout",
    "not_sent": "the provider could not be reached, so nothing was sent",
    "timed_out": "nobody paid in time",
    "cancelled_by_payer": "it was cancelled",
    "superseded": "another attempt took its place",
    "order_closed": "the order can no longer be paid",
    "never_created": "the provider never knew it",
    "returned": "the money went back",
}

_DISPOSITIONS: Final = {
    "settles": "settles the payment",
    "surplus": "is more than was owed",
    "held": "is held until a person decides",
}

_EVENTS: Final[dict[str, Callable[[dict[str, Any]], str]]] = {
    "PaymentInitiated": lambda _: "The payment is processing: the payer has something to pay with.",
    "PaymentSucceeded": lambda _: "The payment is paid.",
    "PaymentFailed": lambda e: f"The payment is failed for now: {_REASONS[e['reason']]}. It may be retried.",
    "PaymentRetried": lambda _: "The payment is processing again.",
    "AttemptClaimed": lambda e: (
        f"An attempt to collect {e['amount']} through {e['provider']} was put on record."
    ),
    "CheckoutOpened": lambda _: "The provider opened a checkout, and the payer was sent there.",
    "OutcomeLost": lambda e: f"The provider's answer was lost, so the outcome is unknown: {e['detail']}",
    "PayerSeen": lambda _: "The provider says that somebody is paying.",
    "AttemptFailed": lambda e: f"The attempt failed: {_REASONS[e['reason']]}." + _why(e),
    "AttemptExpired": lambda e: (
        f"The attempt expired: {_REASONS[e['reason']]}. Money for it would still count."
    ),
    "AttemptReopened": lambda _: "The same checkout was handed out again.",
    "AttemptSucceeded": lambda _: "Money arrived for this attempt.",
    "PageClosed": lambda _: "Nobody can pay on its checkout any more.",
    "CheckoutFoundLate": lambda _: "A checkout came back late, when its attempt was no longer claimed.",
    "CaptureRecorded": lambda e: (
        f"{e['amount']} arrived (transaction {e['key']}); it {_DISPOSITIONS[e['disposition']]}."
    ),
    "ReceiptLearnt": lambda e: f"Another name of this money became known: {e['receipt']}.",
    "CaptureAccepted": lambda _: "The held money was accepted as the payment.",
    "CaptureSurplus": lambda _: "The held money was accepted, as surplus.",
    "RefundReserved": lambda e: (
        f"{e['amount']} was set aside to go back"
        + (", and waits for a second person's approval" if e["awaiting_approval"] else "")
        + f": {e['reason']}"
    ),
    "RefundRecorded": lambda e: f"{e['amount']} went back at the provider.",
    "RefundApproved": lambda e: f"The refund was approved by {e['approver']}.",
    "RefundRequested": lambda _: "The refund was asked for.",
    "RefundNamed": lambda e: f"The provider took the refund on as {e['provider_reference']}.",
    "RefundSucceeded": lambda e: "The refund succeeded." + _said(e),
    "RefundFailed": lambda e: (
        ("The refund had succeeded, and the money came back." if e["came_back"] else "The refund failed.")
        + _said(e)
    ),
    "RefundOutcomeLost": lambda e: (
        "The provider's answer about the refund was lost, so its outcome is unknown." + _said(e)
    ),
    "DeliveryCodeWrong": lambda e: (
        f"A collector gave a wrong delivery code, the {_ordinal(e['tries'])} time."
    ),
    "DeliveryCodeUnlocked": lambda _: "A person let collectors try the delivery code again.",
    # By a person, or beforehand by a policy; the event does not tell.
    "ReviewDecided": lambda e: f"It was decided {e['decision']!r} about {e['kind']}: {e['reason']}",
    "ReviewResolved": lambda e: f"The question {e['kind']} is answered ({e['decision']}).",
    "ReviewReturned": lambda e: f"The question {e['kind']} is open again: {e['detail']}",
    "ReviewOpened": lambda e: f"A person has to decide ({e['kind']}): {e['detail']}",
}

_SENT: Final = {
    MessageState.PENDING: "is waiting to be delivered",
    MessageState.DELIVERED: "was delivered",
    MessageState.PARKED: "was refused and is parked for a person",
    MessageState.OVERTAKEN: "was overtaken by a newer one",
}


_AT_THE_DOOR: Final[dict[str, Callable[[dict[str, Any]], str]]] = {
    "CheckoutOpened": lambda _: "The payer pays in cash on delivery, and was shown what to hand over.",
    "AttemptReopened": lambda _: "The payer pays in cash on delivery again.",
    "AttemptFailed": lambda e: f"The attempt failed: {_of_cash(e['reason'])}." + _why(e),
    "PaymentFailed": lambda e: f"The payment is failed for now: {_of_cash(e['reason'])}. It may be retried.",
    "CaptureRecorded": lambda e: (
        f"{e['amount']} in cash was collected (collection {e['key']}); it {_DISPOSITIONS[e['disposition']]}."
    ),
}
"""What reads differently where no provider has a part in it."""


def of_event(event: dict[str, Any], *, at_the_door: bool = False) -> str:
    """One event of the audit trail; ``at_the_door`` when its change is about cash on delivery."""
    sentence = _AT_THE_DOOR.get(event["event"]) if at_the_door else None
    return (sentence or _EVENTS[event["event"]])(event)


def of_evidence(evidence: Evidence, *, at_the_door: bool = False) -> str:
    """One piece of evidence and why we asked; ``at_the_door`` when it is about cash on delivery."""
    detail = f" ({evidence.answer.detail})" if evidence.answer.detail else ""
    if evidence.channel is Channel.OPERATOR:
        return f"A person vouched for {evidence.answer.word!r}{detail} in a review."
    if evidence.channel is Channel.COLLECTOR:
        return f"A collector recorded {_recorded(evidence)}{detail}."
    cause = _CAUSES.get(evidence.cause, evidence.cause)
    if at_the_door:
        return f"Our own records, looked at because of {cause}, said {evidence.answer.word!r}."
    return f"The provider, asked because of {cause}, answered {evidence.answer.word!r}{detail}."


def _recorded(evidence: Evidence) -> str:
    answer = evidence.answer
    if answer.outcome is Outcome.PAID:
        return f"{answer.amount} in cash (collection {answer.capture_key})"
    if answer.outcome is Outcome.DECLINED:
        return "that no cash was handed over at the door"
    return "cash with a wrong delivery code"


_CAUSES: Final = {
    "webhook": "its webhook",
    "redirect": "the payer's return",
    "sweep": "the schedule",
    "initiate": "a new request to pay",
    "cancel": "a request to cancel",
    "operator": "an operator's question",
    "review": "a person who decides a review",
    "page": "the payer's open page",
    "reconcile": "a comparison with its list",
}


def of_notice(notice: Notice) -> str:
    """One notice."""
    handled = f"handled: {notice.outcome.replace('_', ' ')}" if notice.handled_at else "not handled yet"
    return f"{notice.provider} sent a notice, {notice.word!r} ({handled}). It decides nothing by itself."


def of_message(message: Message) -> str:
    """One message of the outbox."""
    who = "The orders service" if message.destination is Destination.ORDERS else "The payer's mail"
    tries = f" after {message.tries} tries" if message.tries > 1 else ""
    trouble = f" ({message.last_error})" if message.last_error else ""
    place = place_of(message.sequence)
    return f"{who}: message {place}, {message.kind!r}, {_SENT[message.state]}{tries}{trouble}."


def of_review(review: Review) -> str:
    """One resolved review."""
    return f"{review.actor} decided {review.decision!r} about {review.kind.value}: {review.reason}"


def summary(payment: Payment) -> str:
    """Where the payment stands, in one sentence."""
    amount = f"{payment.amount} for order {payment.order_id}"
    arrived = " and ".join(str(c.amount) for c in payment.held_captures)
    held = f"{arrived} arrived and is held; the shop will accept it or return it." if arrived else ""
    if held and payment.status is not PaymentStatus.SUCCESS:
        return f"{amount}: {held}"
    if payment.status is PaymentStatus.SUCCESS:
        settling = payment.settling_capture
        by = payment.attempt(settling.reference).provider if settling else "a provider"
        extra = "; more money arrived than was owed" if _more_arrived(payment) else ""
        back = f"; {payment.given_back} went back" if payment.given_back.minor else ""
        return f"{amount} is paid through {by}{extra}{back}." + (f" Besides, {held}" if held else "")
    attempt = payment.current_attempt
    if attempt is None or payment.status is PaymentStatus.PENDING:
        return f"{amount} is pending: nobody was given anything to pay with yet."
    if payment.status is PaymentStatus.FAILED:
        reason = _reason(attempt)
        return f"{amount} is not paid: {reason}. It may be retried, and late money still counts."
    if attempt.on_delivery:
        return f"{amount} is to be paid in cash on delivery; the attempt is {attempt.status.value}."
    return f"{amount} is being paid through {attempt.provider}; the attempt is {attempt.status.value}."


def _more_arrived(payment: Payment) -> bool:
    """Whether more arrived than was owed; fees passed on are what the payer pays for the way it came."""
    settling = payment.settling_capture
    owed = settling.amount if settling and not settling.accepted else payment.amount
    return payment.received > owed


def waiting_for(
    payment: Payment, messages: tuple[Message, ...], reviews: tuple[Review, ...]
) -> tuple[str, ...]:
    """What has to happen next, each in one sentence."""
    waits = [_waits(attempt) for attempt in payment.attempts if attempt.next_check_at is not None]
    waits += [_refund_waits(refund) for refund in payment.refunds if refund.status in PENDING]
    waits += [
        f"A collector's record of {attempt.amount} in cash for {attempt.reference}."
        for attempt in payment.attempts
        if attempt.on_delivery and attempt.live and not payment.was_paid_on(attempt.reference)
    ]
    # One that is decided is open until its refund went, which is waited for above.
    waits += [
        f"A person's decision: {r.kind.value}."
        for r in reviews
        if r.state is ReviewState.OPEN and r.decision is None
    ]
    waits += [
        f"Delivery of message {place_of(m.sequence)}, {m.kind!r}, next tried at {_instant(m.next_try_at)}."
        for m in messages
        if m.state is MessageState.PENDING
    ]
    return tuple(waits)


def may_do(payment: Payment) -> tuple[str, ...]:
    """What the payer or an operator may do now."""
    if payment.held_captures:
        return ("Wait for the shop's decision about the money that arrived.",)
    if payment.status is PaymentStatus.SUCCESS:
        return ()
    live = payment.live_attempt
    if live is not None and live.on_delivery:
        return (
            "Hand the money over at delivery.",
            "Cancel the attempt.",
            "Initiate again to pay another way.",
        )
    if live is not None and live.handed_out_at is None:
        return ("Cancel the attempt.", "Initiate again to get a checkout.")
    if live is not None:
        return ("Pay on the open checkout.", "Cancel the attempt.", "Initiate again to get the checkout.")
    return ("Initiate again to retry.",)


def _reason(attempt: Attempt) -> str:
    if attempt.reason is None:
        return "no attempt is open"
    return _of_cash(attempt.reason.value) if attempt.on_delivery else _REASONS[attempt.reason.value]


def _of_cash(reason: str) -> str:
    return "no cash was handed over at the door" if reason == "declined" else _REASONS[reason]


def _waits(attempt: Attempt) -> str:
    asked = f"asked {attempt.checks} times" if attempt.checks else "not asked yet"
    last = f", last answer {attempt.last_word!r}" if attempt.last_word else ""
    status = "open" if attempt.status is AttemptStatus.OPEN else attempt.status.value
    when = _instant(attempt.next_check_at)
    return f"{attempt.provider}'s answer about {attempt.reference} ({status}; {asked}{last}): next at {when}."


def _refund_waits(refund: Refund) -> str:
    if refund.status is RefundStatus.AWAITING_APPROVAL:
        return f"A second person's approval of the refund of {refund.amount} that {refund.actor} asked for."
    last = f", last word {refund.detail!r}" if refund.detail else ""
    when = _instant(refund.next_check_at)
    return f"The refund of {refund.amount} ({refund.status.value}{last}): next looked at {when}."


def _instant(at: datetime | None) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S UTC") if at else "no set time"


def _ordinal(number: int) -> str:
    return {1: "first", 2: "second", 3: "third", 4: "fourth", 5: "fifth"}.get(number, f"{number}th")


def _said(event: dict[str, Any]) -> str:
    """What the provider said, word for word."""
    return f" It was said: {event['detail']!r}." if event.get("detail") else ""


def _why(event: dict[str, Any]) -> str:
    return f" {event['detail']}" if event.get("detail") else ""
