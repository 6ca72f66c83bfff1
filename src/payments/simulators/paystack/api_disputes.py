"""Disputes: list, fetch, change, answer (fact sheet, section 9). The sheet names no texts: they are ours."""

import time
from typing import Any

import attrs
from starlette.requests import Request
from starlette.responses import JSONResponse

from payments.simulators.paystack import dispute_bodies, disputes, formats, problems
from payments.simulators.paystack.api_answers import domain_of, done, fields_of, page, period_of
from payments.simulators.paystack.problems import Problem
from payments.simulators.paystack.simulation import Simulation
from payments.simulators.paystack.transactions import Dispute, Transaction
from payments.simulators.paystack.validation import amount_of

_EVIDENCE = ("customer_email", "customer_name", "customer_phone", "service_details")
_BY_MERCHANT = ("merchant-accepted", "declined")

Pair = tuple[Dispute, Transaction]


async def listing(simulation: Simulation, request: Request) -> JSONResponse:
    """Answer with a page of disputes, newest first."""
    domain = domain_of(simulation.config, request)
    if isinstance(domain, Problem):
        return domain.answer()
    period = period_of(request.query_params)
    if isinstance(period, Problem):
        return period.answer()
    begin, end = period
    asked = request.query_params
    found = [
        (dispute, transaction)
        for dispute in reversed(simulation.ledger.disputes())
        if begin <= dispute.created_at <= end
        and asked.get("transaction") in (None, "", str(dispute.transaction_id))
        and asked.get("status") in (None, "", dispute.status)
        and (transaction := _of(simulation, domain, dispute)) is not None
    ]
    return page(request, "Disputes retrieved", found, lambda row: dispute_bodies.written(*row))


async def fetch(simulation: Simulation, request: Request) -> JSONResponse:
    found = _by_path(simulation, request)
    if isinstance(found, Problem):
        return found.answer()
    return done("Dispute retrieved", dispute_bodies.written(*found))


async def of_transaction(simulation: Simulation, request: Request) -> JSONResponse:
    """Answer with the newest dispute of a transaction, named by its number."""
    domain = domain_of(simulation.config, request)
    if isinstance(domain, Problem):
        return domain.answer()
    transaction = simulation.ledger.by_id(request.path_params["id"])
    found = [] if transaction is None else simulation.ledger.disputes(transaction.id)
    if transaction is None or transaction.domain != domain or not found:
        return problems.UNKNOWN_DISPUTE.answer()
    return done("Dispute retrieved successfully", dispute_bodies.written(found[-1], transaction))


async def update(simulation: Simulation, request: Request) -> JSONResponse:
    """Change how much is offered back."""
    found = _open(simulation, request)
    if isinstance(found, Problem):
        return found.answer()
    dispute, transaction = found
    amount = _refund_amount(await fields_of(request), transaction)
    if isinstance(amount, Problem):
        return amount.answer()
    changed = attrs.evolve(dispute, refund_amount=amount, updated_at=time.time())
    simulation.ledger.put_dispute(changed)
    return done("Dispute updated successfully", [dispute_bodies.written(changed, transaction)])


async def add_evidence(simulation: Simulation, request: Request) -> JSONResponse:
    """Take the merchant's evidence."""
    found = _open(simulation, request)
    if isinstance(found, Problem):
        return found.answer()
    dispute, _ = found
    fields = await fields_of(request)
    for name in _EVIDENCE:
        if fields.get(name) is None:
            return problems.required(name).answer()
    at = formats.timestamp(time.time())
    given = {name: fields.get(name) for name in (*_EVIDENCE, "delivery_address", "delivery_date")}
    evidence = {**given, "dispute": dispute.id, "id": dispute.id, "createdAt": at, "updatedAt": at}
    disputes.add_evidence(simulation, dispute, evidence)
    return done("Evidence created", evidence)


async def upload_url(simulation: Simulation, request: Request) -> JSONResponse:
    """Answer with where a file would go; nothing is taken there."""
    found = _by_path(simulation, request)
    if isinstance(found, Problem):
        return found.answer()
    name = request.query_params.get("upload_filename")
    if not name:
        return problems.required("upload_filename").answer()
    stored = f"{formats.generated_reference()}_{name}"
    data = {"signedUrl": f"{simulation.config.public_url}/uploads/{stored}", "fileName": stored}
    return done("Upload url generated", data)


async def resolve(simulation: Simulation, request: Request) -> JSONResponse:
    """Accept the dispute, or decline it."""
    found = _open(simulation, request)
    if isinstance(found, Problem):
        return found.answer()
    dispute, transaction = found
    fields = {"refund_amount": dispute.refund_amount, **await fields_of(request)}
    for name in ("resolution", "message"):
        if fields.get(name) is None:
            return problems.required(name).answer()
    if fields["resolution"] not in _BY_MERCHANT:
        return problems.INVALID_RESOLUTION.answer()
    amount = _refund_amount(fields, transaction)
    if isinstance(amount, Problem):
        return amount.answer()
    offered = attrs.evolve(dispute, refund_amount=amount)
    resolved, after = disputes.resolve(simulation, offered, fields["resolution"], str(fields["message"]))
    return done("Dispute successfully resolved", dispute_bodies.written(resolved, after))


def _refund_amount(fields: dict[str, Any], transaction: Transaction) -> int | Problem:
    if fields.get("refund_amount") is None:
        return problems.required("refund_amount")
    amount = 0 if fields["refund_amount"] in (0, "0") else amount_of(fields["refund_amount"])
    if isinstance(amount, int) and amount > transaction.amount:
        return problems.REFUND_EXCEEDS
    return amount


def _open(simulation: Simulation, request: Request) -> Pair | Problem:
    found = _by_path(simulation, request)
    if isinstance(found, Problem):
        return found
    return problems.DISPUTE_RESOLVED if found[0].status == "resolved" else found


def _by_path(simulation: Simulation, request: Request) -> Pair | Problem:
    domain = domain_of(simulation.config, request)
    if isinstance(domain, Problem):
        return domain
    dispute = simulation.ledger.dispute(request.path_params["id"])
    transaction = None if dispute is None else _of(simulation, domain, dispute)
    return problems.UNKNOWN_DISPUTE if dispute is None or transaction is None else (dispute, transaction)


def _of(simulation: Simulation, domain: str, dispute: Dispute) -> Transaction | None:
    transaction = simulation.ledger.by_id(dispute.transaction_id)
    return transaction if transaction is not None and transaction.domain == domain else None
