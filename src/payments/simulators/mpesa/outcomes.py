"""What can happen to a prompt at Daraja: each changes it, then tells the merchant and the payer.

The actions bear being carried out late or twice: a prompt that has moved on is left alone.
"""

import asyncio
import time

import attrs

from payments.simulators.mpesa import formats, payer_texts, result_codes
from payments.simulators.mpesa.announcements import announce_result, confirm
from payments.simulators.mpesa.prompts import Payment, Prompt
from payments.simulators.mpesa.simulation import Simulation

# The sandbox's own number, which never answers [3.1].
UNANSWERED_NUMBER = "254708374149"
_LATE_AFTER_S = 30.0


def open_prompt(simulation: Simulation, prompt: Prompt, fate: str | None) -> Prompt:
    """Send the prompt to the phone, or give it the result that keeps it from being shown."""
    switches = simulation.switches(prompt.phone)
    key = prompt.checkout_request_id
    if fate is not None:
        return answer(simulation, attrs.evolve(prompt, shown=False), fate)
    unreachable = switches.line == "unreachable" or prompt.phone == UNANSWERED_NUMBER
    simulation.ledger.put(attrs.evolve(prompt, shown=not unreachable))
    if unreachable:
        simulation.timers.set("no_answer", key, switches.unreachable_after_s * switches.time_scale)
        return attrs.evolve(prompt, shown=False)
    simulation.timers.set("close", key, switches.prompt_life_s * switches.time_scale)
    if switches.answer_to(prompt.amount) not in {"by_hand", "ignore"}:
        simulation.timers.set("answer", key, switches.answer_after_s * switches.time_scale)
    return prompt


def answer(simulation: Simulation, prompt: Prompt, code: str) -> Prompt:
    """Take the payer's answer, or what stands for it; the result follows when it was processed."""
    switches = simulation.switches(prompt.phone)
    if code == result_codes.PAID and switches.line == "low_balance":
        code = result_codes.INSUFFICIENT
    answered = attrs.evolve(prompt, state="answered", code=code)
    simulation.ledger.put(answered)
    simulation.timers.set("end", prompt.checkout_request_id, switches.processing_s * switches.time_scale)
    return answered


def answer_by_itself(simulation: Simulation, checkout_request_id: str) -> None:
    """Give the answer that the switches name, unless the payer was faster."""
    prompt = simulation.ledger.prompt(checkout_request_id)
    if prompt is None or prompt.state != "live" or prompt.ignored:
        return
    word = simulation.switches(prompt.phone).answer_to(prompt.amount)
    if word not in {"by_hand", "ignore"}:
        answer(simulation, prompt, result_codes.ANSWERS.get(word, word))


def ignore(simulation: Simulation, prompt: Prompt) -> Prompt:
    """Let the prompt lie until it closes by itself."""
    ignored = attrs.evolve(prompt, ignored=True)
    simulation.ledger.put(ignored)
    return ignored


def close(simulation: Simulation, checkout_request_id: str) -> None:
    """End a prompt that nobody answered in its life."""
    prompt = simulation.ledger.prompt(checkout_request_id)
    if prompt is not None and prompt.state == "live":
        end(simulation, prompt, simulation.switches(prompt.phone).unanswered_code)


def no_answer(simulation: Simulation, checkout_request_id: str) -> None:
    """End a prompt that did not reach its phone."""
    prompt = simulation.ledger.prompt(checkout_request_id)
    if prompt is not None and prompt.state == "live":
        end(simulation, prompt, result_codes.NO_ANSWER)


def end_answered(simulation: Simulation, checkout_request_id: str) -> None:
    """End a prompt whose answer was processed."""
    prompt = simulation.ledger.prompt(checkout_request_id)
    if prompt is not None and prompt.state == "answered":
        end(simulation, prompt, prompt.code or result_codes.NO_ANSWER)


def end(simulation: Simulation, prompt: Prompt, code: str) -> asyncio.Event:
    """Give the prompt its result and tell it; a paid one is money that arrived."""
    now = time.time()
    switches = simulation.switches(prompt.phone)
    receipt = _unused_receipt(simulation, now) if code == result_codes.PAID else None
    ended = attrs.evolve(prompt, state="ended", code=code, receipt=receipt, ended_at=now)
    simulation.ledger.put(ended)
    if (text := payer_texts.after(simulation, ended)) is not None:
        simulation.ledger.put_text_message(ended.phone, text, now)
    if receipt is not None:
        payment = _payment(ended, receipt, now)
        simulation.ledger.put_payment(payment)
        told = announce_result(simulation, ended)
        confirm(simulation, payment)
        return told
    late_s = switches.late_success_after_s
    if late_s is not None and code in {result_codes.NO_ANSWER, "1019"}:
        simulation.timers.set("late_success", ended.checkout_request_id, late_s * switches.time_scale)
    return announce_result(simulation, ended)


def succeed_late(simulation: Simulation, checkout_request_id: str) -> None:
    """Let a prompt that had ended without money be paid all the same."""
    prompt = simulation.ledger.prompt(checkout_request_id)
    if prompt is not None and prompt.state == "ended" and prompt.code != result_codes.PAID:
        end(simulation, prompt, result_codes.PAID)


def fail_then_succeed(simulation: Simulation, prompt: Prompt) -> None:
    """End a prompt unanswered now, or take it as ended, and let it be paid a while later."""
    switches = simulation.switches(prompt.phone)
    if prompt.state == "ended":
        succeed_late(simulation, prompt.checkout_request_id)
        return
    end(simulation, prompt, result_codes.NO_ANSWER)
    if switches.late_success_after_s is None:
        after_s = _LATE_AFTER_S * switches.time_scale
        simulation.timers.set("late_success", prompt.checkout_request_id, after_s)


def _unused_receipt(simulation: Simulation, now: float) -> str:
    while simulation.ledger.payment(receipt := formats.receipt(now)) is not None:
        pass
    return receipt


def _payment(prompt: Prompt, receipt: str, now: float) -> Payment:
    return Payment(
        receipt=receipt,
        source="stk_till" if prompt.transaction_type == "CustomerBuyGoodsOnline" else "stk",
        shortcode=prompt.shortcode,
        amount=prompt.amount,
        phone=prompt.phone,
        account_reference=prompt.account_reference,
        at=now,
        merchant_request_id=prompt.merchant_request_id,
    )
