"""``payments``: the command line.

Exit codes: 0 done; 1 something was found (a broken invariant, a fault, nothing to explain); 2 wrong usage;
69 something we need is not available; 78 the configuration cannot be used. Secrets come from the environment
or from files it names, never from arguments.
"""

import os
import sys
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, CycloptsError, Parameter
from cyclopts.validators import Number

from payments.domain.errors import ConfigurationInvalid
from payments.entrypoints.exits import CONFIGURATION, FOUND, USAGE, code_of, said
from payments.entrypoints.starting import collect_nothing_yet

if TYPE_CHECKING:
    from payments.settings import Settings

# Each command imports what it works with when it is run: all of it takes a second, and help needs none.

Json = Annotated[bool, Parameter(name="--json", negative="", help="Write JSON, for scripts.")]
Port = Annotated[int, Parameter(validator=Number(gte=0, lte=65535))]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command the arguments name (those of the process by default), and exit."""
    collect_nothing_yet()
    sys.exit(exit_code(sys.argv[1:] if arguments is None else arguments))


def exit_code(arguments: Sequence[str]) -> int:
    """What the command came to. Trouble is one clear sentence on standard error, never a traceback."""
    return code_of(partial(_run, list(arguments)))


def _run(arguments: list[str]) -> object:
    if not all(map(_is_text, arguments)):
        return said("An argument is not UTF-8.\nSee: payments --help", USAGE)
    app = command_line()
    try:
        return app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
    except CycloptsError as error:
        command = " ".join(("payments", *(error.command_chain or ())))
        return said(f"{error}\nSee: {command} --help", USAGE)


def _is_text(argument: str) -> bool:
    """Whether it can be kept and looked for: bytes that are no UTF-8 arrive as lone surrogates."""
    return argument.isascii() or argument.encode(errors="ignore").decode() == argument


def command_line() -> App:
    """All commands."""
    app = App(
        name="payments",
        help="One API, one state machine and one truth in front of payment providers.",
        version=version("payments"),
        help_format="plaintext",
        suppress_keyboard_interrupt=False,
    )
    app["--help"].group = app["--version"].group = "Options"
    for command in (
        serve,
        worker,
        demo,
        simulators,
        migrate,
        check,
        doctor,
        why,
        sweep,
        token,
        states_,
        openapi,
        settings_,
    ):
        app.command(command, name=command.__name__.rstrip("_"))
    reconcile = "Compare what providers list with what is kept here; exit 1 if there is news."
    app.command(
        "payments.entrypoints.reconcile_command:reconcile", help=f"{reconcile} Changes nothing by itself."
    )
    app.command(_review())
    return app


def _review() -> App:
    """The commands below ``payments review``."""
    review = App(name="review", help="List, show and decide the questions that only a person can answer.")
    for name, told in (
        ("list_", "List reviews, newest first."),
        ("show", "Show one review: what it is about, and what may be decided."),
        (
            "resolve",
            "Decide about one review. On SQLite only where no service is running; else use the console.",
        ),
    ):
        review.command(f"payments.entrypoints.review_commands:{name}", name=name.rstrip("_"), help=told)
    return review


def serve(
    *,
    host: str | None = None,
    port: Port | None = None,
    workers: Annotated[int, Parameter(validator=Number(gte=1, lte=256))] = 1,
    work: bool = True,
) -> int | None:
    """Serve HTTP and work on what is due, until SIGTERM; then drain and stop within 30 seconds.

    Parameters
    ----------
    host
        Listen on this address instead of PAYMENTS_HOST.
    port
        Listen on this port instead of PAYMENTS_PORT.
    workers
        Serve with so many processes, which are started again when they die. More than one needs PostgreSQL.
    work
        Leave the work to "payments worker" with --no-work; needs PostgreSQL.
    """
    from payments.entrypoints.logging import configure_logging
    from payments.entrypoints.many import one_process_alone, serve_by_many
    from payments.settings import Settings

    given = {"PAYMENTS_HOST": host, "PAYMENTS_PORT": None if port is None else str(port)}
    environ = os.environ | {name: value for name, value in given.items() if value}
    settings = Settings.from_env(environ)
    configure_logging(settings.logging, sys.stderr)
    if not work and not settings.many_may_write:
        raise one_process_alone(settings, "--no-work")
    if workers > 1:
        return serve_by_many(environ, workers, _say, works=work)
    from payments.entrypoints.serving import run, serve_payments

    return run(serve_payments(settings, _say, works=work))


def worker() -> None:
    """Work on inbox, sweep and outbox without serving HTTP, until SIGTERM; then stop within 30 seconds.

    On PostgreSQL any number of them may run beside "payments serve"; on SQLite one, while nobody serves.
    """
    from payments.entrypoints.serving import run
    from payments.entrypoints.working import work_until_stopped

    settings = _settings_for_a_script()
    run(work_until_stopped(settings, _say))


def demo(
    *, port: Port = 8000, host: str = "127.0.0.1", fresh: bool = False, state: Path = Path(".payments-demo")
) -> None:
    """Run the whole demonstration on one loopback port: service, simulators, mailbox and a shop.

    Parameters
    ----------
    port
        Listen on this port.
    host
        Listen on this loopback address.
    fresh
        Forget the orders, payments and mails of earlier runs.
    state
        Keep them in this directory.
    """
    _require_the_demo_extra()
    from payments.entrypoints.demo import run_demo  # needs the demo extra
    from payments.entrypoints.serving import run

    run(run_demo(host=host, port=port, directory=state, fresh=fresh, environ=os.environ, announce=_say))


def simulators(*, port: Port = 9000, host: str = "127.0.0.1", state: Path | None = None) -> None:
    """Run the simulators alone and print the variables that point a service at them.

    Tokens and secrets are those of the environment where it has them, and made up otherwise.

    Parameters
    ----------
    port
        Listen on this port.
    host
        Listen on this address.
    state
        Keep what they know in this directory; without it they forget when they stop.
    """
    _require_the_demo_extra()
    from payments.entrypoints.demo import run_simulators  # needs the demo extra
    from payments.entrypoints.logging import configure_logging
    from payments.entrypoints.serving import run
    from payments.settings import Settings

    settings = Settings.from_env()
    configure_logging(settings.logging, sys.stderr)
    run(run_simulators(settings, host=host, port=port, directory=state, announce=_say))


def migrate(*, json: Json = False) -> None:
    """Bring the database's tables up to this version."""
    from payments.bootstrap import migrate_database
    from payments.entrypoints import reports
    from payments.settings import Settings

    migrate_database(Settings.from_env())
    _say(reports.as_json({"migrated": True}) if json else "The database's tables are those of this version.")


def check(*, json: Json = False) -> int:
    """Check every invariant over every payment; exit 1 if one is broken. Safe beside a running service."""
    from payments.bootstrap import open_payments
    from payments.entrypoints import reports
    from payments.entrypoints.serving import run

    settings = _settings_for_a_script()

    async def checked() -> int:
        async with open_payments(settings, read_only=True) as payments:
            violations = await payments.check()
        _say(reports.violations_as_json(violations) if json else reports.violations_as_text(violations))
        return FOUND if violations else 0

    return run(checked())


def doctor(*, json: Json = False) -> int:
    """Look at everything the service needs; exit 1 if something is wrong, 78 if the settings are.

    It changes nothing and may run beside a service. Providers are asked for a reference that does not exist.
    """
    from payments.entrypoints import reports
    from payments.entrypoints.doctor import diagnose
    from payments.entrypoints.logging import configure_logging
    from payments.entrypoints.serving import run
    from payments.settings import LoggingSettings

    # What it finds it says itself, so the calls it makes are not logged as well.
    configure_logging(LoggingSettings(level="error"), sys.stderr)
    diagnosis = run(diagnose(os.environ))
    _say(reports.diagnosis_as_json(diagnosis) if json else reports.diagnosis_as_text(diagnosis))
    if not diagnosis.configured:
        return CONFIGURATION
    return 0 if diagnosis.ok else FOUND


def why(reference: str, *, json: Json = False) -> int:
    """Tell the story of a payment: what happened, by which rule, what we wait for.

    Parameters
    ----------
    reference
        Our reference of one of its attempts (p-...), or its payment id.
    """
    from payments.bootstrap import open_payments
    from payments.entrypoints import reports
    from payments.entrypoints.serving import run

    settings = _settings_for_a_script()

    async def told() -> int:
        async with open_payments(settings, read_only=True) as payments:
            story = await reports.story_of(payments, reference)
        if story is None:
            return said(f"No attempt has the reference {reference}, and no payment that id.", FOUND)
        _say(reports.story_as_json(story) if json else reports.story_as_text(story))
        return 0

    return run(told())


def sweep(*, json: Json = False) -> None:
    """Look after every attempt and refund that is due. Only where no service is running on SQLite."""
    from payments.bootstrap import open_payments
    from payments.entrypoints import reports
    from payments.entrypoints.serving import run

    settings = _settings_for_a_script()

    async def swept() -> None:
        async with open_payments(settings) as payments:
            asked = await reports.with_progress("Looked after", payments.sweep)
        _say(
            reports.as_json({"asked": asked})
            if json
            else f"{asked} attempts and refunds were due and looked after."
        )

    run(swept())


def _user(_kind: object, name: str) -> None:
    from payments.entrypoints.http.auth import SUBJECT

    if not SUBJECT.fullmatch(name):
        raise ValueError("A user has 1 to 255 characters, none of which is a control character.")


def token(
    *,
    user: Annotated[str, Parameter(validator=_user)] = "demo-user",
    scope: str = "payments:read payments:write",
    hours: Annotated[int, Parameter(validator=Number(gte=1, lte=24 * 365))] = 24,
    json: Json = False,
) -> None:
    """Sign a bearer token with PAYMENTS_AUTH_KEY, for development; refused in live mode.

    Parameters
    ----------
    user
        Whose token: the "sub" that orders carry as user_id.
    scope
        What it allows, separated by blanks.
    hours
        How long it is good for.
    """
    from payments.entrypoints import reports
    from payments.entrypoints.tokens import sign_token
    from payments.settings import Settings

    signed = sign_token(Settings.from_env(), user=user, scope=scope, valid_for=timedelta(hours=hours))
    _say(reports.as_json({"token": signed, "user": user, "scope": scope}) if json else signed)


def states_(*, markdown: bool = False, json: Json = False) -> int:
    """Show the state machines.

    Parameters
    ----------
    markdown
        As docs/states.md, with Mermaid diagrams.
    """
    from payments.entrypoints import reports, states

    if markdown and json:
        return said("Choose one of --markdown and --json.\nSee: payments states --help", USAGE)
    if json:
        _say(reports.machines_as_json(states.MACHINES))
    else:
        _say((states.as_markdown() if markdown else states.as_text()).rstrip("\n"))
    return 0


def openapi(*, json: Json = False) -> None:  # noqa: ARG001 -- it is JSON in any case; scripts may say so
    """Write the OpenAPI document of this configuration, as JSON."""
    import msgspec

    from payments.entrypoints.http.openapi import document
    from payments.entrypoints.http.routes import open_operations
    from payments.settings import Settings

    settings = Settings.from_env()
    told = document(
        open_operations(settings.http),
        public_url=settings.public_url,
        providers=settings.provider_settings,
        page_keys=settings.return_urls,
    )
    _say(msgspec.json.format(msgspec.json.encode(told), indent=2).decode())


def settings_(*, json: Json = False) -> None:
    """Show every setting and where it comes from; secrets are masked."""
    from payments.entrypoints import reports
    from payments.settings import Settings

    rows = Settings.from_env().rows()
    _say(reports.rows_as_json(rows) if json else reports.rows_as_text(rows))


def _settings_for_a_script() -> "Settings":
    """The environment's settings, with the log kept out of standard output, which scripts read."""
    from payments.entrypoints.logging import configure_logging
    from payments.settings import Settings

    settings = Settings.from_env()
    configure_logging(settings.logging, sys.stderr)
    return settings


def _require_the_demo_extra() -> None:
    try:
        import aiosmtpd.smtp  # noqa: F401 -- asked for, not used: the extra may be missing
    except ImportError as error:
        raise ConfigurationInvalid(
            "The simulated mailbox needs aiosmtpd, which is not installed: pip install 'payments[demo]'."
        ) from error


def _say(text: str) -> None:
    print(text, flush=True)
