"""STK push (fact sheet, section 3)."""

import time
from typing import Any

import attrs
from starlette.requests import Request
from starlette.responses import JSONResponse

from payments.simulators.mpesa import announcements, formats, outcomes, result_codes, validation
from payments.simulators.mpesa.access import admitted
from payments.simulators.mpesa.api_answers import invalid, server_error, threat
from payments.simulators.mpesa.credentials import push_password, same
from payments.simulators.mpesa.payer_texts import prompt_text
from payments.simulators.mpesa.prompts import Prompt
from payments.simulators.mpesa.simulation import Simulation
from payments.simulators.mpesa.switches import MpesaSwitches
from payments.simulators.mpesa.validation import Rule

_PAYBILL = "CustomerPayBillOnline"
_BUY_GOODS = "CustomerBuyGoodsOnline"
_LONGEST_PROMPT = 182
_ACCEPTED = "Success. Request accepted for processing"


async def push(simulation: Simulation, request: Request) -> JSONResponse:
    """Send a prompt to the payer's phone, or say which field is bad."""
    fields = await admitted(simulation, request, "push")
    if isinstance(fields, JSONResponse):
        return fields
    switches = simulation.switches(validation.text_of(fields.get("PhoneNumber")))
    no = validation.first_refusal(fields, _rules(switches)) or _refused(simulation, switches, fields)
    if no is not None:
        return no
    prompt = _prompt(simulation, switches, fields)
    other_is_live = switches.line == "busy" or simulation.ledger.live_prompt(prompt.phone) is not None
    if other_is_live and switches.lock_shows_as == "push_error":
        return server_error(result_codes.LOCKED_TEXT)
    fate = result_codes.LOCKED_SUBSCRIBER if other_is_live else _fate(simulation, switches, prompt)
    opened = outcomes.open_prompt(simulation, prompt, fate)
    if switches.callback_before_answer:
        await _end_before_answer(simulation, switches, opened)
    return JSONResponse(_acknowledgement(prompt, switches.push_answer))


def credential_rules(switches: MpesaSwitches) -> tuple[Rule, ...]:
    """Return the rules of the three fields that push and query begin with."""
    return (
        Rule("BusinessShortCode", validation.shortcode),
        Rule("Password", validation.filled),
        Rule("Timestamp", validation.timestamp(switches.timestamp_age_s)),
    )


def wrong_credentials(
    simulation: Simulation, switches: MpesaSwitches, fields: dict[str, Any]
) -> JSONResponse | None:
    """Return the refusal of an unknown shortcode, or of a password that is not made for it, or None."""
    shortcode, timestamp = str(fields["BusinessShortCode"]), str(fields["Timestamp"])
    if shortcode != simulation.config.shortcode:
        return server_error("Merchant does not exist")
    expected = push_password(shortcode, simulation.config.passkey, timestamp)
    return None if same(str(fields["Password"]), expected) else server_error(switches.credentials_text)


def _rules(switches: MpesaSwitches) -> tuple[Rule, ...]:
    strict = switches.strict
    return (
        *credential_rules(switches),
        Rule("TransactionType", validation.one_of(_PAYBILL, _BUY_GOODS)),
        Rule("Amount", validation.whole_amount(switches.largest_amount)),
        Rule("PartyA", validation.phone),
        Rule("PartyB", validation.shortcode),
        Rule("PhoneNumber", validation.phone),
        Rule("CallBackURL", validation.url(strict=strict)),
        Rule("AccountReference", validation.account_reference(strict=strict), suspicious=True),
        Rule(
            "TransactionDesc",
            validation.description(strict=strict),
            not_null=True,
            said_as="Remarks",
            suspicious=True,
        ),
    )


def _refused(simulation: Simulation, switches: MpesaSwitches, fields: dict[str, Any]) -> JSONResponse | None:
    if switches.strict and validation.has_forbidden_word(str(fields["CallBackURL"])):
        return threat()
    if (no := wrong_credentials(simulation, switches, fields)) is not None:
        return no
    # What the sandbox's paybill was seen to say to a till's type [3.1].
    if fields["TransactionType"] == _BUY_GOODS and simulation.config.till is None:
        return invalid("TransactionType")
    return None


def _acknowledgement(prompt: Prompt, shape: str) -> dict[str, Any]:
    """Return the answer to a push that was carried out; only the usual shape says so [3.2]."""
    said: dict[str, Any] = {
        "MerchantRequestID": prompt.merchant_request_id,
        "CheckoutRequestID": prompt.checkout_request_id,
        "ResponseCode": {"response_code_1": "1", "response_code_number": 0}.get(shape, "0"),
        "ResponseDescription": _ACCEPTED,
        "CustomerMessage": _ACCEPTED,
    }
    if shape == "without_id":
        del said["CheckoutRequestID"]
    return said


def _prompt(simulation: Simulation, switches: MpesaSwitches, fields: dict[str, Any]) -> Prompt:
    phone = str(fields["PhoneNumber"])
    now = time.time()
    # Two at one instant would share their id: the later one takes the next millisecond.
    named_at = now
    while simulation.ledger.prompt(name := formats.checkout_request_id(named_at, phone)) is not None:
        named_at += 0.001
    return Prompt(
        checkout_request_id=name,
        merchant_request_id=formats.merchant_request_id(),
        shortcode=str(fields["BusinessShortCode"]),
        transaction_type=fields["TransactionType"],
        party_b=str(fields["PartyB"]),
        amount=int(fields["Amount"]),
        phone=phone,
        callback_url=str(fields["CallBackURL"]),
        account_reference=str(fields["AccountReference"]),
        description=str(fields.get("TransactionDesc", "")),
        created_at=now,
        closes_at=now + switches.prompt_life_s * switches.time_scale,
    )


def _fate(simulation: Simulation, switches: MpesaSwitches, prompt: Prompt) -> str | None:
    """Return the result of a push whose prompt no phone can show, or None."""
    if (code := _wrong_party(simulation, prompt)) is not None:
        return code
    if _same_again(simulation, switches, prompt):
        return result_codes.SAME_AGAIN
    return result_codes.TOO_LONG if len(prompt_text(simulation, prompt)) > _LONGEST_PROMPT else None


def _wrong_party(simulation: Simulation, prompt: Prompt) -> str | None:
    """Return what a type, shortcode and party that do not belong together end with [4.1]."""
    till = simulation.config.till
    if till is None:
        return None if prompt.party_b == prompt.shortcode else result_codes.NOT_ASSIGNED
    if prompt.transaction_type == _PAYBILL:
        return result_codes.NOT_ASSIGNED
    if prompt.party_b == till:
        return None
    at_the_store = prompt.party_b == prompt.shortcode
    return result_codes.NO_SUCH_OPERATOR if at_the_store else result_codes.WRONG_STORE


def _same_again(simulation: Simulation, switches: MpesaSwitches, prompt: Prompt) -> bool:
    if switches.same_amount_rule == "off":
        return False
    since = prompt.created_at - switches.same_amount_window_s * switches.time_scale
    earlier = [
        one
        for one in simulation.ledger.prompts(prompt.phone)
        if one.amount == prompt.amount and one.shortcode == prompt.shortcode
    ]
    if switches.same_amount_rule == "asked":
        return any(one.shown and one.created_at > since for one in earlier)
    return any(one.code == result_codes.PAID and (one.ended_at or 0.0) > since for one in earlier)


async def _end_before_answer(simulation: Simulation, switches: MpesaSwitches, prompt: Prompt) -> None:
    """Answer the prompt and tell it before the push itself is answered."""
    word = switches.answer_to(prompt.amount)
    code = prompt.code or result_codes.ANSWERS.get(word, word)
    if word in {"by_hand", "ignore"} and prompt.code is None:
        code = result_codes.PAID if prompt.shown else result_codes.NO_ANSWER
    if code == result_codes.PAID and switches.line == "low_balance":
        code = result_codes.INSUFFICIENT
    current = simulation.ledger.prompt(prompt.checkout_request_id)
    if current is not None and current.state != "ended":
        told = outcomes.end(simulation, attrs.evolve(current, state="answered"), code)
        await announcements.first_tried(told)
