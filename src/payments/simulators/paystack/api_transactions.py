"""Initialize, verify, list, fetch, timeline and totals (fact sheet, sections 3, 5 and 6)."""

import time
from collections import Counter
from http import HTTPStatus
from typing import Any

import attrs
from starlette.requests import Request
from starlette.responses import JSONResponse

from payments.simulators.paystack import formats, problems, transaction_bodies
from payments.simulators.paystack.api_answers import domain_of, done, fields_of, page, period_of
from payments.simulators.paystack.problems import Problem
from payments.simulators.paystack.simulation import Simulation
from payments.simulators.paystack.transactions import Transaction
from payments.simulators.paystack.validation import (
    amount_of,
    channels_of,
    complaint,
    metadata_of,
    reference_of,
)


async def initialize(simulation: Simulation, request: Request) -> JSONResponse:
    """Create a transaction and answer with its checkout page, or with the first complaint."""
    domain = domain_of(simulation.config, request)
    if isinstance(domain, Problem):
        return domain.answer()
    fields = await fields_of(request)
    refused = why_not(simulation, domain, fields)
    if refused is not None:
        return refused.answer()
    transaction = opened(simulation, domain, fields, "transaction_initialize")
    simulation.ledger.put(transaction)
    data = {
        "authorization_url": simulation.authorization_url(transaction),
        "access_code": transaction.access_code,
        "reference": transaction.reference,
    }
    shown = simulation.switchboard.current(transaction.reference).authorization_url
    if shown == "missing":
        del data["authorization_url"]
    if shown == "foreign":
        data["authorization_url"] = f"https://checkout.paystack.example/{transaction.access_code}"
    return done("Authorization URL created", data)


def why_not(simulation: Simulation, domain: str, fields: dict[str, Any]) -> Problem | None:
    """Return why these fields open no transaction, in the order of section 3; None when they do."""
    reference = reference_of(fields)
    switches = simulation.switchboard.current(reference)
    found = complaint(
        fields,
        simulation.config.currencies,
        charset=switches.reference_charset,
        minimums=switches.minimums == "enforced",
    )
    if found is not None:
        return found
    if reference is not None and simulation.ledger.by_reference(domain, reference) is not None:
        return problems.DUPLICATE_REFERENCE
    if fields.get("split_code") is not None:
        return problems.UNKNOWN_SPLIT
    return problems.UNKNOWN_SUBACCOUNT if fields.get("subaccount") is not None else None


def opened(simulation: Simulation, domain: str, fields: dict[str, Any], entry_point: str) -> Transaction:
    """Return a new transaction of fields that were found good."""
    amount = amount_of(fields["amount"])
    if isinstance(amount, Problem):
        raise TypeError("the amount was validated before")
    callback_url, label = fields.get("callback_url"), fields.get("label")
    return Transaction(
        id=simulation.ledger.next_transaction_id(),
        domain=domain,
        reference=reference_of(fields) or formats.generated_reference(),
        access_code=formats.access_code(),
        requested_amount=amount,
        amount=amount,
        currency=fields.get("currency") or simulation.config.currencies[0],
        customer=simulation.ledger.customer(domain, fields["email"]),
        metadata=metadata_of(fields),
        callback_url=callback_url if isinstance(callback_url, str) else simulation.config.callback_url,
        channels=channels_of(fields),
        label=label if isinstance(label, str) else None,
        entry_point=entry_point,
        created_at=time.time(),
    )


async def verify(simulation: Simulation, request: Request) -> JSONResponse:
    """Answer 200 for every known reference, paid or not."""
    domain = domain_of(simulation.config, request)
    if isinstance(domain, Problem):
        return domain.answer()
    reference = request.path_params["reference"]
    switches = simulation.switchboard.current(reference)
    transaction = simulation.ledger.by_reference(domain, reference)
    if transaction is None:
        documented = switches.unknown_reference == "docs"
        unknown = problems.UNKNOWN_REFERENCE
        return (attrs.evolve(unknown, status=HTTPStatus.NOT_FOUND) if documented else unknown).answer()
    return done("Verification successful", transaction_bodies.verified(transaction, switches))


async def fetch(simulation: Simulation, request: Request) -> JSONResponse:
    """Answer by number only."""
    domain = domain_of(simulation.config, request)
    if isinstance(domain, Problem):
        return domain.answer()
    transaction = simulation.ledger.by_id(request.path_params["id"])
    if transaction is None or transaction.domain != domain:
        return problems.UNKNOWN_TRANSACTION.answer()
    return done("Transaction retrieved", transaction_bodies.fetched(transaction))


async def timeline(simulation: Simulation, request: Request) -> JSONResponse:
    """Answer with what the customer did, by number or reference."""
    domain = domain_of(simulation.config, request)
    if isinstance(domain, Problem):
        return domain.answer()
    transaction = simulation.ledger.named(domain, request.path_params["name"])
    if transaction is None:
        return problems.UNKNOWN_TIMELINE.answer()
    return done("Timeline retrieved", transaction_bodies.log(transaction))


async def listing(simulation: Simulation, request: Request) -> JSONResponse:
    """Answer with a page of the domain's transactions, newest first."""
    found = _found(simulation, request)
    if isinstance(found, Problem):
        return found.answer()
    volume = sum(transaction.amount for transaction in found)
    return page(request, "Transactions retrieved", found, transaction_bodies.listed, total_volume=volume)


async def totals(simulation: Simulation, request: Request) -> JSONResponse:
    """Answer with what was paid, by currency."""
    found = _found(simulation, request)
    if isinstance(found, Problem):
        return found.answer()
    paid = [transaction for transaction in found if transaction.status == "success"]
    volumes: Counter[str] = Counter()
    for transaction in paid:
        volumes[transaction.currency] += transaction.amount
    by_currency = [{"currency": currency, "amount": amount} for currency, amount in volumes.items()]
    data = {
        "total_transactions": len(paid),
        "total_volume": volumes.total(),
        "total_volume_by_currency": by_currency,
        "pending_transfers": volumes.total(),
        "pending_transfers_by_currency": by_currency,
    }
    return done("Transaction totals", data)


def _found(simulation: Simulation, request: Request) -> list[Transaction] | Problem:
    domain = domain_of(simulation.config, request)
    if isinstance(domain, Problem):
        return domain
    period = period_of(request.query_params)
    if isinstance(period, Problem):
        return period
    begin, end = period
    return [
        transaction
        for transaction in reversed(simulation.ledger.all())
        if transaction.domain == domain
        and begin <= transaction.created_at <= end
        and _wanted(transaction, request)
    ]


def _wanted(transaction: Transaction, request: Request) -> bool:
    """Return whether the filters let it through; a customer's code, unlike the number, finds nothing [6]."""
    told = {
        "status": transaction.status,
        "channel": transaction.channel or "card",
        "amount": str(transaction.amount),
        "currency": transaction.currency,
        "customer": str(transaction.customer.id),
        "customer_code": transaction.customer.customer_code,
    }
    asked = request.query_params
    return all(asked[name] == value for name, value in told.items() if asked.get(name))
