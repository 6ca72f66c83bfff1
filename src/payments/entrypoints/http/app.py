"""The application: puts table, desk and layers together."""

from collections.abc import Callable
from importlib.resources import files

import attrs
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import BaseRoute

from payments.application.payments import Payments
from payments.application.ports.caller_keys import CallerKeys
from payments.domain.errors import ConfigurationInvalid, FieldError, PaymentsError
from payments.entrypoints.http.auth import Callers
from payments.entrypoints.http.desk import Desk
from payments.entrypoints.http.dispatching import routes
from payments.entrypoints.http.measures import Measures
from payments.entrypoints.http.middleware import Around
from payments.entrypoints.http.openapi import document
from payments.entrypoints.http.problems import ProblemWriter, Refused
from payments.entrypoints.http.return_pages import ReturnPages
from payments.entrypoints.http.routes import open_operations
from payments.settings import AuthSettings, Settings


def create_app(
    payments: Payments, settings: Settings | None = None, *, on_notice: Callable[[], None] | None = None
) -> Starlette:
    """The HTTP interface of ``payments``, to be served or mounted in any ASGI application.

    ``settings`` None means the environment. ``on_notice`` is called after each notice that was acknowledged,
    to wake whoever works on them. ``app.state.draining = True`` makes ``/readyz`` say that it shuts down.

    Raises:
        ConfigurationInvalid: there are no usable settings, or ``payments`` were opened with others.
        ValueError: a configured page is no address a payer could be sent to.
    """
    given = Settings.from_env() if settings is None else settings
    desk = _desk(payments, given, on_notice)
    around = Middleware(
        Around,
        problems=desk.problems,
        measures=desk.measures,
        secure=given.public_url.startswith("https:"),
        subdomains=given.http.hsts_subdomains,
    )
    operations = open_operations(given.http)
    console, forms = _console(desk)
    desk.measures.from_nought(
        providers=payments.providers.by_name,
        bodies=(*(operation.path for operation in operations if operation.method == "POST"), *forms),
    )
    app = Starlette(
        routes=[*routes(desk, operations), *console],
        middleware=[around],
        exception_handlers=dict.fromkeys((PaymentsError, Refused, HTTPException), desk.problems.answer),
    )
    # A redirected POST looks lost to most clients, so both spellings of a path are routes of their own.
    app.router.redirect_slashes = False
    app.state.draining = False
    return app


def _console(desk: Desk) -> tuple[list[BaseRoute], tuple[str, ...]]:
    """The console's routes, and the templates of those that take forms."""
    if not desk.settings.http.console:
        return [], ()
    # The console stands on this package, so it can only be imported after it.
    from payments.entrypoints.console.app import FORMS, console_routes  # noqa: PLC0415 -- as said above

    return console_routes(desk.payments, desk.settings, desk.callers), FORMS


def _desk(payments: Payments, settings: Settings, on_notice: Callable[[], None] | None) -> Desk:
    pages = Environment(
        loader=PackageLoader("payments.entrypoints.http"), autoescape=True, undefined=StrictUndefined
    )
    returns = ReturnPages.of(settings.public_url, settings.return_urls)
    told = document(
        open_operations(settings.http),
        public_url=settings.public_url,
        providers=payments.providers.by_name,
        page_keys=returns.keys,
    )
    return Desk(
        payments=payments,
        settings=settings,
        callers=None if settings.auth is None else _callers(settings.auth, payments.caller_keys),
        problems=ProblemWriter(f"{settings.public_url}/docs"),
        returns=returns,
        measures=Measures.fresh(),
        pages=pages,
        assets={file.name: file.read_bytes() for file in files(__package__).joinpath("static").iterdir()},
        document=told,
        on_notice=on_notice,
    )


def _callers(auth: AuthSettings, keys: CallerKeys | None) -> Callers:
    rules = attrs.asdict(auth, filter=attrs.filters.exclude("key", "jwks_url"))
    if not auth.jwks_url:
        return Callers.by(auth.key.reveal(), **rules)
    if keys is None:
        raise ConfigurationInvalid(
            "These payments were opened without the issuer's keys.",
            errors=(FieldError("PAYMENTS_AUTH_JWKS_URL", "Open the payments with the same settings."),),
        )
    return Callers.by_published(keys, **rules)
