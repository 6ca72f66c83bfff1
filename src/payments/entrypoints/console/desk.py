"""The desk of the console: what every page may need, made once, and how a page is written."""

import re
from collections.abc import Mapping
from typing import Any, Final

import attrs
from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import Response

from payments.application.payments import Payments
from payments.entrypoints.console.visits import IDLE, Visit, Visits
from payments.entrypoints.http.auth import Caller, Callers
from payments.settings import Settings

MOUNT: Final = "/console"
COOKIE: Final = "payments_console"
BOUND_COOKIE: Final = f"__Host-{COOKIE}"
"""Its name behind https: browsers take it from this very host alone, and only for all of its paths."""

_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
    ),
    "Cache-Control": "no-store",
    # Not no-referrer: that takes the origin from our own forms, which is one way to know them.
    "Referrer-Policy": "same-origin",
}
_VISIT: Final = "payments.console.visit"
# Never two slashes or a backslash in a row, and no dots: nothing a browser would take for another host.
_PLACE: Final = re.compile(r"(?:/[A-Za-z0-9_-]+)*/?(?:\?[A-Za-z0-9_=&%.+-]*)?", re.ASCII)


@attrs.frozen
class Here:
    """A request of an operator who is signed in."""

    request: Request
    visit: Visit
    caller: Caller
    fields: Mapping[str, str] = attrs.field(factory=dict)
    """What its form sent; empty for a page that is only looked at."""


@attrs.frozen(kw_only=True)
class Desk:
    """What stands between the pages and the use-cases."""

    payments: Payments
    settings: Settings
    callers: Callers | None
    """None where no key is configured: then nobody can sign in."""
    visits: Visits
    pages: Environment
    """The templates; everything in them is escaped."""
    assets: Mapping[str, bytes]

    def page(
        self,
        request: Request,
        name: str,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        **values: Any,
    ) -> Response:
        """The template ``name`` with these values, for whoever sent ``request``."""
        root = root_of(request)
        text = self.pages.get_template(name).render(
            root=root,
            outside=root.removesuffix(MOUNT),
            visit=visit_of(request),
            live=self.settings.mode.value == "live",
            **values,
        )
        told = {**_HEADERS, **(headers or {})}
        return Response(text, status_code=status, headers=told, media_type="text/html")

    @property
    def cookie(self) -> str:
        """What the cookie of a visit is called."""
        return BOUND_COOKIE if self._by_https else COOKIE

    @property
    def _by_https(self) -> bool:
        return self.settings.public_url.startswith("https:")

    def remember(self, request: Request, response: Response, visit: Visit) -> None:
        """Let the browser keep ``visit``, and begin its idle time anew."""
        response.set_cookie(
            self.cookie,
            self.visits.sealed(visit),
            max_age=int(IDLE.total_seconds()),
            path=self._path(request),
            secure=self._by_https,
            httponly=True,
            samesite="strict",
        )

    def forget(self, request: Request, response: Response) -> None:
        """Let the browser forget its visit."""
        response.delete_cookie(
            self.cookie, path=self._path(request), secure=self._by_https, httponly=True, samesite="strict"
        )

    def _path(self, request: Request) -> str:
        return "/" if self._by_https else root_of(request)


def root_of(request: Request) -> str:
    """The path below which the console stands, without a slash at its end."""
    root: str = request.scope["root_path"]
    return root


def place_of(request: Request) -> str:
    """What the request asks for, below the console and with its query: where a sign-in may lead back to."""
    path = request.scope["path"].removeprefix(root_of(request))
    return safe_place(f"{path}?{request.url.query}" if request.url.query else path)


def safe_place(place: str) -> str:
    """``place`` if it lies below the console beyond doubt, else the console's first page."""
    return place if place and _PLACE.fullmatch(place) else "/"


def visit_of(request: Request) -> Visit | None:
    """The visit this request belongs to, once it was admitted."""
    found: Visit | None = request.scope.get(_VISIT)
    return found


def admit(request: Request, visit: Visit) -> None:
    """Note that ``request`` belongs to ``visit``."""
    request.scope[_VISIT] = visit
