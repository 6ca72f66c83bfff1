"""Direct charges: an authorization again, a card, a bank account, mobile money (fact sheet, section 7)."""

from http import HTTPStatus
from typing import Any

import attrs
from starlette.requests import Request
from starlette.responses import JSONResponse

from payments.simulators.paystack import authorizations, instruments, outcomes, problems, transaction_bodies
from payments.simulators.paystack.announcements import announce_success
from payments.simulators.paystack.api_answers import domain_of, done, fields_of
from payments.simulators.paystack.api_transactions import opened, why_not
from payments.simulators.paystack.problems import Problem
from payments.simulators.paystack.simulation import Simulation
from payments.simulators.paystack.transactions import Transaction

_ATTEMPTED = "Charge attempted"
_SHORTEST_PHONE = 9
_ON_THE_PHONE = "Please complete authorization process on your mobile phone"
# The test account of section 12; the code and the birthday it is confirmed with.
_BANK_ASKS = (("birthday", "2007-04-15"), ("otp", "123456"))
_BANK_ACCOUNT = "0000000000"
# Telecel's voucher and Orange's code are asked for; the sheet has a number for Orange's only.
_PROVIDER_ASKS = {"vod": (("otp", "123456"),), "orange": (("otp", "1234"),)}
_PAYBILL = "4084333"


@attrs.frozen(kw_only=True)
class Plan:
    """How a charge goes: what it asks for in turn, whether the payer's phone decides, and how it ends.

    `tells` is added to what the first answer says.
    """

    channel: str
    authorization: dict[str, Any]
    asks: tuple[tuple[str, str], ...] = ()
    on_phone: bool = False
    declined: str | None = None
    refund_end: str = "processed"
    tells: dict[str, Any] = attrs.field(factory=dict)


async def create(simulation: Simulation, request: Request) -> JSONResponse:
    """Attempt a charge; 200 tells that it was taken, `data.status` how it goes."""
    domain = domain_of(simulation.config, request)
    if isinstance(domain, Problem):
        return domain.answer()
    fields = await fields_of(request)
    if (refused := why_not(simulation, domain, fields)) is not None:
        return refused.answer()
    if fields.get("authorization_code") is not None:
        return _charge_again(simulation, domain, fields, "charge")
    currency = fields.get("currency") or simulation.config.currencies[0]
    plan = _plan(fields, currency)
    if isinstance(plan, Problem):
        return plan.answer()
    transaction = opened(simulation, domain, fields, "charge")
    return _first_answer(simulation, transaction, plan)


async def authorized(simulation: Simulation, request: Request) -> JSONResponse:
    """Charge a card that paid before. A refusal does not use the reference up."""
    domain = domain_of(simulation.config, request)
    if isinstance(domain, Problem):
        return domain.answer()
    fields = await fields_of(request)
    if (refused := why_not(simulation, domain, fields)) is not None:
        return refused.answer()
    if fields.get("authorization_code") is None:
        return problems.required("Authorization Code").answer()
    return _charge_again(simulation, domain, fields, "charge_authorization")


async def check(simulation: Simulation, request: Request) -> JSONResponse:
    """Answer how a charge stands."""
    domain = domain_of(simulation.config, request)
    if isinstance(domain, Problem):
        return domain.answer()
    transaction = simulation.ledger.by_reference(domain, request.path_params["reference"])
    if transaction is None:
        return problems.UNKNOWN_CHARGE.answer()
    pending = transaction.status in {"abandoned", "ongoing"}
    data = _written(transaction)
    return done("Reference check successful", {**data, "status": "pending"} if pending else data)


async def submit(simulation: Simulation, request: Request) -> JSONResponse:
    """Take the step a charge waits for. One wrong PIN or code kills it."""
    domain = domain_of(simulation.config, request)
    if isinstance(domain, Problem):
        return domain.answer()
    fields = await fields_of(request)
    transaction = simulation.ledger.by_reference(domain, str(fields.get("reference")))
    if transaction is None:
        return problems.UNKNOWN_CHARGE.answer()
    waiting, step = transaction.waiting, request.path_params["step"]
    if waiting is None or not waiting["asks"] or waiting["asks"][0][0] != step:
        return problems.NO_STEP_EXPECTED.answer()
    if fields.get(step) is None:
        return problems.required(step).answer()
    _, expected = waiting["asks"][0]
    if expected and str(fields[step]) != expected:
        failed = outcomes.fail(simulation, transaction, waiting["channel"], f"Incorrect {step.upper()}")
        body = {"status": False, "message": _ATTEMPTED, "data": _written(failed)}
        return JSONResponse(body, status_code=HTTPStatus.BAD_REQUEST)
    rest = {**waiting, "asks": waiting["asks"][1:]}
    return _go_on(simulation, attrs.evolve(transaction, waiting=rest))


def _charge_again(
    simulation: Simulation, domain: str, fields: dict[str, Any], entry_point: str
) -> JSONResponse:
    code, email = fields["authorization_code"], fields["email"]
    first = next(
        (
            transaction
            for transaction in simulation.ledger.all()
            if transaction.domain == domain and transaction.authorization.get("authorization_code") == code
        ),
        None,
    )
    if first is None:
        return problems.UNKNOWN_AUTHORIZATION.answer()
    if not first.authorization["reusable"] or first.customer.email.lower() != email.lower():
        return problems.AUTHORIZATION_OF_ANOTHER.answer()
    transaction = opened(simulation, domain, fields, entry_point)
    card = next((one for one in instruments.CARDS if one.number[-4:] == first.authorization["last4"]), None)
    if card is not None and card.asks:
        simulation.ledger.put(transaction)
        data = {
            "paused": True,
            "reference": transaction.reference,
            "authorization_url": simulation.authorization_url(transaction),
            "access_code": transaction.access_code,
        }
        return done("Please, redirect your customer to the authorization url provided", data)
    plan = Plan(channel="card", authorization=first.authorization, refund_end=first.refund_end)
    return _first_answer(simulation, transaction, plan)


def _plan(fields: dict[str, Any], currency: str) -> Plan | Problem:
    card, bank, wallet = fields.get("card"), fields.get("bank"), fields.get("mobile_money")
    if isinstance(wallet, dict):
        return _wallet_plan(wallet, currency)
    if isinstance(card, dict):
        return _card_plan(card, currency)
    if isinstance(bank, dict):
        known = str(bank.get("account_number")) == _BANK_ACCOUNT
        return Plan(
            channel="bank",
            authorization=authorizations.of_bank("bank", currency),
            asks=_BANK_ASKS if known else (),
            declined=None if known else "Declined",
        )
    return problems.NO_CHANNEL


def _wallet_plan(wallet: dict[str, Any], currency: str) -> Plan | Problem:
    provider = str(wallet.get("provider"))
    if currency not in instruments.PROVIDERS.get(provider, ()):
        return problems.INVALID_PROVIDER
    phone = str(wallet.get("phone") or wallet.get("account") or "")
    offline = provider == "mpesa_offline"
    short = provider not in {"mptill", "mpesa_offline"} and len(instruments.digits(phone)) < _SHORTEST_PHONE
    asks = _PROVIDER_ASKS.get(provider, ())
    paying = instruments.wallet_of(provider, currency)
    return Plan(
        channel="mobile_money",
        authorization=authorizations.of_wallet(paying, phone),
        asks=asks,
        # In test mode mobile money of Ghana succeeds at once; elsewhere the phone decides.
        on_phone=currency != "GHS" and not asks,
        declined="Invalid phone number" if short else None,
        tells={"account_number": _PAYBILL, "account_reference": 9_215_001} if offline else {},
    )


def _card_plan(card: dict[str, Any], currency: str) -> Plan:
    known = instruments.card(str(card.get("number", "")))
    expiry = (str(card.get("expiry_month") or "12"), str(card.get("expiry_year") or "2030"))
    if known is None or str(card.get("cvv")) != known.cvv:
        stranger = instruments.Card(number=instruments.digits(str(card.get("number"))), cvv="", says="")
        authorization = authorizations.of_card(known or stranger, currency, expiry)
        return Plan(channel="card", authorization=authorization, declined=instruments.DECLINED)
    return Plan(
        channel="card",
        authorization=authorizations.of_card(known, currency, expiry),
        asks=known.asks,
        declined=known.declined,
        refund_end=known.refund_end,
    )


def _first_answer(simulation: Simulation, transaction: Transaction, plan: Plan) -> JSONResponse:
    if plan.on_phone and plan.declined is None:
        waiting = outcomes.ask(simulation, transaction, plan.channel, "phone")
        said = {"status": "pay_offline", "display_text": _ON_THE_PHONE, **plan.tells}
        return done(_ATTEMPTED, {"reference": waiting.reference, **said})
    waiting_for = {
        "asks": [] if plan.channel == "mobile_money" and plan.declined else [list(ask) for ask in plan.asks],
        "channel": plan.channel,
        "authorization": plan.authorization,
        "declined": plan.declined,
        "refund_end": plan.refund_end,
    }
    return _go_on(simulation, attrs.evolve(transaction, waiting=waiting_for))


def _go_on(simulation: Simulation, transaction: Transaction) -> JSONResponse:
    """Ask for the next step, or end the charge."""
    waiting = transaction.waiting
    if waiting is None:
        raise TypeError("a charge that goes on has something to go on with")
    if waiting["asks"]:
        step = waiting["asks"][0][0]
        asked = outcomes.ask(simulation, transaction, waiting["channel"], step)
        if step == "bank":
            url = simulation.authorization_url(asked)
            return done(_ATTEMPTED, {"reference": asked.reference, "status": "open_url", "url": url})
        text = f"Please enter your {step}"
        data = {"reference": asked.reference, "status": f"send_{step}", "display_text": text}
        return done(_ATTEMPTED, data)
    if waiting["declined"] is not None:
        failed = outcomes.fail(simulation, transaction, waiting["channel"], waiting["declined"])
        return done(_ATTEMPTED, _written(failed))
    paid = outcomes.succeed(
        simulation,
        transaction,
        waiting["channel"],
        authorization=waiting["authorization"],
        refund_end=waiting["refund_end"],
    )
    announce_success(simulation, paid)
    return done(_ATTEMPTED, _written(paid))


def _written(transaction: Transaction) -> dict[str, Any]:
    """Return the data of a charge that came to an end, or is looked at."""
    verified = transaction_bodies.verified_truly(transaction)
    keys = (
        "status",
        "id",
        "amount",
        "currency",
        "transaction_date",
        "reference",
        "domain",
        "metadata",
        "gateway_response",
        "message",
        "channel",
        "ip_address",
        "log",
        "fees",
        "authorization",
        "customer",
        "plan",
    )
    return {key: verified[key] for key in keys}
