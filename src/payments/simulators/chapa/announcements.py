"""Which messages a change of a transaction sends to the merchant, and in which order."""

import asyncio
import json
import secrets
import time
from contextlib import suppress
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from payments.simulators.chapa.signatures import signature_headers
from payments.simulators.chapa.simulation import Simulation
from payments.simulators.chapa.switches import ChapaSwitches
from payments.simulators.chapa.transactions import Transaction
from payments.simulators.chapa.webhook_bodies import webhook_body, webhook_fields
from payments.simulators.deliveries import Delivery

# How long the payer's browser waits for what goes before it, and what follows it waits for the browser.
_REDIRECT_WAIT_S = 5.0
_REDIRECT_LEAD_S = 0.5


def announce(simulation: Simulation, transaction: Transaction, event: str, status: str) -> None:
    """Send the webhook of an event, if there is somewhere to send it."""
    switches = simulation.switchboard.current(transaction.tx_ref)
    webhooks = _webhooks(simulation, switches, transaction, event, status)
    simulation.deliveries.start(transaction.tx_ref, [webhooks])


def announce_success(simulation: Simulation, transaction: Transaction) -> None:
    """Send callback and webhook of a payment that no browser is waiting for."""
    groups = _success_groups(simulation, transaction)
    simulation.deliveries.start(transaction.tx_ref, list(groups.values()))


async def announce_success_to_browser(simulation: Simulation, transaction: Transaction) -> None:
    """Send what the configured order puts before the redirect, wait for it, and leave the rest under way.

    What is to be late, lost or held is not waited for.
    """
    groups = _success_groups(simulation, transaction)
    steps = list(groups)
    redirect = steps.index("redirect")
    tried = simulation.deliveries.start(
        transaction.tx_ref,
        [groups[step] for step in steps[:redirect]],
        then=[groups[step] for step in steps[redirect + 1 :]],
        then_after_s=_REDIRECT_LEAD_S,
    )
    with suppress(TimeoutError):
        await asyncio.wait_for(tried.wait(), _REDIRECT_WAIT_S)


def _success_groups(simulation: Simulation, transaction: Transaction) -> dict[str, list[Delivery]]:
    switches = simulation.switchboard.current(transaction.tx_ref)
    groups = {
        "webhook": _webhooks(simulation, switches, transaction, "charge.success", "success"),
        "callback": _callbacks(switches, transaction),
        "redirect": [],
    }
    return {step: groups[step] for step in switches.after_payment}


def _webhooks(
    simulation: Simulation, switches: ChapaSwitches, transaction: Transaction, event: str, status: str
) -> list[Delivery]:
    url = switches.webhook_url or simulation.config.webhook_url
    if not url:
        return []
    secret = switches.webhook_secret or simulation.config.webhook_secret
    body = webhook_body(webhook_fields(transaction, event, status), switches.webhook_style)
    signed = signature_headers(secret, body.encode(), switches.webhook_signature)
    return simulation.deliveries.new_webhooks(
        switches,
        schedule="webhook",
        subject=transaction.tx_ref,
        event=event,
        url=url,
        signed=signed,
        body=body,
    )


def _callbacks(switches: ChapaSwitches, transaction: Transaction) -> list[Delivery]:
    if not transaction.callback_url:
        return []
    said = {
        "trx_ref": transaction.tx_ref,
        "ref_id": transaction.reference or "",
        "status": transaction.status,
    }
    in_query = switches.callback_style == "query"
    now = time.time()
    return [
        Delivery(
            id=secrets.token_hex(8),
            kind="callback",
            schedule="callback",
            subject=transaction.tx_ref,
            event="callback",
            method="GET",
            url=_with_query(transaction.callback_url, said) if in_query else transaction.callback_url,
            headers={} if in_query else {"content-type": "application/json"},
            body="" if in_query else json.dumps(said, separators=(",", ":")),
            created_at=now,
            due_at=now,
            state="lost" if switches.callback_lost else "pending",
        )
    ]


def _with_query(url: str, added: dict[str, str]) -> str:
    parts = urlsplit(url)
    query = [*parse_qsl(parts.query, keep_blank_values=True), *added.items()]
    return urlunsplit(parts._replace(query=urlencode(query)))
