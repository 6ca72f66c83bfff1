"""The virtual phone: prompts as a payer meets them, in plain forms without a script."""

import math
import re
import time
from http import HTTPStatus
from pathlib import Path
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from payments.simulators.mpesa import formats, outcomes, payer_texts, result_codes
from payments.simulators.mpesa.prompts import Prompt
from payments.simulators.mpesa.simulation import Simulation
from payments.simulators.mpesa.validation import phone as is_phone
from payments.simulators.pages import pages_of

PAGES = pages_of(Path(__file__).parent)

_LOOK_AGAIN_S = 3
_PIN = re.compile(r"[0-9]{4}")
_TIMED_OUT = frozenset({result_codes.NO_ANSWER, "1019"})
_LINES = (
    ("good", "Good"),
    ("low_balance", "Too little money"),
    ("busy", "Busy: another transaction is open"),
    ("unreachable", "Switched off"),
)
_ANSWERS = (
    ("by_hand", "By hand, on this page"),
    ("approve", "Approve by itself"),
    ("wrong_pin", "Wrong PIN by itself"),
    ("cancel", "Cancel by itself"),
    ("ignore", "Never answer"),
)


async def overview(simulation: Simulation, request: Request) -> Response:
    """List the prompts for a person at the simulator's root."""
    rows = [(prompt, _said(prompt)) for prompt in reversed(simulation.ledger.prompts())]
    return PAGES.render(request, "overview.html", rows=rows, shortcode=simulation.config.shortcode)


async def phones(simulation: Simulation, request: Request) -> Response:
    """List the numbers with a live prompt, and those that had one."""
    typed = request.query_params.get("number", "")
    number = _msisdn(typed)
    if is_phone(number):
        root = request.scope.get("root_path", "")
        return RedirectResponse(f"{root}/phone/{number}/", status_code=HTTPStatus.SEE_OTHER)
    live = [prompt for prompt in simulation.ledger.live_prompts() if prompt.shown]
    known = list(dict.fromkeys(prompt.phone for prompt in reversed(simulation.ledger.prompts())))
    return PAGES.render(
        request,
        "phones.html",
        live=live,
        known=[phone for phone in known if phone not in {prompt.phone for prompt in live}],
        typed=typed,
        again_s=_LOOK_AGAIN_S,
    )


async def show(simulation: Simulation, request: Request) -> Response:
    """Show the screen of one phone: the prompt, or the last message."""
    return _screen(simulation, request, None)


async def answer(simulation: Simulation, request: Request) -> Response:
    """Take what the payer does with the prompt that the form was about."""
    # Read first: nothing may wait between seeing the prompt live and answering, or a double tap counts twice.
    form = await _form(request)
    number = request.path_params["phone"]
    prompt = simulation.ledger.prompt(form.get("prompt", ""))
    if prompt is None or prompt.phone != number:
        return _back(request, number)
    if prompt.state != "live" or not prompt.shown:
        return _screen(simulation, request, "That prompt is no longer on the screen.", HTTPStatus.CONFLICT)
    word = form.get("answer", "approve")
    pin = form.get("pin", "").strip()
    if word == "approve" and not _PIN.fullmatch(pin):
        return _screen(simulation, request, "A PIN has four digits.", HTTPStatus.BAD_REQUEST)
    if word == "approve" and pin != simulation.config.pin:
        word = "wrong_pin"
    if word == "ignore":
        outcomes.ignore(simulation, prompt)
    elif word in result_codes.ANSWERS:
        outcomes.answer(simulation, prompt, result_codes.ANSWERS[word])
    return _back(request, number)


async def set_up(simulation: Simulation, request: Request) -> Response:
    """Change the line of the phone, and what happens to its prompts by itself."""
    form = await _form(request)
    number = request.path_params["phone"]
    line, word = form.get("line", "good"), form.get("answer", "by_hand")
    known = line in dict(_LINES) and word in dict(_ANSWERS)
    if not known or not is_phone(number):
        return _screen(simulation, request, "There is no such setting.", HTTPStatus.BAD_REQUEST)
    simulation.switchboard.change({"line": line, "answer": word}, number)
    return _back(request, number)


def _screen(
    simulation: Simulation, request: Request, notice: str | None, status: int = HTTPStatus.OK
) -> Response:
    number = request.path_params["phone"]
    if not is_phone(number):
        return PAGES.render(request, "no_phone.html", status=HTTPStatus.NOT_FOUND)
    live = simulation.ledger.live_prompt(number)
    shown = live if live is not None and live.shown and live.state == "live" else None
    switches = simulation.switches(number)
    past = [one for one in reversed(simulation.ledger.prompts(number)) if one.state == "ended"]
    return PAGES.render(
        request,
        "phone.html",
        status=status,
        number=number,
        notice=notice,
        prompt=shown,
        text=None if shown is None else payer_texts.prompt_text(simulation, shown),
        timed_out=shown is None and bool(past) and past[0].shown and past[0].code in _TIMED_OUT,
        under_way=live is not None and shown is None and live.state == "answered",
        again_s=_again_s(shown),
        pin=simulation.config.pin,
        messages=[
            (one["text"], f"{formats.eat(one['at']):%H:%M:%S}")
            for one in reversed(simulation.ledger.text_messages(number))
        ],
        past=[(one, _said(one), f"{formats.eat(one.created_at):%H:%M:%S}") for one in past[:5]],
        lines=_LINES,
        line=switches.line,
        answers=_ANSWERS,
        word=switches.answer,
        after_s=switches.answer_after_s * switches.time_scale,
    )


def _again_s(shown: Prompt | None) -> int:
    """Return when to look again: not while a prompt is on the screen, so that a PIN can be typed."""
    if shown is None:
        return _LOOK_AGAIN_S
    return max(_LOOK_AGAIN_S, math.ceil(shown.closes_at - time.time()) + 1)


def _said(prompt: Prompt) -> str:
    if prompt.state != "ended" or prompt.code is None:
        return {"live": "on the phone", "answered": "being processed"}.get(prompt.state, prompt.state)
    if prompt.code == result_codes.PAID:
        return f"paid, {prompt.receipt}"
    return f"{prompt.code}: {result_codes.on_callback(prompt.code)}"


def _msisdn(typed: str) -> str:
    digits = re.sub(r"[^0-9]", "", typed)
    return f"254{digits[1:]}" if digits.startswith("0") else digits


async def _form(request: Request) -> dict[str, str]:
    return dict(parse_qsl((await request.body()).decode("utf-8", "replace"), keep_blank_values=True))


def _back(request: Request, number: str) -> RedirectResponse:
    root = request.scope.get("root_path", "")
    return RedirectResponse(f"{root}/phone/{number}/", status_code=HTTPStatus.SEE_OTHER)
