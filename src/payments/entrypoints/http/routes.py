"""The route table: every operation of the service, and how paths and methods find them."""

from collections.abc import Iterable, Sequence
from typing import Final

import attrs
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from payments.entrypoints.http import (
    cancel,
    docs,
    explain,
    health,
    history,
    initiate,
    payment,
    providers,
    reading,
    status_page,
    verify,
)
from payments.entrypoints.http.auth import ANYONE, Caller
from payments.entrypoints.http.desk import Desk
from payments.entrypoints.http.operation import Call, Operation
from payments.entrypoints.http.problems import UNAUTHENTICATED, Refused
from payments.settings import HttpSettings

OPERATIONS: Final = (
    initiate.INITIATE,
    verify.RETURN,
    verify.NOTICE,
    history.LIST,
    providers.OFFERS,
    status_page.STATUS,
    payment.GET,
    explain.EXPLAIN,
    cancel.CANCEL,
    health.LIVE,
    health.READY,
    health.METRICS,
    docs.DOCUMENT,
    docs.REFERENCE,
    docs.ASSET,
)
"""In the order they are matched: a fixed path stands before one that would swallow it."""


def open_operations(http: HttpSettings) -> tuple[Operation, ...]:
    """The operations that are not switched off."""
    return tuple(operation for operation in OPERATIONS if http.metrics or operation is not health.METRICS)


def routes(desk: Desk, operations: Sequence[Operation]) -> list[Route]:
    """Every path, with and without its trailing slash: nothing is ever redirected, least of all a POST."""
    made = []
    for path in dict.fromkeys(operation.path for operation in operations):
        here = Dispatch.of(desk, path, [operation for operation in operations if operation.path == path])
        made += [Route(spelling, here) for spelling in _spellings(path)]
    return made


def _spellings(path: str) -> tuple[str, ...]:
    return (path, path[:-1]) if path.endswith("/") else (path,)


@attrs.frozen(eq=False)
class Dispatch:
    """One path: finds the operation for a method, admits the caller and lets it answer."""

    _desk: Desk
    _path: str
    _by_method: dict[str, Operation]
    _allow: str

    @classmethod
    def of(cls, desk: Desk, path: str, operations: Iterable[Operation]) -> "Dispatch":
        """The operations that share ``path``. HEAD is answered where GET is."""
        by_method = {operation.method: operation for operation in operations}
        if "GET" in by_method:
            by_method["HEAD"] = by_method["GET"]
        return cls(desk, path, by_method, ", ".join(sorted(by_method)))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["payments.route"] = self._path
        operation = self._by_method.get(scope["method"])
        if operation is None:
            raise HTTPException(405, headers={"Allow": self._allow})
        request = Request(scope, receive, send)
        caller = self._admitted(request, operation)
        response = await operation.handle(self._desk, Call(request, caller))
        await response(scope, receive, send)

    def _admitted(self, request: Request, operation: Operation) -> Caller:
        if not operation.scopes:
            return ANYONE
        if self._desk.callers is None:
            raise Refused(UNAUTHENTICATED, WWW_Authenticate="Bearer")
        caller = self._desk.callers.admit(request, operation.scopes)
        if operation.query is None:
            reading.no_query(request)
        return caller
