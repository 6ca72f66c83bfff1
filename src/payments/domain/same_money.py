"""Which money an answer is about: one money may have several names (docs/adr/0034)."""

from payments.domain.capture import Capture, Vouched
from payments.domain.confirming import receipt_of
from payments.domain.finding import Finding
from payments.domain.money import Money
from payments.domain.payment import Payment
from payments.domain.transitions import Disposition


def money_meant(payment: Payment, finding: Finding) -> Capture | None:
    """The money that is here and that the answer is about: by a name of it, else by who said what of it.

    A person and the provider may call one money by different names. Where one of them has told of it, what
    the other says of the same amount is taken for the same, unless a report gives its receipt and that is
    another (ADR 0034).
    """
    here = [capture for capture in payment.captures if capture.reference == finding.reference]
    receipt = receipt_of(finding.answer.capture_key, finding.report)
    named = {finding.answer.capture_key, receipt} - {None}
    for capture in here:
        if named & capture.names:
            return capture
    if finding.vouched is Vouched.ATTACHED or finding.answer.capture_key is None or receipt is not None:
        return None
    attempt = payment.attempt(finding.reference)
    asked_for = attempt.amount
    meant = finding.answer.amounts(asked_for)
    if finding.vouched is Vouched.RECORDED:
        # Under the name that our request got, or beside money whose receipt is known, they saw other money.
        own = finding.answer.capture_key == attempt.provider_reference
        if own and payment.was_paid_under_other_names(attempt):
            return None
        unnamed = (c for c in here if c.vouched is None and c.receipt is None)
        attested = next((c for c in unnamed if _is_of(c, meant, asked_for)), None)
        if attested is not None or attempt.prompted:
            return attested
    # What is told twice of a page, and is as much, is one money, however people call it.
    return next((c for c in here if c.vouched is Vouched.RECORDED and c.amount in meant), None)


def _is_of(capture: Capture, meant: frozenset[Money], asked_for: Money) -> bool:
    """Whether attested money is of one of these amounts; what is not held is of what was asked for."""
    return capture.amount in meant or (capture.disposition is not Disposition.HELD and asked_for in meant)
