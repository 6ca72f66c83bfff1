"""What becomes of a reversal or a status after it was acknowledged (fact sheet, sections 7 and 8)."""

import time

import attrs

from payments.simulators.mpesa import formats, payer_texts, result_codes
from payments.simulators.mpesa.announcements import announce_request
from payments.simulators.mpesa.credentials import decrypted, is_password, same
from payments.simulators.mpesa.prompts import Payment, Request
from payments.simulators.mpesa.simulation import Simulation


def phone_of(simulation: Simulation, transaction_id: str) -> str | None:
    """Return whose number the switches of a request go by: that of the payer it is about."""
    payment = simulation.ledger.payment(transaction_id)
    return None if payment is None else payment.phone


def initiator_refusal(simulation: Simulation, name: str, credential: str) -> str | None:
    """Return 2001 for a wrong initiator or password, 8006 once there were too many, or None."""
    if simulation.initiator.wrong_tries() >= simulation.config.lock_after:
        return result_codes.INITIATOR_LOCKED
    said = decrypted(simulation.initiator.key_pem(), credential)
    style = simulation.switches(None).credential_style
    right = said is not None and is_password(said, simulation.config.initiator_password, style)
    if right and same(name, simulation.config.initiator_name):
        simulation.initiator.forgive()
        return None
    simulation.initiator.count_wrong_try()
    return result_codes.INITIATOR_UNKNOWN


def accept(simulation: Simulation, request: Request) -> None:
    """Take in the request; its result comes after a while, or by hand."""
    simulation.ledger.put_request(request)
    switches = simulation.switches(request.phone)
    if not switches.result_by_hand:
        after_s = switches.result_delay_s * switches.time_scale
        simulation.timers.set("finish", request.conversation_id, after_s)


def finish(simulation: Simulation, conversation_id: str) -> None:
    """Carry out a pending request and tell its result; `queue_timeout` does the telling without the deed."""
    request = simulation.ledger.request(conversation_id)
    if request is None or request.state != "pending":
        return
    if simulation.switches(request.phone).result_goes == "queue_timeout":
        time_out(simulation, request)
        return
    code = request.refused_code or simulation.switches(request.phone).result_code
    if code is None:
        code = _reversal_code(simulation, request) if request.kind == "reversal" else result_codes.PAID
    end(simulation, request, code)


def time_out(simulation: Simulation, request: Request) -> None:
    """Tell `QueueTimeOutURL` that the request was not carried out in time; it never will be."""
    ended = attrs.evolve(request, state="timed_out", ended_at=time.time())
    simulation.ledger.put_request(ended)
    announce_request(simulation, ended)


def end(simulation: Simulation, request: Request, code: str) -> Request:
    """Give the request its result and tell it; a reversal with 0 moves the money back."""
    now = time.time()
    if code == result_codes.PAID and request.kind == "status":
        request, code = _found(simulation, request)
    payment = simulation.ledger.payment(request.transaction_id)
    receipt = None
    if code == result_codes.PAID and request.kind == "reversal" and payment is not None:
        receipt = _unused_receipt(simulation, now)
        _move_back(simulation, payment, receipt, request.amount, now)
    elif code == result_codes.PAID:
        receipt = _unused_receipt(simulation, now)
    ended = attrs.evolve(
        request,
        state="completed" if code == result_codes.PAID else "failed",
        code=code,
        receipt=receipt,
        ended_at=now,
    )
    simulation.ledger.put_request(ended)
    announce_request(simulation, ended)
    return ended


def reverse_by_hand(simulation: Simulation, payment: Payment) -> str:
    """Reverse a payment in the portal, wholly, without telling anybody; return the reversal's receipt."""
    now = time.time()
    receipt = _unused_receipt(simulation, now)
    _move_back(simulation, payment, receipt, payment.amount - payment.reversed_amount, now)
    return receipt


def _reversal_code(simulation: Simulation, request: Request) -> str:
    payment = simulation.ledger.payment(request.transaction_id)
    switches = simulation.switches(request.phone)
    if payment is None:
        return result_codes.NO_SUCH_TRANSACTION
    if payment.reversed_amount >= payment.amount:
        return result_codes.ALREADY_REVERSED
    if request.receiver not in {payment.shortcode, simulation.config.till}:
        return result_codes.NOT_ASSIGNED
    if switches.merchant_balance == "low":
        return result_codes.INSUFFICIENT
    left = payment.amount - payment.reversed_amount
    whole = request.amount == payment.amount
    allowed = whole if switches.partial_reversal == "refused" else request.amount <= left
    return result_codes.PAID if allowed else result_codes.NOT_ASSIGNED


def _move_back(simulation: Simulation, payment: Payment, receipt: str, amount: int, now: float) -> None:
    moved = payment.reversed_amount + amount
    simulation.ledger.put_payment(attrs.evolve(payment, reversed_amount=moved, reversal_receipt=receipt))
    text = payer_texts.after_reversal(simulation, payment, receipt, amount)
    simulation.ledger.put_text_message(payment.phone, text, now)


def _found(simulation: Simulation, request: Request) -> tuple[Request, str]:
    """Return the status request with the receipt it turns out to be about, and its result code."""
    receipt = request.transaction_id or _receipt_of(simulation, request.original_conversation_id)
    ledger = simulation.ledger
    if ledger.payment(receipt) is None and ledger.reversal(receipt) is None:
        return request, result_codes.NO_SUCH_TRANSACTION
    return attrs.evolve(request, transaction_id=receipt), result_codes.PAID


def _receipt_of(simulation: Simulation, conversation_id: str) -> str:
    for request in simulation.ledger.requests("reversal"):
        named = {request.originator_conversation_id, request.conversation_id}
        if conversation_id in named and request.receipt is not None:
            return request.receipt
    if simulation.switches(None).status_by_merchant_request_id:
        for payment in simulation.ledger.payments():
            if payment.merchant_request_id == conversation_id:
                return payment.receipt
    return ""


def _unused_receipt(simulation: Simulation, now: float) -> str:
    taken = {request.receipt for request in simulation.ledger.requests()}
    while (receipt := formats.receipt(now)) in taken or simulation.ledger.payment(receipt) is not None:
        pass
    return receipt
