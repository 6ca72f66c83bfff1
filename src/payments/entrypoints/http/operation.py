"""Operations: a row of the route table says everything about one call, to the router and to the document."""

import enum
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

import attrs
from starlette.requests import Request
from starlette.responses import Response

from payments.domain.errors import PaymentsError
from payments.entrypoints.http.auth import Caller, Scope
from payments.entrypoints.http.desk import Desk
from payments.entrypoints.http.problems import Kind


class Who(enum.Enum):
    """Who may call."""

    ANYONE = "anyone"
    PROVIDER = "the provider, by its signature"
    OWNER = "the owner"
    COLLECTOR = "a collector"
    OPERATOR = "an operator"
    OWNER_OR_OPERATOR = "the owner, or an operator"
    REFUNDER = "whoever may give money back"


@attrs.frozen
class Call:
    """One request to one operation, from a caller that was admitted."""

    request: Request
    caller: Caller

    @property
    def request_id(self) -> str:
        """What names this request in answers and logs."""
        found: str = self.request.scope["payments.request_id"]
        return found


Handler: TypeAlias = Callable[[Desk, Call], Awaitable[Response]]


@attrs.frozen(kw_only=True)
class Answer:
    """One way an operation answers when all is well."""

    status: int = 200
    shape: type | None = None
    """The class of a JSON body; None for another one."""
    media_type: str = "application/json"
    description: str
    headers: Mapping[str, str] = attrs.field(factory=dict)
    """Headers worth knowing, with what they say."""


@attrs.frozen(kw_only=True)
class Operation:
    """One method at one path."""

    name: str
    method: str
    path: str
    """As written in the contract; it is served without its trailing slash, too."""
    handle: Handler
    summary: str
    description: str = ""
    tag: str
    who: Who
    scopes: tuple[Scope, ...] = ()
    """The caller's token carries one of them; empty: no token is asked for."""
    takes: type | None = None
    """The class of the JSON body; ``bytes`` for a body that is only passed on."""
    query: type | None = None
    path_shapes: Mapping[str, Any] = attrs.field(factory=dict)
    """The parts of the path, in their order."""
    answers: tuple[Answer, ...]
    raises: tuple[type[PaymentsError] | Kind, ...] = ()
    """Problems beyond those that every operation of its sort can answer."""
    once: bool = False
    """Takes an Idempotency-Key."""
    key_required: bool = False
    """And does nothing without one."""
    documented: bool = True
