"""Chapa's envelope, its headers and its 401s (fact sheet, section 1)."""

import re
import secrets
import time
import uuid
from http import HTTPStatus
from typing import Any

import attrs
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from payments.simulators.chapa.config import ChapaSimulatorConfig

_SECRET_KEY = re.compile(r"CHASECK(?:_TEST|_LIVE)?-[A-Za-z0-9]+")
_CALLS_A_MINUTE = 1000
_MINUTE_S = 60


def envelope(status: int, message: Any, word: str | None = "failed", data: Any = None) -> JSONResponse:
    return JSONResponse({"message": message, "status": word, "data": data}, status_code=status)


@attrs.define
class Gateway:
    """The headers of the gateway in front of Chapa. Its limit is not known: no call is refused."""

    _minute: int = 0
    _calls: int = 0

    def stamp(self, response: Response) -> None:
        now = time.time()
        minute = int(now) // _MINUTE_S
        self._calls = self._calls + 1 if minute == self._minute else 1
        self._minute = minute
        response.headers["x-ratelimit-limit"] = str(_CALLS_A_MINUTE)
        response.headers["x-ratelimit-remaining"] = str(max(0, _CALLS_A_MINUTE - self._calls))
        response.headers["x-amzn-requestid"] = str(uuid.uuid4())
        response.headers["x-amzn-trace-id"] = f"Root=1-{int(now):08x}-{secrets.token_hex(12)}"


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
