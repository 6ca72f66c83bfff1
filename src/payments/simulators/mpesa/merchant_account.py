"""The shop's own balance at Daraja: what arrived, less what went back, over a float."""

from payments.simulators.mpesa.simulation import Simulation

_FLOAT_KES = 1_000_000


def balance(simulation: Simulation) -> int:
    """Return the balance in whole shillings."""
    payments = simulation.ledger.payments()
    return _FLOAT_KES + sum(payment.amount - payment.reversed_amount for payment in payments)


def balance_text(simulation: Simulation) -> str:
    return f"{balance(simulation)}.00"
