"""The page where a person pays: plain forms, no script, nothing from elsewhere (fact sheet, section 4)."""

from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit, urlunsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from payments.simulators.pages import pages_of
from payments.simulators.paystack import formats, instruments, outcomes
from payments.simulators.paystack.announcements import announce_success_to_browser
from payments.simulators.paystack.means import OTHER_CHANNELS, Means, means_in, offered, wrong_step
from payments.simulators.paystack.simulation import Simulation
from payments.simulators.paystack.transactions import Transaction

PAGES = pages_of(Path(__file__).parent)


async def show(simulation: Simulation, request: Request) -> Response:
    """Show the checkout, or say that it was paid."""
    transaction = simulation.ledger.by_access_code(request.path_params["access_code"])
    if transaction is None:
        return PAGES.render(request, "unknown.html", status=HTTPStatus.NOT_FOUND)
    if transaction.paid:
        back = _back_to_shop(transaction)
        return PAGES.render(request, "paid.html", **_shown(transaction), back=back)
    notice = transaction.gateway_response if transaction.errors else None
    return _page(request, transaction, notice)


async def pay(simulation: Simulation, request: Request) -> Response:
    """Try to pay: success redirects to the shop, anything else leaves the page open for another try."""
    # Read first: nothing may wait between seeing it unpaid and paying, or a double click pays twice.
    form = await _form(request)
    transaction, instead = await _unpaid(simulation, request)
    if transaction is None:
        return instead
    means = means_in(transaction, form)
    if means is None:
        notice = "Choose how to pay, with every field filled in."
        return _page(request, transaction, notice, HTTPStatus.BAD_REQUEST)
    missing = next((step for step, _ in means.asks if step not in form), None)
    if (wrong := wrong_step(means, form)) is not None:
        outcomes.fail(simulation, transaction, means.channel, wrong)
    elif missing is not None:
        return _ask(simulation, request, transaction, means=means, step=missing, form=form)
    elif means.declined is not None:
        outcomes.decline(simulation, transaction, means.channel, means.declined)
    else:
        return await _succeed(simulation, request, transaction, means)
    return _here(request, transaction)


async def _succeed(
    simulation: Simulation, request: Request, transaction: Transaction, means: Means
) -> Response:
    paid = outcomes.succeed(
        simulation,
        transaction,
        means.channel,
        authorization=means.authorization,
        refund_end=means.refund_end,
    )
    await announce_success_to_browser(simulation, paid)
    back = _back_to_shop(paid)
    if back is None or simulation.switchboard.current(paid.reference).redirect_lost:
        return _here(request, paid)
    return RedirectResponse(back, status_code=HTTPStatus.FOUND)


async def decline(simulation: Simulation, request: Request) -> Response:
    """Have one try declined, as a card without money is."""
    transaction, instead = await _unpaid(simulation, request)
    if transaction is None:
        return instead
    outcomes.decline(simulation, transaction, transaction.channel or "card")
    return _here(request, transaction)


async def cancel(simulation: Simulation, request: Request) -> Response:
    """Cancel: to `metadata.cancel_action` if there is one, else the customer stays [4]."""
    transaction, instead = await _unpaid(simulation, request)
    if transaction is None:
        return instead
    left = outcomes.leave(simulation, transaction, "Customer cancelled")
    if left.cancel_action is not None and formats.is_web_address(left.cancel_action):
        return RedirectResponse(left.cancel_action, status_code=HTTPStatus.FOUND)
    return PAGES.render(request, "left.html", **_shown(left), how="cancelled")


async def leave(simulation: Simulation, request: Request) -> Response:
    """Leave, as by closing the window: nothing is sent, and the page can still be paid."""
    transaction, instead = await _unpaid(simulation, request)
    if transaction is None:
        return instead
    left = outcomes.leave(simulation, transaction, "Customer closed the page")
    return PAGES.render(request, "left.html", **_shown(left), how="left")


async def overview(simulation: Simulation, request: Request) -> Response:
    """List the transactions for a person at the simulator's root."""
    rows = [
        (one, formats.money(one.amount, one.currency), simulation.authorization_url(one))
        for one in reversed(simulation.ledger.all())
    ]
    return PAGES.render(request, "overview.html", rows=rows)


def _ask(
    simulation: Simulation,
    request: Request,
    transaction: Transaction,
    *,
    means: Means,
    step: str,
    form: dict[str, str],
) -> Response:
    asked = outcomes.ask(simulation, transaction, means.channel, step)
    told = {name: form[name] for name, _ in means.asks if name in form}
    return PAGES.render(
        request,
        "step.html",
        **_shown(asked),
        means=means,
        step=step,
        expected=dict(means.asks)[step],
        told=told,
    )


async def _unpaid(
    simulation: Simulation, request: Request
) -> tuple[Transaction, Response] | tuple[None, Response]:
    transaction = simulation.ledger.by_access_code(request.path_params["access_code"])
    if transaction is not None and not transaction.paid:
        return transaction, Response()
    return None, await show(simulation, request)


async def _form(request: Request) -> dict[str, str]:
    return dict(parse_qsl((await request.body()).decode("utf-8", "replace"), keep_blank_values=True))


def _page(
    request: Request, transaction: Transaction, notice: str | None, status: int = HTTPStatus.OK
) -> Response:
    channels = offered(transaction)
    return PAGES.render(
        request,
        "checkout.html",
        status=status,
        **_shown(transaction),
        notice=notice,
        cards=instruments.CARDS if "card" in channels else (),
        wallet=instruments.wallet_for(transaction.currency) if "mobile_money" in channels else None,
        others=[channel for channel in channels if channel in OTHER_CHANNELS],
    )


def _shown(transaction: Transaction) -> dict[str, Any]:
    """Return what every page of a transaction shows; what is due is without the fees the customer pays."""
    amount = transaction.amount if transaction.paid else transaction.requested_amount
    return {"transaction": transaction, "amount": formats.money(amount, transaction.currency)}


def _back_to_shop(transaction: Transaction) -> str | None:
    """Return the callback address with both names of the reference, after whatever query it has [4]."""
    if transaction.callback_url is None or not formats.is_web_address(transaction.callback_url):
        return None
    name = quote(transaction.reference, safe="")
    parts = urlsplit(transaction.callback_url)
    query = f"{parts.query}&" if parts.query else ""
    return urlunsplit(parts._replace(query=f"{query}trxref={name}&reference={name}"))


def _here(request: Request, transaction: Transaction) -> RedirectResponse:
    root = request.scope.get("root_path", "")
    return RedirectResponse(f"{root}/checkout/{transaction.access_code}", status_code=HTTPStatus.SEE_OTHER)
