"""What happens around every request: identifier, log line, measure and security headers.

Pure ASGI: a layer of ``BaseHTTPMiddleware`` costs five sixths of the throughput.
"""

import re
import time
import traceback
from typing import Final

import attrs
import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, clear_contextvars, get_contextvars, unbind_contextvars
from structlog.typing import FilteringBoundLogger
from uuid_utils import uuid7

from payments.entrypoints.http.measures import Measures
from payments.entrypoints.http.problems import INTERNAL_ERROR, Problem, ProblemWriter
from payments.entrypoints.http.reading import CARD_NUMBER

_IDENTIFIER: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_CLIENT_GONE: Final = 499
_PROBES: Final = frozenset({"/livez", "/readyz", "/metrics"})
_WORTH_A_LINE: Final = 400
BOUND: Final = frozenset({"request_id", "payment_id", "reference", "collection_id", "refund_id"})
"""What a request has its log lines say. Whatever of it is there before was left by another request."""
_LOGGED_PARTS: Final = ("provider", "order_id", "payment_id")
# A token in a path, as M-Pesa's callbacks have one, is a secret: only these parts of a path reach the log.
_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
# A year (RFC 6797, section 6.1).
_HSTS: Final = (b"strict-transport-security", b"max-age=31536000")
_HSTS_SUBDOMAINS: Final = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")


@attrs.define
class _Outcome:
    """What was answered so far."""

    status: int = 0


@attrs.frozen
class Around:
    """The outermost layer; nothing a handler raises gets past it unanswered."""

    app: ASGIApp
    problems: ProblemWriter = attrs.field(kw_only=True)
    measures: Measures = attrs.field(kw_only=True)
    secure: bool = attrs.field(kw_only=True)
    """Whether we are reached by https."""
    subdomains: bool = attrs.field(kw_only=True)
    """Whether every host below ours is, too."""
    _log: FilteringBoundLogger = attrs.field(
        factory=lambda: structlog.get_logger("payments.http"), init=False
    )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _identifier(scope)
        scope["payments.request_id"] = request_id
        started_s = time.perf_counter()
        outcome = _Outcome()
        answer = _sender(send, outcome, self._headers(request_id))
        before = get_contextvars()
        # A server begins what was pipelined within the request before it, and hands on what that one bound.
        unbind_contextvars(*BOUND.intersection(before))
        bind_contextvars(request_id=request_id)
        try:
            await self.app(scope, receive, answer)
        except ClientDisconnect:
            outcome.status = outcome.status or _CLIENT_GONE
        except Exception:  # noqa: BLE001 -- the edge of the process: the caller gets an answer, we get the trace
            await self._failed(scope, receive, answer, outcome)
        finally:
            self._note(scope, outcome.status or _CLIENT_GONE, time.perf_counter() - started_s)
            # A server may serve the next request in this very task: nothing of this one may stick to it.
            clear_contextvars()
            bind_contextvars(**before)

    def _headers(self, request_id: str) -> tuple[tuple[bytes, bytes], ...]:
        named = (b"x-request-id", request_id.encode())
        if not self.secure:
            return (named, *_HEADERS)
        return (named, *_HEADERS, _HSTS_SUBDOMAINS if self.subdomains else _HSTS)

    async def _failed(self, scope: Scope, receive: Receive, answer: Send, outcome: _Outcome) -> None:
        # As text: renderers that are given the exception itself print local variables, tokens included.
        await self._log.aerror("request_failed", route=_route(scope), exception=traceback.format_exc())
        if not outcome.status:
            problem = Problem(kind=INTERNAL_ERROR, detail=f"{INTERNAL_ERROR.title}.")
            request_id = scope["payments.request_id"]
            await self.problems.response(problem, request_id)(scope, receive, answer)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = _route(scope)
        self.measures.request(scope["method"], route, status, seconds)
        if scope.get(CARD_NUMBER):
            self.measures.card_number(route)
            self._log.warning("card_number_received", method=scope["method"], route=route)
        parts = scope.get("path_params", {})
        said = {name: parts[name][:64] for name in _LOGGED_PARTS if name in parts}
        # Probes come every few seconds and say nothing as long as they are answered well.
        told = self._log.debug if route in _PROBES and status < _WORTH_A_LINE else self._log.info
        told(
            "request",
            method=scope["method"],
            route=route,
            status=status,
            took_ms=round(seconds * 1000, 1),
            **said,
        )


def _identifier(scope: Scope) -> str:
    """The caller's X-Request-Id if it is harmless, else a new one."""
    given: bytes = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
    return given.decode() if _IDENTIFIER.fullmatch(given) else uuid7().hex


def _route(scope: Scope) -> str:
    """The template of the path that matched."""
    route: str = scope.get("payments.route", "unmatched")
    return route


def _sender(send: Send, outcome: _Outcome, headers: tuple[tuple[bytes, bytes], ...]) -> Send:
    """A ``send`` that adds ``headers`` where the answer does not say otherwise, and notes its status."""

    async def answer(message: Message) -> None:
        if message["type"] == "http.response.start":
            outcome.status = message["status"]
            given = list(message.get("headers", ()))
            present = {name.lower() for name, _ in given}
            message["headers"] = given + [pair for pair in headers if pair[0] not in present]
        await send(message)

    return answer
