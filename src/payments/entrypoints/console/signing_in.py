"""Signing in with a bearer token that may operate, and out again. There are no accounts and no passwords."""

from typing import Final

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from structlog.typing import FilteringBoundLogger

from payments.entrypoints.console import forms
from payments.entrypoints.console.desk import (
    Desk,
    Here,
    admit,
    place_of,
    root_of,
    safe_place,
)
from payments.entrypoints.console.visits import TokenTooLong, VisitOver
from payments.entrypoints.http.auth import Caller, Scope
from payments.entrypoints.http.problems import INSUFFICIENT_SCOPE, Refused

_CHALLENGE: Final = {"WWW-Authenticate": 'Bearer realm="payments"'}
_UNAUTHENTICATED: Final = 401
_SEE_OTHER: Final = 303
_OVER: Final = "over"
_FIRST_PAGE: Final = "/"
_SIGN_OUT: Final = "/sign-out"
_SIGNED_OUT: Final = "signed-out"


async def ask(desk: Desk, request: Request) -> Response:
    """Show the form."""
    told = _SIGNED_OUT if request.query_params.get("told") == _SIGNED_OUT else ""
    return _form(desk, request, told, status=200, next_place=_FIRST_PAGE)


async def sign_in(desk: Desk, request: Request) -> Response:
    """Begin a visit if the token is good and may operate; else say which of the two it is not.

    The visit that the browser was in until now ends with it.
    """
    fields = await forms.read(request, desk.settings.public_url)
    token, next_place = fields.get("token", "").strip(), safe_place(fields.get("next", ""))
    # People paste what they see, and they see it behind this word.
    token = token.removeprefix("Bearer ").strip()
    try:
        caller = await _caller(desk, token)
        visit = await desk.visits.begin(token)
    except Refused as refusal:
        kind = refusal.problem.kind
        told = "scope" if kind is INSUFFICIENT_SCOPE else "token"
        return _form(desk, request, told, status=kind.status, next_place=next_place)
    except TokenTooLong:
        return _form(desk, request, "long", status=413, next_place=next_place)
    await _end_earlier(desk, request)
    await _log().ainfo("operator_signed_in", actor=caller.actor)
    response = RedirectResponse(root_of(request) + next_place, status_code=_SEE_OTHER)
    desk.remember(request, response, visit)
    return response


async def sign_out(desk: Desk, here: Here) -> Response:
    """End the visit, for every process and every copy of its cookie; its token lasts as long as it says."""
    await desk.visits.end(here.visit)
    await _log().ainfo("operator_signed_out", actor=here.caller.actor)
    where = f"{root_of(here.request)}/sign-in/?told={_SIGNED_OUT}"
    return RedirectResponse(where, status_code=_SEE_OTHER)


async def admitted(desk: Desk, request: Request) -> Here | Response:
    """The operator who sent ``request``, or the form to sign in with."""
    cookie = request.cookies.get(desk.cookie)
    told = "" if cookie is None else "token"
    try:
        visit = None if cookie is None else await desk.visits.opened(cookie)
        if visit is not None:
            caller = await _caller(desk, visit.token)
            admit(request, visit)
            return Here(request, visit, caller)
    except VisitOver:
        told = _OVER
    except Refused:
        told = "token"
    # A click on another site, such as a chat, brings no cookie along: the visit may well go on.
    elsewhere = cookie is None and request.headers.get("sec-fetch-site") == "cross-site"
    place = place_of(request)
    if place.startswith(_SIGN_OUT):
        place = _FIRST_PAGE
    response = _form(desk, request, told, status=_UNAUTHENTICATED, next_place=place, elsewhere=elsewhere)
    if cookie is not None:
        desk.forget(request, response)
    return response


async def _end_earlier(desk: Desk, request: Request) -> None:
    """End the visit whose cookie came with the form (OWASP ASVS 5.0, 7.2.4).

    Idle or not: a copy of the cookie may have been in use meanwhile.
    """
    earlier = desk.visits.carried(request.cookies.get(desk.cookie, ""))
    if earlier is not None:
        await desk.visits.end(earlier)


async def _caller(desk: Desk, token: str) -> Caller:
    """Who ``token`` says is calling, by the same checks as in the API."""
    if desk.callers is None:
        raise Refused(INSUFFICIENT_SCOPE)
    header = (b"authorization", b"Bearer " + token.encode("utf-8", "replace"))
    return await desk.callers.admit(Request({"type": "http", "headers": [header]}), (Scope.OPERATE,))


def _form(
    desk: Desk, request: Request, told: str, *, status: int, next_place: str, elsewhere: bool = False
) -> Response:
    return desk.page(
        request,
        "sign_in.html",
        status=status,
        headers=_CHALLENGE if status == _UNAUTHENTICATED else None,
        told=told,
        next_place=next_place,
        elsewhere=elsewhere,
        possible=desk.callers is not None,
        scope=Scope.OPERATE.value,
    )


def _log() -> FilteringBoundLogger:
    log: FilteringBoundLogger = structlog.get_logger("payments.console")
    return log
