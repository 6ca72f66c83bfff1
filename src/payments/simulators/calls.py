"""A record of every call a simulator received, and the ASGI endpoint that writes it and shows the faults."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

import attrs
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send

from payments.simulators import faults
from payments.simulators.documents import Documents

_KIND = "call"
_LARGEST_BODY_BYTES = 1_000_000


class ControlError(ValueError):
    """A control request that cannot be read, or asks for something that does not exist."""


@attrs.frozen
class Calls:
    """Every call received.

    Endpoint, subject (the reference or order it concerns), status answered, fault shown.
    """

    _documents: Documents

    def record(self, **call: Any) -> None:
        self._documents.add(_KIND, {"at": time.time(), **call})

    def overview(self, filters: dict[str, str]) -> dict[str, Any]:
        """Return the calls whose fields equal the filters, oldest first, with counts."""
        calls = [
            call
            for call in self._documents.all(_KIND)
            if all(str(call.get(name)) == value for name, value in filters.items())
        ]
        return {
            "count": len(calls),
            "by_endpoint": dict(Counter(call["endpoint"] for call in calls)),
            "by_status": dict(Counter(str(call["status"]) for call in calls)),
            "calls": calls,
        }


@attrs.frozen(kw_only=True)
class Endpoint:
    """One call of a simulated API, as an ASGI application: recorded, and gone wrong as `take_fault` says.

    `subject` reads the reference the call concerns; `answer` carries it out; `delay_s` tells how slow
    `slow` is; `stamp` adds the headers every answer carries. `not_carried_out` names the faults that
    `refusal` answers, `replaced` what stands in place of an answer although the call was carried out;
    `redact` takes secrets out of the body that is recorded.
    """

    name: str
    subject_field: str
    subject: Callable[[Request], Awaitable[str | None]]
    answer: Callable[[Request], Awaitable[Response]]
    take_fault: Callable[[str | None, str], str]
    delay_s: Callable[[str | None], float]
    refusal: Callable[[str], Response]
    stamp: Callable[[Response], None]
    calls: Calls
    not_carried_out: frozenset[str] = faults.NOT_CARRIED_OUT
    replaced: Mapping[str, Callable[[], Response]] = attrs.field(factory=dict)
    redact: Callable[[str], str] = str

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        await request.body()
        subject = await self.subject(request)
        fault = self.take_fault(subject, self.name)
        response = self._refuse(fault) if fault in self.not_carried_out else await self.answer(request)
        if fault == "html_500_after":
            response = HTMLResponse(faults.HTML_500, status_code=HTTPStatus.INTERNAL_SERVER_ERROR)
        if fault in self.replaced:
            response = self.replaced[fault]()
        self.stamp(response)
        unanswered = fault in {"reset_before", "reset_after", "never_answer"}
        self.calls.record(
            endpoint=self.name,
            method=request.method,
            path=request.url.path,
            status=None if unanswered else response.status_code,
            fault=fault,
            body=self.redact((await request.body())[:_LARGEST_BODY_BYTES].decode("utf-8", "replace")),
            **{self.subject_field: subject},
        )
        if fault in {"reset_before", "reset_after"}:
            await faults.drop_connection(scope, receive, send)
        elif fault == "never_answer":
            await faults.stay_silent(scope, receive, send)
        elif fault == "cut_off":
            await faults.cut_off(bytes(response.body), send, response.status_code)
        elif fault == "truncated":
            half = bytes(response.body)[: len(response.body) // 2]
            await Response(half, response.status_code, media_type="application/json")(scope, receive, send)
        else:
            if fault == "slow":
                await asyncio.sleep(self.delay_s(subject))
            await response(scope, receive, send)

    def _refuse(self, fault: str) -> Response:
        if fault == "html_500":
            return HTMLResponse(faults.HTML_500, status_code=HTTPStatus.INTERNAL_SERVER_ERROR)
        return self.refusal(fault)


async def control_body(request: Request) -> dict[str, Any]:
    """Return the JSON object of a control request, or an empty one; anything else raises `ControlError`."""
    raw = await request.body()
    if not raw.strip():
        return {}
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise ControlError("the body must be a JSON object") from error
    if not isinstance(body, dict):
        raise ControlError("the body must be a JSON object")
    return body
