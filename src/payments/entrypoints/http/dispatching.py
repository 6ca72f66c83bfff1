"""From a request to its operation: by path, then by method, then past the check of who is calling."""

from collections.abc import Iterable, Mapping, Sequence

import attrs
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Receive, Scope, Send

from payments.entrypoints.http import reading
from payments.entrypoints.http.auth import ANYONE, Caller
from payments.entrypoints.http.desk import Desk
from payments.entrypoints.http.operation import Call, Operation
from payments.entrypoints.http.problems import UNAUTHENTICATED, Refused


def routes(desk: Desk, operations: Sequence[Operation]) -> list[BaseRoute]:
    """Every path, with and without its trailing slash: nothing is ever redirected, least of all a POST.

    A path without parameters comes before one that could swallow it, for every method that it takes.
    """
    fixed: dict[str, Dispatch] = {}
    patterned: list[Route] = []
    for path in dict.fromkeys(operation.path for operation in operations):
        here = Dispatch.of(desk, path, [operation for operation in operations if operation.path == path])
        if "{" in path:
            patterned += [Route(spelling, here) for spelling in _spellings(path)]
        else:
            fixed |= dict.fromkeys(_spellings(path), here)
    # Looked through one by one: as the contract has them first, and no spelling matches another's paths.
    patterned.sort(key=lambda route: not route.path.endswith("/"))
    return [FixedPaths(fixed), *patterned]


def _spellings(path: str) -> tuple[str, ...]:
    return (path, path[:-1]) if path.endswith("/") else (path,)


@attrs.frozen(eq=False)
class Dispatch:
    """One path: finds the operation for a method, admits the caller and lets it answer."""

    _desk: Desk
    _path: str
    _by_method: Mapping[str, Operation]
    _allow: str

    @classmethod
    def of(cls, desk: Desk, path: str, operations: Iterable[Operation]) -> "Dispatch":
        """The operations that share ``path``. HEAD is answered where GET is."""
        by_method = {operation.method: operation for operation in operations}
        if "GET" in by_method:
            by_method["HEAD"] = by_method["GET"]
        return cls(desk, path, by_method, ", ".join(sorted(by_method)))

    def takes(self, method: str) -> bool:
        """Whether there is an operation for ``method``."""
        return method in self._by_method

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["payments.route"] = self._path
        operation = self._by_method.get(scope["method"])
        if operation is None:
            raise HTTPException(405, headers={"Allow": self._allow})
        request = Request(scope, receive, send)
        caller = await self._admitted(request, operation)
        response = await operation.handle(self._desk, Call(request, caller))
        await response(scope, receive, send)

    async def _admitted(self, request: Request, operation: Operation) -> Caller:
        if not operation.scopes:
            return ANYONE
        if self._desk.callers is None:
            raise Refused(UNAUTHENTICATED, WWW_Authenticate="Bearer")
        caller = await self._desk.callers.admit(request, operation.scopes)
        if operation.query is None:
            reading.no_query(request)
        return caller


def _path(scope: Scope) -> str:
    """The path below where we are mounted."""
    root, path = scope.get("root_path", ""), scope["path"]
    below: str = path[len(root) :] if root and path.startswith(f"{root}/") else path
    return below


class FixedPaths(BaseRoute):
    """All paths without parameters, found at once instead of one regular expression after the other."""

    def __init__(self, by_path: Mapping[str, Dispatch]) -> None:
        self._by_path = by_path

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether the path is one of them; only in part when it does not take the method."""
        found = self._by_path.get(_path(scope)) if scope["type"] == "http" else None
        if found is None:
            return Match.NONE, {}
        return Match.FULL if found.takes(scope["method"]) else Match.PARTIAL, {"endpoint": found}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the path that matched answer."""
        await scope["endpoint"](scope, receive, send)
