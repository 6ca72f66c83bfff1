"""What the payment's page offers to whom about money that may go back."""

from uuid import UUID

from payments.domain.payment import Payment
from payments.domain.persons import owes, same_person
from payments.domain.refund import refundable
from payments.domain.transitions import RefundStatus
from payments.entrypoints.http.auth import Caller, Scope


def sendable(payment: Payment, caller: Caller) -> frozenset[UUID]:
    """The captures of which ``caller`` may send something back: none of what they paid themselves."""
    if not caller.may(Scope.REFUND) or owes(payment, caller.user):
        return frozenset()
    return frozenset(c.capture_id for c in payment.captures if refundable(c, payment.refunds).minor > 0)


def refusable(payment: Payment, caller: Caller) -> frozenset[UUID]:
    """The refunds that wait for somebody's word, where ``caller`` may give one: not the payer."""
    if not caller.may(Scope.REFUND) or owes(payment, caller.user):
        return frozenset()
    return frozenset(r.refund_id for r in payment.refunds if r.status is RefundStatus.AWAITING_APPROVAL)


def approvable(payment: Payment, caller: Caller) -> frozenset[UUID]:
    """Those among them that ``caller`` did not ask for."""
    waiting = refusable(payment, caller)
    return frozenset(
        r.refund_id
        for r in payment.refunds
        if r.refund_id in waiting and not same_person(r.actor, caller.actor)
    )
