"""Refunds: create, list, fetch, retry (fact sheet, section 8)."""

from typing import Any

import attrs
from starlette.requests import Request
from starlette.responses import JSONResponse

from payments.simulators.paystack import problems, refund_bodies, refunds
from payments.simulators.paystack.api_answers import domain_of, done, fields_of, page, period_of
from payments.simulators.paystack.problems import Problem
from payments.simulators.paystack.simulation import Simulation
from payments.simulators.paystack.transactions import Refund, Transaction
from payments.simulators.paystack.validation import amount_of

_GHS_FLOOR = 50
_GHS_MINIMUM = 100
# The accounts whose refunds end badly [12].
_ENDS_BY_ACCOUNT = {"1012204936": "failed", "1012204935": "needs-attention"}
_DETAILS = ("currency", "account_number", "bank_id")


async def create(simulation: Simulation, request: Request) -> JSONResponse:
    """Queue a refund of a payment named by reference or number; nothing keeps a second call from a second."""
    domain = domain_of(simulation.config, request)
    if isinstance(domain, Problem):
        return domain.answer()
    fields = await fields_of(request)
    if fields.get("transaction") is None:
        return problems.required("Transaction").answer()
    transaction = simulation.ledger.named(domain, fields["transaction"])
    if transaction is None:
        return problems.NOTHING_TO_REFUND.answer()
    amount = _amount(simulation, transaction, fields)
    if isinstance(amount, Problem):
        return amount.answer()
    refund = refunds.start_refund(
        simulation,
        transaction,
        amount,
        customer_note=_text(fields.get("customer_note")),
        merchant_note=_text(fields.get("merchant_note")),
    )
    return done("Refund has been queued for processing", refund_bodies.created(refund, transaction))


def _amount(simulation: Simulation, transaction: Transaction, fields: dict[str, Any]) -> int | Problem:
    """Return what is to go back; without an amount it is the whole of it again, whatever went before."""
    currency, asked = fields.get("currency"), fields.get("amount")
    if not transaction.paid:
        return problems.REFUND_OF_UNPAID
    if transaction.status == "reversed":
        return problems.FULLY_REVERSED
    if currency is not None and currency != transaction.currency:
        return problems.REFUND_CURRENCY
    amount = transaction.amount if asked is None else amount_of(asked)
    return amount if isinstance(amount, Problem) else _within_limits(simulation, transaction, amount)


def _within_limits(simulation: Simulation, transaction: Transaction, amount: int) -> int | Problem:
    if amount > transaction.amount:
        return problems.REFUND_EXCEEDS
    if amount > refunds.left_to_refund(simulation, transaction):
        return problems.REFUNDS_EXCEED
    return _too_small(transaction, amount) or _unfunded(simulation, transaction) or amount


def _too_small(transaction: Transaction, amount: int) -> Problem | None:
    if transaction.currency != "GHS" or amount >= _GHS_MINIMUM:
        return None
    return problems.REFUND_TOO_SMALL if amount < _GHS_FLOOR else problems.REFUND_BELOW_MINIMUM


def _unfunded(simulation: Simulation, transaction: Transaction) -> Problem | None:
    balance = simulation.switchboard.current(transaction.reference).balance
    return problems.BALANCE_TOO_LOW if balance == "insufficient" else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


async def listing(simulation: Simulation, request: Request) -> JSONResponse:
    """Answer with a page of refunds, newest first. A reference finds none, and currency is not heeded."""
    domain = domain_of(simulation.config, request)
    if isinstance(domain, Problem):
        return domain.answer()
    period = period_of(request.query_params)
    if isinstance(period, Problem):
        return period.answer()
    begin, end = period
    wanted = request.query_params.get("transaction")
    found = [
        (refund, transaction)
        for refund in reversed(simulation.ledger.refunds())
        if begin <= refund.created_at <= end
        and (not wanted or wanted == str(refund.transaction_id))
        and (transaction := _of(simulation, domain, refund)) is not None
    ]
    return page(request, "Refunds retrieved", found, lambda row: refund_bodies.fetched(*row))


async def fetch(simulation: Simulation, request: Request) -> JSONResponse:
    found = _by_path(simulation, request)
    if isinstance(found, Problem):
        return found.answer()
    return done("Refund retrieved", refund_bodies.fetched(*found))


async def retry(simulation: Simulation, request: Request) -> JSONResponse:
    """Try a refund that needs attention again, into an account of the customer's."""
    found = _by_path(simulation, request)
    if isinstance(found, Problem):
        return found.answer()
    refund, transaction = found
    if refund.status != "needs-attention":
        return problems.REFUND_STATE.answer()
    details = (await fields_of(request)).get("refund_account_details")
    missing = [name for name in _DETAILS if not isinstance(details, dict) or details.get(name) is None]
    if not isinstance(details, dict) or missing:
        return problems.required("Refund account details" if not details else missing[0]).answer()
    end = _ENDS_BY_ACCOUNT.get(str(details["account_number"]), "processed")
    retried = refunds.move_refund(simulation, attrs.evolve(refund, end=end), "processing")
    body = refund_bodies.fetched(retried, transaction)
    return done("Refund retried and has been queued for processing", body)


def _by_path(simulation: Simulation, request: Request) -> tuple[Refund, Transaction] | Problem:
    domain = domain_of(simulation.config, request)
    if isinstance(domain, Problem):
        return domain
    refund = simulation.ledger.refund(request.path_params["id"])
    transaction = None if refund is None else _of(simulation, domain, refund)
    return problems.UNKNOWN_REFUND if refund is None or transaction is None else (refund, transaction)


def _of(simulation: Simulation, domain: str, refund: Refund) -> Transaction | None:
    transaction = simulation.ledger.by_id(refund.transaction_id)
    return transaction if transaction is not None and transaction.domain == domain else None
