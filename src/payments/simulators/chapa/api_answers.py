"""Chapa's envelope, its headers and its 401s (fact sheet, section 1)."""

import re
import secrets
import time
from http import HTTPStatus
from typing import Any

import attrs
from starlette.requests import Request
from starlette.responses import JSONResponse

from payments.simulators.chapa.config import ChapaSimulatorConfig

_SECRET_KEY = re.compile(r"CHASECK(?:_TEST|_LIVE)?-[A-Za-z0-9]+")
_CALLS_A_MINUTE = 1000
_MINUTE_S = 60


def envelope(status: int, message: Any, word: str | None = "failed", data: Any = None) -> JSONResponse:
    return plain(status, {"message": message, "status": word, "data": data})


def plain(status: int, body: dict[str, Any]) -> JSONResponse:
    """Return an answer with the headers of the gateway in front of Chapa; how many calls it allows is not known."""
    headers = {
        "x-ratelimit-limit": str(_CALLS_A_MINUTE),
        "x-ratelimit-remaining": str(_CALLS_A_MINUTE - 1 - int(time.time()) % _MINUTE_S),
        "x-amzn-requestid": secrets.token_hex(16),
        "x-amzn-trace-id": f"Root=1-{int(time.time()):08x}-{secrets.token_hex(12)}",
    }
    return JSONResponse(body, status_code=status, headers=headers)


def refusal(fault: str) -> JSONResponse:
    """Return the answer of a call that a fault kept from being carried out."""
    if fault == "rate_limited":
        return envelope(HTTPStatus.TOO_MANY_REQUESTS, "Too many requests")
    return envelope(HTTPStatus.SERVICE_UNAVAILABLE, "Service Unavailable")


@attrs.frozen
class Caller:
    """Who called: `mode` is test or live, by the key."""

    mode: str


def identify(
    config: ChapaSimulatorConfig, request: Request, unknown_key: str = "Invalid API Key or User doesn't exist"
) -> Caller | JSONResponse:
    """Return who calls, or the 401 that tells them off."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme != "Bearer" or not key or " " in key:
        return envelope(HTTPStatus.UNAUTHORIZED, "Authorization required")
    known = _SECRET_KEY.fullmatch(key) if config.secret_keys is None else key in config.secret_keys
    if not known:
        return envelope(HTTPStatus.UNAUTHORIZED, unknown_key)
    return Caller("test" if "_TEST-" in key else "live")
