"""Paystack's envelope, its keys, its limits and its pages of a list (fact sheet, sections 1, 6 and 11)."""

import base64
import binascii
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import attrs
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from payments.simulators.paystack import formats, problems
from payments.simulators.paystack.config import PaystackSimulatorConfig
from payments.simulators.paystack.problems import Problem
from payments.simulators.request_bodies import WrongContentTypeError, read_fields

_TEST_CALLS_A_MINUTE = 100
_MINUTE_S = 60
_PER_PAGE = 50
_LARGEST_PAGE = 1000

Row = TypeVar("Row")


def done(message: str, data: Any = None, meta: dict[str, Any] | None = None) -> JSONResponse:
    """Return a call that worked: `status` is of the call, never of the payment."""
    body: dict[str, Any] = {"status": True, "message": message}
    if data is not None:
        body["data"] = data
    if meta is not None:
        body["meta"] = meta
    return JSONResponse(body)


def refusal(fault: str) -> JSONResponse:
    """Return the answer of a call that a fault kept from being carried out."""
    return (problems.RATE_LIMITED if fault == "rate_limited" else problems.UNAVAILABLE).answer()


@attrs.define
class RateLimit:
    """Counts calls by the minute. No call is refused unless a switch says after how many."""

    _minute: int = 0
    _calls: int = 0

    def exceeded(self, calls_a_minute: int | None) -> bool:
        """Count a call, and return whether it is one too many."""
        minute = int(time.time()) // _MINUTE_S
        self._calls = self._calls + 1 if minute == self._minute else 1
        self._minute = minute
        return calls_a_minute is not None and self._calls > calls_a_minute

    def stamp(self, calls_a_minute: int | None, response: Response) -> None:
        limit = calls_a_minute or _TEST_CALLS_A_MINUTE
        response.headers["x-ratelimit-limit"] = str(limit)
        response.headers["x-ratelimit-remaining"] = str(max(0, limit - self._calls))
        response.headers["x-ratelimit-reset"] = str(_MINUTE_S - int(time.time()) % _MINUTE_S)


def domain_of(config: PaystackSimulatorConfig, request: Request) -> str | Problem:
    """Return the domain the caller's key opens, `test` or `live`, or why it opens none."""
    header = request.headers.get("authorization")
    if not header:
        return problems.NO_KEY
    scheme, _, key = header.partition(" ")
    if scheme.lower() == "bearer" and key == config.secret_key:
        return "test"
    if scheme.lower() == "bearer" and key == config.live_secret_key:
        return "live"
    return problems.INVALID_KEY


async def fields_of(request: Request) -> dict[str, Any]:
    """Return the fields of a body; one that is neither JSON nor a form has none."""
    try:
        return await read_fields(request)
    except WrongContentTypeError:
        return {}


def number_in(query: Mapping[str, str], *names: str, default: int) -> int:
    """Return a positive whole number of the query, by whichever name it was sent."""
    for name in names:
        text = query.get(name, "")
        if text.isascii() and text.isdigit():
            return max(1, int(text[:9]))
    return default


def period_of(query: Mapping[str, str]) -> tuple[float, float] | Problem:
    """Return the instants `from` and `to` name: everything where they are absent."""
    found = {"from": 0.0, "to": float("inf")}
    for name in found:
        text = query.get(name)
        if not text:
            continue
        try:
            found[name] = formats.instant(text)
        except ValueError:
            return problems.invalid_date(name)
        if name == "to" and len(text) == len("2026-01-31"):
            found[name] += 86400 - 0.001
    return found["from"], found["to"]


def page(
    request: Request, message: str, rows: Sequence[Row], written: Callable[[Row], Any], **meta: Any
) -> JSONResponse:
    """Answer with a page of rows: numbered, or by cursor where `use_cursor` is asked for."""
    query = request.query_params
    per_page = min(number_in(query, "perPage", "per_page", default=_PER_PAGE), _LARGEST_PAGE)
    if query.get("use_cursor", "").lower() == "true":
        at = _position(query.get("next")) if query.get("next") else _position(query.get("previous"))
        following = at + per_page
        said = {
            "next": _cursor(following) if following < len(rows) else None,
            "previous": _cursor(max(0, at - per_page)) if at else None,
            "perPage": per_page,
        }
    else:
        number = number_in(query, "page", default=1)
        at = (number - 1) * per_page
        said = {
            "total": len(rows),
            **meta,
            "skipped": at,
            "perPage": per_page,
            "page": number,
            "pageCount": -(-len(rows) // per_page),
        }
    return done(message, [written(row) for row in rows[at : at + per_page]], said)


def _cursor(position: int) -> str:
    return base64.b64encode(f"position:{position}".encode()).decode()


def _position(cursor: str | None) -> int:
    """Return where a cursor points; one we did not make points at the beginning."""
    try:
        _, _, text = base64.b64decode(cursor or "", validate=True).decode().partition(":")
        return max(0, int(text[:9]))
    except (binascii.Error, ValueError):
        return 0
