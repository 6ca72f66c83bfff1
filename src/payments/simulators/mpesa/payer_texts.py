"""What the payer reads: the prompt on the phone, and the SMS after it (fact sheet, sections 3.1 and 4)."""

from payments.simulators.mpesa import formats, result_codes
from payments.simulators.mpesa.prompts import Payment, Prompt
from payments.simulators.mpesa.simulation import Simulation


def prompt_text(simulation: Simulation, prompt: Prompt) -> str:
    """Return the text of the prompt; Daraja sends none of more than 182 characters."""
    organisation = simulation.config.organisation
    return (
        f"Do you want to pay Ksh{prompt.amount:,}.00 to {organisation} "
        f"Account no. {prompt.account_reference}? Enter M-PESA PIN:"
    )


def after(simulation: Simulation, prompt: Prompt) -> str | None:
    """Return the SMS after a prompt has ended, or None where a payer gets none."""
    organisation = simulation.config.organisation
    amount = f"Ksh{prompt.amount:,}.00"
    at = formats.eat(prompt.ended_at or prompt.created_at)
    if prompt.code == result_codes.PAID:
        return (
            f"{prompt.receipt} Confirmed. {amount} sent to {organisation} for account "
            f"{prompt.account_reference} on {at.day}/{at.month}/{at:%y} at {at:%I:%M %p}. "
            "Transaction cost, Ksh0.00."
        )
    if prompt.code == result_codes.INSUFFICIENT:
        return (
            f"Failed. You do not have enough money in your M-PESA account to pay {amount} to {organisation}."
        )
    if prompt.code == result_codes.WRONG_PIN and prompt.shown:
        return f"Failed. You have entered the wrong PIN. {amount} was not sent to {organisation}."
    return None


def after_reversal(simulation: Simulation, payment: Payment, receipt: str, amount: int) -> str:
    return (
        f"{receipt} Confirmed. Your transaction {payment.receipt} with {simulation.config.organisation} "
        f"has been reversed. Ksh{amount:,}.00 is credited to your M-PESA account."
    )
