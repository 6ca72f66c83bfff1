"""Who an actor is, and what nobody does for themselves: decide about a payment that they owe."""

from payments.domain.errors import OperatorIsPayer
from payments.domain.payment import Payment


def person(actor: str) -> str:
    """Who ``actor`` (``role:sub``) is, in whichever role: nobody does in one what another forbids them."""
    return actor.partition(":")[2] or actor


def same_person(one: str, another: str) -> bool:
    """Whether two actors are one person, in whichever roles; a ``sub`` may hold a colon, and stand alone."""
    return not {one, person(one)}.isdisjoint({another, person(another)})


def owes(payment: Payment, sub: str) -> bool:
    """Whether the person called ``sub`` is the payer of ``payment``."""
    return payment.payer == sub


def refuse_payer(payment: Payment, actor: str) -> None:
    """Return if ``actor`` is somebody else than the payer, and may decide about ``payment``.

    Raises:
        OperatorIsPayer: they owe it.
    """
    if owes(payment, person(actor)) or owes(payment, actor):
        raise OperatorIsPayer
