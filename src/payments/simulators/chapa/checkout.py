"""The page where a person pays: plain forms, no script, nothing from elsewhere."""

import time
from http import HTTPStatus
from pathlib import Path
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from payments.simulators.chapa import formats, outcomes
from payments.simulators.chapa.announcements import announce_success_to_browser
from payments.simulators.chapa.simulation import Simulation
from payments.simulators.chapa.transactions import TRIES, Transaction
from payments.simulators.chapa.wallets import WALLETS, Wallet, local_number, wallet, why_it_fails
from payments.simulators.pages import pages_of

PAGES = pages_of(Path(__file__).parent)


async def show(simulation: Simulation, request: Request) -> Response:
    """Show the checkout, or say that it was paid, cancelled or has expired."""
    transaction = simulation.ledger.by_name(request.path_params["token"])
    if transaction is None or transaction.token != request.path_params["token"]:
        return PAGES.render(request, "unknown.html", status=HTTPStatus.NOT_FOUND)
    link = transaction.link(time.time())
    if link != "open":
        return _closed(request, transaction, link)
    notice = transaction.failure_reason if transaction.status == "failed" else None
    return _page(request, transaction, notice)


async def pay(simulation: Simulation, request: Request) -> Response:
    """Try to pay: success redirects to the shop, anything else leaves the page open for another try."""
    # Read first: nothing may wait between seeing the link open and paying, or a double click pays twice.
    form = await _form(request)
    transaction, closed = await _open_transaction(simulation, request)
    if transaction is None:
        return closed
    # A one-tap button carries both, as "telebirr:0900123456"; a password after them is asked for on its own
    # page.
    method, _, tapped = form.get("wallet", "").partition(":")
    chosen = wallet(method or form.get("method", ""))
    typed = tapped or form.get("phone_number", "")
    if chosen is None or not typed.strip():
        return _page(
            request, transaction, "Choose a wallet and enter a phone number.", HTTPStatus.BAD_REQUEST
        )
    number = local_number(typed)
    if chosen.otp is not None and "otp" not in form:
        return PAGES.render(
            request,
            "otp.html",
            transaction=transaction,
            amount=_amount(transaction),
            wallet=chosen,
            number=number,
        )
    otp = form.get("otp")
    return await _try_to_pay(simulation, request, transaction, chosen=chosen, number=number, otp=otp)


async def _try_to_pay(
    simulation: Simulation,
    request: Request,
    transaction: Transaction,
    *,
    chosen: Wallet,
    number: str,
    otp: str | None,
) -> Response:
    reason = why_it_fails(chosen, number, otp)
    if reason is not None:
        outcomes.fail(simulation, transaction, chosen.method, reason)
        return _back(request, transaction)
    paid = outcomes.succeed(simulation, transaction, chosen.method, number)
    await announce_success_to_browser(simulation, paid)
    if paid.return_url is None or simulation.switchboard.current(paid.tx_ref).redirect_lost:
        return _back(request, paid)
    return RedirectResponse(paid.return_url, status_code=HTTPStatus.SEE_OTHER)


async def fail(simulation: Simulation, request: Request) -> Response:
    """Fail one try, as a wallet without money would."""
    transaction, closed = await _open_transaction(simulation, request)
    if transaction is None:
        return closed
    outcomes.fail(simulation, transaction, None, "The payment was declined")
    return _back(request, transaction)


async def leave(simulation: Simulation, request: Request) -> Response:
    """Leave without paying: nothing is sent, and the link can still be paid."""
    transaction, closed = await _open_transaction(simulation, request)
    if transaction is None:
        return closed
    outcomes.abandon(simulation, transaction)
    return PAGES.render(
        request,
        "left.html",
        transaction=transaction,
        amount=_amount(transaction),
        until=_clock_time(transaction.expires_at),
    )


async def overview(simulation: Simulation, request: Request) -> Response:
    """List the transactions for a person at the simulator's root."""
    now = time.time()
    rows = [
        (transaction, transaction.link(now), simulation.checkout_url(transaction))
        for transaction in reversed(simulation.ledger.all())
    ]
    return PAGES.render(request, "overview.html", rows=rows)


async def _open_transaction(
    simulation: Simulation, request: Request
) -> tuple[Transaction, Response] | tuple[None, Response]:
    transaction = simulation.ledger.by_name(request.path_params["token"])
    if transaction is not None and transaction.link(time.time()) == "open":
        return transaction, Response()
    return None, await show(simulation, request)


async def _form(request: Request) -> dict[str, str]:
    return dict(parse_qsl((await request.body()).decode("utf-8", "replace"), keep_blank_values=True))


def _page(
    request: Request, transaction: Transaction, notice: str | None, status: int = HTTPStatus.OK
) -> Response:
    return PAGES.render(
        request,
        "checkout.html",
        status=status,
        transaction=transaction,
        amount=_amount(transaction),
        notice=notice,
        tries_left=TRIES - transaction.failed_tries,
        until=_clock_time(transaction.expires_at),
        wallets=WALLETS,
        quick=[known for known in WALLETS if known.otp is None],
    )


def _closed(request: Request, transaction: Transaction, link: str) -> Response:
    return PAGES.render(
        request,
        "closed.html",
        status=HTTPStatus.OK if link == "paid" else HTTPStatus.GONE,
        transaction=transaction,
        amount=_amount(transaction),
        wallet=wallet(transaction.method or ""),
        link=link,
    )


def _back(request: Request, transaction: Transaction) -> RedirectResponse:
    root = request.scope.get("root_path", "")
    return RedirectResponse(f"{root}/checkout/payment/{transaction.token}", status_code=HTTPStatus.SEE_OTHER)


def _amount(transaction: Transaction) -> str:
    whole, _, fraction = transaction.amount.partition(".")
    return f"{int(whole):,}.{fraction} {transaction.currency}"


def _clock_time(at_s: float) -> str:
    return formats.timestamp(at_s)[11:16]
