"""The console as routes: one table of its addresses, what each asks of a visitor, and the layers around."""

import mimetypes
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from importlib.resources import files
from typing import Final, TypeAlias

import attrs
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from payments.application.payments import Payments
from payments.domain.errors import PaymentsError
from payments.entrypoints.console import (
    asking,
    cancelling,
    deciding,
    forms,
    found_payments,
    one_payment,
    one_review,
    open_reviews,
    overview,
    refunding,
    signing_in,
    troubles,
)
from payments.entrypoints.console.desk import MOUNT, Desk, Here
from payments.entrypoints.console.visits import Visits
from payments.entrypoints.console.wording import FILTERS
from payments.entrypoints.http.auth import Callers
from payments.entrypoints.http.problems import NOT_FOUND, Refused
from payments.settings import Settings

Answer: TypeAlias = Callable[[Desk, Request], Awaitable[Response]]
AnswerOperator: TypeAlias = Callable[[Desk, Here], Awaitable[Response]]

_SIGN_IN: Final = "/sign-in/"
_SIGN_OUT: Final = "/sign-out/"
_FOR_OPERATORS: Final[Mapping[str, Mapping[str, AnswerOperator]]] = {
    "/": {"GET": overview.show},
    "/payments/": {"GET": found_payments.show},
    "/payments/{payment_id}/": {"GET": one_payment.show},
    "/payments/{payment_id}/attempts/{reference}/ask/": {"GET": asking.confirm, "POST": asking.ask},
    "/payments/{payment_id}/attempts/{reference}/cancel/": {
        "GET": cancelling.confirm,
        "POST": cancelling.cancel,
    },
    "/payments/{payment_id}/captures/{capture_id}/refund/": {"GET": refunding.ask, "POST": refunding.refund},
    "/payments/{payment_id}/refunds/{refund_id}/approve/": {
        "GET": refunding.confirm_approval,
        "POST": refunding.approve,
    },
    "/payments/{payment_id}/refunds/{refund_id}/refuse/": {
        "GET": refunding.confirm_refusal,
        "POST": refunding.refuse,
    },
    "/reviews/": {"GET": open_reviews.show},
    "/reviews/{review_id}/": {"GET": one_review.show},
    "/reviews/{review_id}/decide/{decision}/": {"GET": deciding.confirm, "POST": deciding.decide},
    _SIGN_OUT: {"POST": signing_in.sign_out},
}
FORMS: Final = tuple(
    f"{MOUNT}{path}"
    for path in (_SIGN_IN, *(path for path, ways in _FOR_OPERATORS.items() if "POST" in ways))
)
"""Where forms are sent."""


def console_routes(payments: Payments, settings: Settings, callers: Callers | None) -> list[BaseRoute]:
    """``/console/`` and everything below it."""
    desk = Desk(
        payments=payments,
        settings=settings,
        callers=callers,
        visits=Visits(payments.cipher, payments.clock, payments.shared_state),
        pages=_pages(),
        assets={file.name: file.read_bytes() for file in files(__package__).joinpath("static").iterdir()},
    )
    routes = [
        *_routes(desk, _SIGN_IN, {"GET": signing_in.ask, "POST": signing_in.sign_in}),
        *_routes(desk, "/assets/{name}", {"GET": _asset}),
    ]
    for path, ways in _FOR_OPERATORS.items():
        routes += _routes(desk, path, {method: partial(_for_operator, way) for method, way in ways.items()})
    expected = dict.fromkeys(
        (PaymentsError, Refused, HTTPException, Exception), partial(troubles.answer, desk)
    )
    app = Starlette(routes=routes, exception_handlers=expected)
    app.router.redirect_slashes = False
    return [Route(MOUNT, _to_the_slash), Mount(MOUNT, app)]


def _pages() -> Environment:
    pages = Environment(
        loader=PackageLoader("payments.entrypoints.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters.update(FILTERS)
    pages.globals["form_field"] = forms.FIELD
    return pages


def _routes(desk: Desk, path: str, ways: Mapping[str, Answer]) -> list[Route]:
    """One address, with and without its trailing slash."""
    here = partial(_answer, desk, path, ways)
    spellings = (path, path[:-1]) if path.endswith("/") and path != "/" else (path,)
    return [Route(spelling, here, methods=list(ways)) for spelling in spellings]


async def _answer(desk: Desk, path: str, ways: Mapping[str, Answer], request: Request) -> Response:
    request.scope["payments.route"] = f"{MOUNT}{path}"
    return await ways["GET" if request.method == "HEAD" else request.method](desk, request)


async def _for_operator(way: AnswerOperator, desk: Desk, request: Request) -> Response:
    """Let ``way`` answer an operator who is signed in; a POST must come from a form of the same visit."""
    found = await signing_in.admitted(desk, request)
    if isinstance(found, Response):
        return found
    if request.method == "POST":
        fields = await forms.read(request, desk.settings.public_url)
        forms.require_ours(fields, found.visit)
        found = attrs.evolve(found, fields=fields)
    response = await way(desk, found)
    if way is signing_in.sign_out:
        desk.forget(request, response)
    else:
        desk.remember(request, response, found.visit)
    return response


async def _asset(desk: Desk, request: Request) -> Response:
    name = request.path_params["name"]
    if name not in desk.assets:
        raise Refused(NOT_FOUND)
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return Response(desk.assets[name], media_type=kind, headers={"Cache-Control": "public, max-age=3600"})


async def _to_the_slash(request: Request) -> Response:
    request.scope["payments.route"] = MOUNT
    return RedirectResponse(f"{request.scope['root_path']}{MOUNT}/", status_code=308)
