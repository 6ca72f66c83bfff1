"""Which messages leave the simulated Daraja, and how late, how often or whether at all."""

import asyncio
import json
import secrets
import time
from contextlib import suppress

import attrs

from payments.simulators.deliveries import Delivery
from payments.simulators.mpesa.callback_bodies import confirmation, stk_callback
from payments.simulators.mpesa.merchant_account import balance_text
from payments.simulators.mpesa.prompts import Payment, Prompt, Request
from payments.simulators.mpesa.result_bodies import request_result
from payments.simulators.mpesa.simulation import FOUR_TIMES, ONCE, Simulation

_CONTENT_TYPE = "application/json;charset=UTF-8"
# How long the answer to a push waits for a callback that is to come before it.
_BEFORE_ANSWER_S = 5.0


def announce_result(simulation: Simulation, prompt: Prompt) -> asyncio.Event:
    """Send the callback of a prompt that has ended; the event is set when it was first tried."""
    switches = simulation.switches(prompt.phone)
    callback = _message(
        kind="callback",
        subject=prompt.phone,
        event=prompt.checkout_request_id,
        url=prompt.callback_url,
        shortcode=prompt.shortcode,
        body=stk_callback(prompt, switches),
        delay_s=switches.callback_delay_s * switches.time_scale,
    )
    callback = attrs.evolve(
        callback,
        schedule=FOUR_TIMES if switches.callback_retries else ONCE,
        state="lost" if switches.callback_lost else "pending",
    )
    return _start(simulation, callback, switches.callback_copies)


async def first_tried(tried: asyncio.Event) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(tried.wait(), _BEFORE_ANSWER_S)


def confirm(simulation: Simulation, payment: Payment) -> None:
    """Tell the registered confirmation URL of money that arrived, a prompt's too [9]."""
    registered = simulation.documents.get("c2b_urls", payment.shortcode)
    if registered is None:
        return
    message = _message(
        kind="confirmation",
        subject=payment.phone,
        event=payment.receipt,
        url=registered["confirmation_url"],
        shortcode=payment.shortcode,
        body=confirmation(payment, balance_text(simulation)),
        delay_s=0.0,
    )
    _start(simulation, message, 1)


async def validated(simulation: Simulation, payment: Payment, url: str) -> bool | None:
    """Ask the shop whether it takes the money, and tell what it said; None without an answer."""
    message = _message(
        kind="validation",
        subject=payment.phone,
        event=payment.receipt,
        url=url,
        shortcode=payment.shortcode,
        body=confirmation(payment, balance_text(simulation)),
        delay_s=0.0,
    )
    simulation.deliveries.put(message)
    asked = await simulation.deliveries.send_now(message)
    return _accepts(asked.tries[-1]["answer"]) if asked.state == "delivered" else None


def _accepts(answer: str) -> bool:
    try:
        said = json.loads(answer)
    except ValueError:
        return False
    return isinstance(said, dict) and str(said.get("ResultCode")) == "0"


def announce_request(simulation: Simulation, request: Request) -> None:
    """Send the result of a reversal or a status where the switches say it goes."""
    switches = simulation.switches(request.phone)
    timed_out = request.state == "timed_out" or switches.result_goes.startswith("queue_timeout")
    message = _message(
        kind="queue_timeout" if timed_out else "result",
        subject=request.phone or request.conversation_id,
        event=request.conversation_id,
        url=request.queue_timeout_url if timed_out else request.result_url,
        shortcode=simulation.config.shortcode,
        body=request_result(simulation, request, switches, timed_out=timed_out),
        delay_s=0.0,
    )
    message = attrs.evolve(message, state="lost" if switches.result_goes == "lost" else "pending")
    _start(simulation, message, switches.result_copies)


def _message(
    *, kind: str, subject: str, event: str, url: str, shortcode: str, body: str, delay_s: float
) -> Delivery:
    now = time.time()
    return Delivery(
        id=secrets.token_hex(8),
        kind=kind,
        schedule=ONCE,
        subject=subject,
        event=event,
        method="POST",
        url=url,
        headers={"content-type": _CONTENT_TYPE, "Businessshortcode": shortcode},
        body=body,
        created_at=now,
        due_at=now + delay_s,
    )


def _start(simulation: Simulation, message: Delivery, copies: int) -> asyncio.Event:
    group = [message, *(attrs.evolve(message, id=secrets.token_hex(8)) for _ in range(copies - 1))]
    return simulation.deliveries.start(message.subject, [group])
