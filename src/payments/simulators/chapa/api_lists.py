"""Banks, currencies, transactions and a transaction's events (fact sheet, section 8)."""

from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse

from payments.simulators.chapa import formats
from payments.simulators.chapa.api_answers import envelope, identify
from payments.simulators.chapa.simulation import Simulation
from payments.simulators.chapa.transactions import Transaction
from payments.simulators.chapa.validation import CURRENCIES

# Identifiers and slugs as observed; the names are ours.
_BANKS = (
    (855, "telebirr", "telebirr", True),
    (128, "cbebirr", "CBEBirr", True),
    (266, "mpesa", "M-Pesa", True),
    (946, "cbe_bank", "Commercial Bank of Ethiopia (CBE)", False),
    (656, "awash_bank", "Awash Bank", False),
    (347, "boa_bank", "Bank of Abyssinia", False),
    (867, "yaya", "YaYa", True),
)
_BANK_SINCE = "2024-01-15T09:00:00.000000Z"
_PAGE = 10
_LARGEST_PAGE = 100


async def banks(simulation: Simulation, request: Request) -> JSONResponse:
    """Answer without a `status`, unlike every other call; flags are numbers or null."""
    caller = identify(simulation.config, request, unknown_key="Invalid API Key")
    if isinstance(caller, JSONResponse):
        return caller
    return JSONResponse({"message": "Banks retrieved", "data": [_bank(*row) for row in _BANKS]})


def _bank(bank_id: int, slug: str, name: str, mobile_money: bool) -> dict[str, Any]:  # noqa: FBT001 (a table's column)
    return {
        "id": bank_id,
        "slug": slug,
        "swift": slug.upper()[:8],
        "name": name,
        "acct_length": 10 if mobile_money else 13,
        "country_id": 1,
        "is_mobilemoney": 1 if mobile_money else None,
        "failed_if_error": None,
        "is_active": 1,
        "is_rtgs": 0 if mobile_money else 1,
        "real_bank": 0 if mobile_money else 1,
        "active": 1,
        "is_24hrs": 1,
        "created_at": _BANK_SINCE,
        "updated_at": _BANK_SINCE,
        "can_process_payouts": 1,
        "can_process_payments": 1 if mobile_money else 0,
        "is_payout": 1,
        "is_reporting": 1,
        "is_payin": 1 if mobile_money else 0,
        "logo": None,
        "fallback_price": None,
        "custom_price": None,
        "currency": "ETB",
    }


async def currency_supported(simulation: Simulation, request: Request) -> JSONResponse:
    """Answer with two parallel lists, and neither `message` nor `data`."""
    caller = identify(simulation.config, request, unknown_key="Invalid API Key")
    if isinstance(caller, JSONResponse):
        return caller
    body = {
        "status": "success",
        "currency_code": list(range(1, len(CURRENCIES) + 1)),
        "currency_name": list(CURRENCIES),
    }
    return JSONResponse(body)


async def transactions(simulation: Simulation, request: Request) -> JSONResponse:
    """Answer with a page of the caller's transactions, newest first; no tx_ref is in it."""
    caller = identify(simulation.config, request)
    if isinstance(caller, JSONResponse):
        return caller
    page = _positive(request, "page", 1)
    per_page = min(_positive(request, "per_page", _PAGE), _LARGEST_PAGE)
    wanted = {
        name: request.query_params[name] for name in ("status", "currency") if name in request.query_params
    }
    found = [
        transaction
        for transaction in reversed(simulation.ledger.all())
        if transaction.mode == caller.mode
        and all(getattr(transaction, name) == value for name, value in wanted.items())
    ]
    shown = found[(page - 1) * per_page : page * per_page]
    url = f"{simulation.config.public_url}/v1/transactions?per_page={per_page}&page="
    data = {
        "transactions": [_listed(number, transaction) for number, transaction in enumerate(shown, start=1)],
        "pagination": {
            "per_page": per_page,
            "current_page": page,
            "first_page_url": f"{url}1",
            "next_page_url": f"{url}{page + 1}" if page * per_page < len(found) else None,
            "prev_page_url": f"{url}{page - 1}" if page > 1 else None,
        },
    }
    return envelope(HTTPStatus.OK, "Transactions retrieved successfully", "success", data)


def _positive(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, "")
    return max(1, int(text)) if text.isascii() and text.isdigit() else default


def _listed(number: int, transaction: Transaction) -> dict[str, Any]:
    return {
        "status": transaction.status,
        "ref_id": transaction.reference,
        "type": "API" if transaction.paid else "Unknown",
        "created_at": formats.timestamp(transaction.created_at),
        "currency": transaction.currency,
        "amount": formats.three_decimals(transaction.amount),
        "charge": formats.three_decimals(transaction.charge or "0"),
        "trans_id": None,
        "payment_method": transaction.method,
        "customer": {
            "id": number,
            "email": transaction.email,
            "first_name": transaction.first_name,
            "last_name": transaction.last_name,
            "mobile": formats.international(transaction.phone_number),
        },
    }


async def events(simulation: Simulation, request: Request) -> JSONResponse:
    """Answer with the log of a transaction, named by Chapa's reference.

    Ours is taken too, as the docs mix them.
    """
    caller = identify(simulation.config, request)
    if isinstance(caller, JSONResponse):
        return caller
    name = request.path_params["ref"]
    transaction = simulation.ledger.by_name(name) or simulation.ledger.by_tx_ref(name)
    if transaction is None or transaction.mode != caller.mode or name == transaction.token:
        return envelope(HTTPStatus.NOT_FOUND, "Transaction not found")
    data = [
        {
            "item": item,
            "message": event["message"],
            "type": event["type"],
            "created_at": formats.timestamp(event["at"]),
            "updated_at": formats.timestamp(event["at"]),
        }
        for item, event in enumerate(transaction.events, start=1)
    ]
    return envelope(HTTPStatus.OK, "Transaction events fetched", "success", data)
