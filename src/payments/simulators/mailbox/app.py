"""The mailbox as a Starlette application."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from pathlib import Path

import attrs
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from payments.simulators.calls import Calls, control_body
from payments.simulators.documents import Documents
from payments.simulators.mailbox.config import MailboxConfig, MailboxSwitches
from payments.simulators.mailbox.listener import Listener
from payments.simulators.mailbox.mails import Mails
from payments.simulators.pages import Pages, pages_of, styles_of
from payments.simulators.switchboard import Switchboard, SwitchError

# A mail is a stranger's page: it may be looked at, and neither run nor load anything.
_MAIL_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"


@attrs.frozen(kw_only=True)
class Mailbox:
    """What the pages share."""

    documents: Documents
    mails: Mails
    switchboard: Switchboard[MailboxSwitches]
    calls: Calls
    listener: Listener
    pages: Pages


Handler = Callable[[Mailbox, Request], Awaitable[Response]]


def create_mailbox(config: MailboxConfig) -> Starlette:
    """Return the mailbox.

    Serve it, or mount it and hold it open with `payments.simulators.lifespans.running`.
    """
    documents = Documents(config.state_path)
    mails, calls = Mails(documents), Calls(documents)
    switchboard = Switchboard(documents, MailboxSwitches())
    mailbox = Mailbox(
        documents=documents,
        mails=mails,
        switchboard=switchboard,
        calls=calls,
        listener=Listener(config, mails, switchboard, calls),
        pages=pages_of(Path(__file__).parent),
    )

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        with documents.open():
            async with mailbox.listener.running():
                yield

    table: tuple[tuple[str, str, Handler], ...] = (
        ("GET", "/", _list_page),
        ("GET", "/messages.json", _list),
        ("GET", "/messages/{id}.json", _show),
        ("GET", "/messages/{id}/html", _html),
        ("GET", "/messages/{id}/raw", _raw),
        ("GET", "/messages/{id}", _page),
        ("GET", "/_sim/switches", _read_switches),
        ("PUT", "/_sim/switches", _set_switches),
        ("GET", "/_sim/calls", _list_calls),
        ("POST", "/_sim/reset", _reset),
    )
    routes = [Route(path, partial(handler, mailbox), methods=[method]) for method, path, handler in table]
    app = Starlette(routes=[*routes, styles_of(Path(__file__).parent)], lifespan=lifespan)
    app.state.mailbox = mailbox
    return app


def smtp_port(app: Starlette) -> int:
    """Return the port the mailbox listens on; it must be running."""
    mailbox = app.state.mailbox
    if not isinstance(mailbox, Mailbox):
        raise TypeError("this application is no mailbox")
    return mailbox.listener.port


def _absent() -> JSONResponse:
    return JSONResponse({"detail": "no such mail"}, status_code=HTTPStatus.NOT_FOUND)


async def _list_page(mailbox: Mailbox, request: Request) -> Response:
    mails = [
        {**mail, "at": datetime.fromtimestamp(mail["received_at"], UTC).strftime("%d %b %H:%M:%S UTC")}
        for mail in reversed(mailbox.mails.all())
    ]
    return mailbox.pages.render(request, "mails.html", mails=mails)


async def _list(mailbox: Mailbox, request: Request) -> Response:
    to = request.query_params.get("to")
    mails = [mail for mail in mailbox.mails.all() if to is None or to in mail["rcpt_tos"]]
    return JSONResponse({"count": len(mails), "messages": mails})


async def _show(mailbox: Mailbox, request: Request) -> Response:
    mail = mailbox.mails.mail(request.path_params["id"])
    return _absent() if mail is None else JSONResponse(mail)


async def _page(mailbox: Mailbox, request: Request) -> Response:
    mail = mailbox.mails.mail(request.path_params["id"])
    return _absent() if mail is None else mailbox.pages.render(request, "mail.html", mail=mail)


async def _html(mailbox: Mailbox, request: Request) -> Response:
    mail = mailbox.mails.mail(request.path_params["id"])
    if mail is None or mail["html"] is None:
        return _absent()
    return HTMLResponse(mail["html"], headers={"Content-Security-Policy": _MAIL_POLICY})


async def _raw(mailbox: Mailbox, request: Request) -> Response:
    raw = mailbox.mails.raw(request.path_params["id"])
    return _absent() if raw is None else PlainTextResponse(raw, headers={"X-Content-Type-Options": "nosniff"})


async def _read_switches(mailbox: Mailbox, _request: Request) -> Response:
    return JSONResponse(mailbox.switchboard.overview())


async def _set_switches(mailbox: Mailbox, request: Request) -> Response:
    try:
        mailbox.switchboard.change(await control_body(request))
    except (SwitchError, ValueError) as mistake:
        return JSONResponse({"detail": str(mistake)}, status_code=HTTPStatus.UNPROCESSABLE_ENTITY)
    return JSONResponse(mailbox.switchboard.overview())


async def _list_calls(mailbox: Mailbox, request: Request) -> Response:
    return JSONResponse(mailbox.calls.overview(dict(request.query_params)))


async def _reset(mailbox: Mailbox, _request: Request) -> Response:
    mailbox.documents.clear()
    return JSONResponse({"reset": True})
