"""Which webhooks a change of a transaction sends to the merchant, and when (fact sheet, section 10)."""

import asyncio
import json
from contextlib import suppress
from typing import Any

from payments.simulators.deliveries import Delivery
from payments.simulators.paystack import dispute_bodies, refund_bodies, transaction_bodies
from payments.simulators.paystack.signatures import signature_headers
from payments.simulators.paystack.simulation import Simulation
from payments.simulators.paystack.transactions import Dispute, Refund, Transaction

# How long the payer's browser waits for the webhook before it, and how much it is ahead of one after it.
_REDIRECT_WAIT_S = 5.0
_REDIRECT_LEAD_S = 0.5


def announce_success(simulation: Simulation, transaction: Transaction) -> None:
    """Tell of a payment that no browser is waiting for. Of charges, only success is told [10.1]."""
    webhooks = _charge_webhooks(simulation, transaction)
    simulation.deliveries.start(transaction.reference, [webhooks])


async def announce_success_to_browser(simulation: Simulation, transaction: Transaction) -> None:
    """Tell of a payment before or after the browser goes back, as the switch says.

    What is to be late, lost or held is not waited for.
    """
    webhooks = _charge_webhooks(simulation, transaction)
    if simulation.switchboard.current(transaction.reference).after_payment[0] == "webhook":
        tried = simulation.deliveries.start(transaction.reference, [webhooks])
    else:
        tried = simulation.deliveries.start(
            transaction.reference, [], then=[webhooks], then_after_s=_REDIRECT_LEAD_S
        )
    with suppress(TimeoutError):
        await asyncio.wait_for(tried.wait(), _REDIRECT_WAIT_S)


def announce_refund(simulation: Simulation, refund: Refund, transaction: Transaction) -> None:
    """Tell of the status a refund has."""
    style = simulation.switchboard.current(transaction.reference).refund_webhooks
    data = refund_bodies.announced(refund, transaction, style)
    webhooks = _webhooks(simulation, transaction, f"refund.{refund.status}", data)
    simulation.deliveries.start(transaction.reference, [webhooks])


def announce_dispute(simulation: Simulation, dispute: Dispute, transaction: Transaction, what: str) -> None:
    """Tell of a dispute: `create`, `remind` or `resolve`."""
    data = dispute_bodies.written(dispute, transaction)
    webhooks = _webhooks(simulation, transaction, f"charge.dispute.{what}", data)
    simulation.deliveries.start(transaction.reference, [webhooks])


def webhook_body(event: str, data: dict[str, Any], style: str) -> str:
    r"""Return the exact text.

    `compact` UTF-8 is what Paystack sends; `php` is ASCII with `\/`, `spaced` what `json.dumps` writes.
    """
    said = {"event": event, "data": data}
    if style == "spaced":
        return json.dumps(said)
    if style == "php":
        # A slash occurs in JSON inside strings only, so PHP's escape is a plain replacement.
        return json.dumps(said, separators=(",", ":")).replace("/", "\\/")
    return json.dumps(said, separators=(",", ":"), ensure_ascii=False)


def _charge_webhooks(simulation: Simulation, transaction: Transaction) -> list[Delivery]:
    data = transaction_bodies.announced(transaction)
    return _webhooks(simulation, transaction, "charge.success", data)


def _webhooks(
    simulation: Simulation, transaction: Transaction, event: str, data: dict[str, Any]
) -> list[Delivery]:
    switches = simulation.switchboard.current(transaction.reference)
    config, domain = simulation.config, transaction.domain
    url = switches.webhook_url or config.webhook_url
    if not url:
        return []
    said = data if switches.webhook_domain is None else {**data, "domain": switches.webhook_domain}
    body = webhook_body(event, said, switches.webhook_style)
    secret = switches.webhook_secret or config.key_of(domain)
    other = config.key_of("test" if domain == "live" else "live")
    if other == secret:
        other = secret.replace("sk_test_", "sk_live_")
    return simulation.deliveries.new_webhooks(
        switches,
        schedule=domain,
        subject=transaction.reference,
        event=event,
        url=url,
        signed=signature_headers(secret, body.encode(), switches.webhook_signature, other),
        body=body,
    )
