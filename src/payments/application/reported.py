"""What callbacks say of an attempt's money, which of it is here, and by which name to ask about the rest."""

from datetime import datetime

import attrs

from payments.application.ports.providers import Callback
from payments.application.ports.repository import Transaction
from payments.application.records import Claim
from payments.domain import events as happened
from payments.domain.attempt import Attempt
from payments.domain.capture import Vouched
from payments.domain.events import ReviewKind
from payments.domain.evidence import Report
from payments.domain.payment import Change, Payment
from payments.domain.reviewing import was_asked


def name_to_ask_by(payment: Payment, attempt: Attempt, callbacks: tuple[Callback, ...]) -> str | None:
    """The provider's name for what is asked about: its own for the attempt, or one that a callback gives.

    An attempt that was paid is asked about by the names of money that is not here: it came more than once.
    One that ended without money may have been paid under any, and is asked about by all of them in turns.
    """
    own = attempt.provider_reference
    if not callbacks:
        return own
    names = uncounted(payment, attempt, callbacks)
    if own is not None and attempt.live and not payment.has_own_money(attempt.reference):
        return own
    open_still = not payment.has_own_money(attempt.reference) or payment.was_paid_under_other_names(attempt)
    if own is not None and own not in names and open_still:
        names = (*names, own)
    if not names:
        return own or _name_given(callbacks)
    return names[attempt.checks % len(names)]


def uncounted(payment: Payment, attempt: Attempt, callbacks: tuple[Callback, ...]) -> tuple[str, ...]:
    """The names, newest first, under which callbacks say that it was paid, and which no money here bears."""
    here = [capture for capture in payment.captures if capture.reference == attempt.reference]
    counted = {name for capture in here for name in capture.names}
    receipts = {said.receipt for said in callbacks}
    own = attempt.provider_reference or _name_given(callbacks)
    unnamed = {said.receipt for said in callbacks if said.provider_reference == own} <= {None}
    if own and unnamed and any(c.vouched is Vouched.RECORDED and not c.names & receipts for c in here):
        # Nobody reported what a person recorded, nor another receipt of what our own request asked for.
        counted.add(own)
    names: dict[str, None] = {}
    for said in reversed(callbacks):
        name = said.provider_reference
        if said.claim is Claim.PAID and name is not None and not counted & {name, said.receipt or name}:
            names[name] = None
    return tuple(names)


def _name_given(callbacks: tuple[Callback, ...]) -> str | None:
    """The provider's name for an attempt, as its callbacks give it: the newest that says "paid", else any."""
    named = [c for c in callbacks if c.provider_reference is not None]
    paid = [c for c in named if c.claim is Claim.PAID]
    return next((c.provider_reference for c in reversed(paid or named)), None)


def were_recorded(payment: Payment, reference: str, callbacks: tuple[Callback, ...], since: datetime) -> bool:
    """Whether people recorded after ``since`` as many payments as callbacks name beside what is here.

    Each record stands for one of them. Under the name that our own request got, or one as long as a name that
    was reported, people saw other money.
    """
    attempt = payment.attempt(reference)
    here = [capture for capture in payment.captures if capture.reference == reference]
    borne = {name for capture in here for name in capture.names}
    paid = dict[str, set[str]]()
    for said in callbacks:
        name = said.provider_reference
        if said.claim is Claim.PAID and name is not None:
            paid[name] = paid.get(name, set()) | {name, said.receipt or name}
    missing = [names for names in paid.values() if not names & borne]
    # On a page people see one payment, whatever they call it.
    told = set().union(*paid.values(), {attempt.provider_reference or ""}) if attempt.prompted else set()
    lengths = {len(name) for name in told}
    recorded = [
        capture
        for capture in here
        if capture.vouched is Vouched.RECORDED
        and capture.captured_at > since
        and len(capture.key) not in lengths
    ]
    return len(recorded) >= max(1, len(missing))


def report_of(callbacks: tuple[Callback, ...], name: str | None) -> Report | None:
    """The newest report of money under this name."""
    for said in reversed(callbacks):
        if (
            said.claim is Claim.PAID
            and said.provider_reference is not None
            and said.provider_reference == name
        ):
            return Report(provider_reference=name, amount=said.amount, receipt=said.receipt)
    return None


async def recorded_by(transaction: Transaction, attempt: Attempt, receipt: str | None) -> str | None:
    """The attempt whose money bears this receipt as its key: a person recorded it by that."""
    if receipt is None:
        return None
    return await transaction.attempt_holding(attempt.provider, attempt.mode, receipt, None)


async def with_free_receipt(
    transaction: Transaction, attempt: Attempt, report: Report, recorded: str | None
) -> Report:
    """The report, without a receipt that other money has already, or was ``recorded`` by."""
    if report.receipt is None:
        return report
    holder = recorded or await transaction.attempt_with_receipt(
        attempt.provider, attempt.mode, report.receipt
    )
    return report if holder in (None, attempt.reference) else attrs.evolve(report, receipt=None)


def names_other_money(payment: Payment, attempt: Attempt, report: Report) -> bool:
    """Whether other money of this very attempt bears the receipt of ``report``: a person recorded it."""
    return any(
        capture.reference == attempt.reference
        and capture.key != report.provider_reference
        and report.receipt in capture.names
        for capture in payment.captures
    )


async def asked_whose(transaction: Transaction, change: Change, attempt: Attempt, report: Report) -> Change:
    """Ask a person, once, about a receipt that is reported of this money and is that of other money."""
    detail = f"Its receipt {report.receipt} is that of other money that counts: both may be the same."
    question = happened.ReviewOpened(
        kind=ReviewKind.DISPUTE, subject=f"{attempt.reference}:{report.receipt}", detail=detail
    )
    if was_asked(question, await transaction.reviews_of(change.payment.payment_id)):
        return change
    return Change(change.payment, (*change.events, question))
