"""What `/_sim/` does to transactions, refunds and disputes; the package's docstring lists it all."""

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any

import attrs
from starlette.requests import Request
from starlette.responses import JSONResponse

from payments.simulators.calls import ControlError, control_body
from payments.simulators.control_surface import problem
from payments.simulators.paystack import authorizations, disputes, instruments, outcomes, refunds
from payments.simulators.paystack.announcements import announce_success
from payments.simulators.paystack.problems import Problem
from payments.simulators.paystack.simulation import Simulation
from payments.simulators.paystack.transactions import Dispute, Refund, Transaction
from payments.simulators.paystack.validation import CHANNELS, amount_of

_REFUND_ENDS = ("pending", "processing", "processed", "failed", "needs-attention")


def _view(
    simulation: Simulation,
    transaction: Transaction,
    refunds: Sequence[Refund],
    disputes: Sequence[Dispute],
) -> dict[str, Any]:
    return {
        **attrs.asdict(transaction),
        "authorization_url": simulation.authorization_url(transaction),
        "refunds": [attrs.asdict(refund) for refund in refunds],
        "disputes": [attrs.asdict(dispute) for dispute in disputes],
    }


async def list_transactions(simulation: Simulation, _request: Request) -> JSONResponse:
    refunds: dict[int, list[Refund]] = {}
    for refund in simulation.ledger.refunds():
        refunds.setdefault(refund.transaction_id, []).append(refund)
    disputes: dict[int, list[Dispute]] = {}
    for dispute in simulation.ledger.disputes():
        disputes.setdefault(dispute.transaction_id, []).append(dispute)
    views = [
        _view(simulation, one, refunds.get(one.id, ()), disputes.get(one.id, ()))
        for one in simulation.ledger.all()
    ]
    return JSONResponse({"count": len(views), "transactions": views})


async def show_transaction(simulation: Simulation, request: Request) -> JSONResponse:
    transaction = _named(simulation, request)
    if transaction is None:
        return problem(HTTPStatus.NOT_FOUND, "unknown reference")
    ledger = simulation.ledger
    refunds, disputes = ledger.refunds(transaction.id), ledger.disputes(transaction.id)
    return JSONResponse(_view(simulation, transaction, refunds, disputes))


def _named(simulation: Simulation, request: Request) -> Transaction | None:
    """Find by reference: in the domain the query names, or in test mode, then live."""
    reference, domain = request.path_params["reference"], request.query_params.get("domain")
    if domain is None:
        return simulation.ledger.by_any_domain(reference)
    return simulation.ledger.by_reference(domain, reference)


Act = Callable[[Simulation, Transaction, dict[str, Any]], str | None]


async def act(simulation: Simulation, request: Request) -> JSONResponse:
    """Carry out one of the actions on a transaction; 409 tells why it cannot be."""
    try:
        body = await control_body(request)
        transaction = _named(simulation, request)
        action = _ACTIONS.get(request.path_params["action"])
        if transaction is None or action is None:
            return problem(HTTPStatus.NOT_FOUND, "unknown reference or action")
        refused = action(simulation, transaction, body)
    except ValueError as error:
        return problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
    if refused is not None:
        return problem(HTTPStatus.CONFLICT, refused)
    return await show_transaction(simulation, request)


def _amount(body: dict[str, Any]) -> int | None:
    if body.get("amount") is None:
        return None
    amount = amount_of(body["amount"])
    if isinstance(amount, Problem):
        raise ControlError(f"amount: {amount.message}")
    return amount


def _text(body: dict[str, Any], name: str, default: str) -> str:
    return str(body.get(name) or default)


def _pay(simulation: Simulation, transaction: Transaction, body: dict[str, Any]) -> str | None:
    if transaction.paid:
        return "already paid"
    channel = _text(body, "channel", "card")
    if channel not in CHANNELS:
        raise ControlError(f"channel must be one of {', '.join(CHANNELS)}")
    currency = body.get("currency")
    authorization, refund_end = None, "processed"
    if channel == "card":
        card = instruments.card(_text(body, "card", instruments.CARDS[0].number))
        if card is None:
            raise ControlError("card must be one of the test cards")
        authorization = authorizations.of_card(card, transaction.currency, ("12", "2030"))
        refund_end = card.refund_end
    elif (wallet := instruments.wallet_for(transaction.currency)) is not None and channel == "mobile_money":
        authorization = authorizations.of_wallet(wallet, _text(body, "phone", wallet.number))
    paid = outcomes.succeed(
        simulation,
        transaction,
        channel,
        authorization=authorization,
        refund_end=refund_end,
        amount=_amount(body),
        currency=None if currency is None else str(currency),
    )
    announce_success(simulation, paid)
    return None


def _fail(simulation: Simulation, transaction: Transaction, body: dict[str, Any]) -> str | None:
    if transaction.paid:
        return "already paid"
    reason, channel = _text(body, "reason", "Incorrect PIN"), _text(body, "channel", "card")
    outcomes.fail(simulation, transaction, channel, reason)
    return None


def _decline(simulation: Simulation, transaction: Transaction, body: dict[str, Any]) -> str | None:
    if transaction.paid:
        return "already paid"
    reason, channel = _text(body, "reason", instruments.DECLINED), _text(body, "channel", "card")
    outcomes.decline(simulation, transaction, channel, reason)
    return None


def _abandon(simulation: Simulation, transaction: Transaction, _body: dict[str, Any]) -> str | None:
    if transaction.paid:
        return "already paid"
    outcomes.leave(simulation, transaction, "Customer closed the page")
    return None


def _refund(simulation: Simulation, transaction: Transaction, body: dict[str, Any]) -> str | None:
    left = refunds.left_to_refund(simulation, transaction)
    amount = _amount(body) or left
    if not transaction.paid or transaction.status == "reversed" or not 0 < amount <= left:
        return "nothing, or less than that, is left to refund"
    refunds.start_refund(simulation, transaction, amount)
    return None


def _dispute(simulation: Simulation, transaction: Transaction, body: dict[str, Any]) -> str | None:
    amount = _amount(body) or transaction.amount
    if not transaction.paid or transaction.status == "reversed":
        return "there is no payment to dispute"
    if amount > transaction.amount:
        return "more than was paid"
    category = _text(body, "category", "chargeback")
    message = _text(body, "message", "Item never arrived")
    disputes.open_dispute(simulation, transaction, amount, category, message)
    return None


_ACTIONS: dict[str, Act] = {
    "pay": _pay,
    "fail": _fail,
    "decline": _decline,
    "abandon": _abandon,
    "refund": _refund,
    "dispute": _dispute,
}


async def list_refunds(simulation: Simulation, _request: Request) -> JSONResponse:
    found = [attrs.asdict(refund) for refund in simulation.ledger.refunds()]
    return JSONResponse({"count": len(found), "refunds": found})


async def move_refund(simulation: Simulation, request: Request) -> JSONResponse:
    refund = simulation.ledger.refund(request.path_params["id"])
    status = request.path_params["status"]
    if refund is None or status not in _REFUND_ENDS:
        return problem(HTTPStatus.NOT_FOUND, "unknown refund or status")
    return JSONResponse(attrs.asdict(refunds.move_refund(simulation, refund, status)))


async def list_disputes(simulation: Simulation, _request: Request) -> JSONResponse:
    found = [attrs.asdict(dispute) for dispute in simulation.ledger.disputes()]
    return JSONResponse({"count": len(found), "disputes": found})


async def act_on_dispute(simulation: Simulation, request: Request) -> JSONResponse:
    """Remind of a dispute, or resolve it as the last part of the path says."""
    dispute = simulation.ledger.dispute(request.path_params["id"])
    action = request.path_params["action"]
    if dispute is None or action not in ("remind", *disputes.RESOLUTIONS):
        return problem(HTTPStatus.NOT_FOUND, "unknown dispute or action")
    if dispute.status == "resolved":
        return problem(HTTPStatus.CONFLICT, "already resolved")
    if action == "remind":
        return JSONResponse(attrs.asdict(disputes.remind(simulation, dispute)))
    resolved, _ = disputes.resolve(simulation, dispute, action)
    return JSONResponse(attrs.asdict(resolved))
