"""The commands, run as ``payments`` runs them: what they print, where, and their exit codes."""

import json
import re
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cyclopts import App
from openapi_spec_validator import validate

from payments.adapters.sql.lock_file import only_writer
from payments.application.together import all_of
from payments.application.use_cases.sweep_refunds import SweepRefunds
from payments.domain.errors import StorageUnavailable
from payments.entrypoints.cli import command_line, exit_code
from payments.entrypoints.reconcile_command import reconcile
from payments.entrypoints.review_commands import list_, resolve, show
from tests.issuers import PrivateKey, public_pem
from tests.ports import free_port
from tests.postgres import execute

pytestmark = pytest.mark.usefixtures("logs_go_back")

KEY = "k" * 40
COMMANDS = (
    "serve",
    "worker",
    "demo",
    "simulators",
    "migrate",
    "check",
    "doctor",
    "why",
    "review",
    "sweep",
    "reconcile",
    "token",
    "states",
    "openapi",
    "settings",
)


@pytest.fixture(autouse=True)
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A sandbox on an empty database; the path of its file."""
    database = tmp_path / "payments.db"
    variables = {
        "DATABASE_URL": f"sqlite:///{database}",
        "ORDERS_URL": "http://127.0.0.1:9",
        "ORDERS_TOKEN": "t" * 30,
        "ORDERS_SIGNING_SECRETS": "whsec_" + "A" * 40,
        "AUTH_KEY": KEY,
        "CHAPA_SECRET_KEY": "CHASECK_TEST-" + "0123456789abcdef" * 2,
    }
    for name, value in variables.items():
        monkeypatch.setenv(f"PAYMENTS_{name}", value)
    monkeypatch.setenv("COLUMNS", "200")
    return database


async def started_after_all(*_: object) -> None:
    """In place of serving, which would not end."""
    pytest.fail("It started.")


def as_json(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_without_a_command_it_lists_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code([]) == 0
    listed = capsys.readouterr().out
    for command in COMMANDS:
        assert f" {command} " in listed


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("payments", ["pay"]),
        ("payments serve", ["serve", "--prot", "1"]),
        ("payments why", ["why"]),
        ("payments", ["why", "p-\udcff"]),
        ("payments", ["review", "resolve", "1", "dismiss", "--reason", "\udcff"]),
        ("payments review resolve", ["review", "resolve", "1", "dismiss"]),
        ("payments serve", ["serve", "--port", "x"]),
        ("payments serve", ["serve", "--port", "70000"]),
        ("payments token", ["token", "--user", ""]),
        ("payments token", ["token", "--user", "sa\nra"]),
        ("payments token", ["token", "--user", "s" * 256]),
    ],
)
def test_wrong_usage_is_two_one_sentence_and_where_to_read_on(
    command: str, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.endswith(f"See: {command} --help\n")
    assert "Traceback" not in said.err


def test_every_mistake_of_the_configuration_is_said_at_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PAYMENTS_MODE", "live")
    monkeypatch.setenv("PAYMENTS_PORT", "none")
    for command in ("serve", "check", "sweep", "token", "openapi", "settings", "migrate"):
        assert exit_code([command]) == 78
        said = capsys.readouterr()
        assert "PAYMENTS_PORT" in said.err
        assert "PAYMENTS_CHAPA_SECRET_KEY" in said.err
        assert "Traceback" not in said.err
        assert KEY not in said.err


def commands_of(app: App) -> Iterator[App]:
    """Every command that does something, those below others included."""
    for name in app:
        if not name.startswith("-"):
            below = app[name]
            yield from [below] if below.default_command else commands_of(below)


def test_no_command_takes_a_secret_as_an_argument() -> None:
    taken = {
        word
        for command in commands_of(command_line())
        for argument in command.assemble_argument_collection()
        for word in argument.names
    }
    assert {"--port", "--provider-reference"} <= taken
    assert not [word for word in taken if any(w in word for w in ("secret", "password", "key", "token"))]


def test_an_empty_database_keeps_every_promise(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(["migrate", "--json"]) == 0
    assert as_json(capsys) == {"migrated": True}
    assert exit_code(["check"]) == 0
    assert capsys.readouterr().out == "Every promise is kept.\n"
    assert exit_code(["check", "--json"]) == 0
    assert as_json(capsys) == {"ok": True, "violations": []}


def test_a_database_that_was_never_migrated_is_said_with_the_remedy(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert exit_code(["check"]) in {69, 78}
    assert "payments migrate" in capsys.readouterr().err


def test_looking_needs_no_orders_service(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(["migrate"]) == 0
    for name in ("URL", "TOKEN", "SIGNING_SECRETS"):
        monkeypatch.delenv(f"PAYMENTS_ORDERS_{name}")
    assert exit_code(["check"]) == 0
    assert exit_code(["serve"]) == 78
    assert "PAYMENTS_ORDERS_URL" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["p-" + "a" * 26, "01890a5d-ac96-774b-bcce-b302099a8057", "nonsense"])
def test_why_finds_nothing_where_nothing_is(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(["migrate"]) == 0
    assert exit_code(["why", name, "--json"]) == 1
    assert name in capsys.readouterr().err


def test_a_sweep_says_how_much_it_asked(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(["sweep"]) == 0
    assert capsys.readouterr().out == "0 attempts and refunds were due and looked after.\n"
    assert exit_code(["sweep", "--json"]) == 0
    assert as_json(capsys) == {"asked": 0}


def test_two_processes_never_write_one_sqlite_database(
    configured: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(["migrate"]) == 0
    with only_writer(configured):
        resolving = ["review", "resolve", "x", "dismiss", "--reason", "known"]
        for command in (["sweep"], ["worker"], resolving):
            assert exit_code(command) == 69
            said = capsys.readouterr().err
            assert "Another process is writing" in said
            assert "Traceback" not in said
        assert exit_code(["check"]) == 0
        assert exit_code(["review", "list"]) == 0


@pytest.mark.parametrize("arguments", [["--workers", "2"], ["--no-work"]], ids=" ".join)
def test_on_sqlite_one_process_serves_and_works(
    arguments: list[str], configured: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(["serve", *arguments]) == 78
    said = capsys.readouterr().err
    assert said.startswith(f"{' '.join(arguments)} needs PostgreSQL (PAYMENTS_DATABASE_URL)")
    assert "SQLite takes exactly one process that writes" in said
    assert not configured.exists()


def test_a_key_that_is_none_of_its_algorithm_is_said_plainly(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # As a shell leaves it that knows no escapes.
    monkeypatch.setenv("PAYMENTS_AUTH_KEY", r"-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----")
    monkeypatch.setenv("PAYMENTS_AUTH_ALGORITHM", "RS256")
    assert exit_code(["serve", "--port", str(free_port())]) == 78
    said = capsys.readouterr().err
    assert "PAYMENTS_AUTH_KEY is no key of RS256." in said
    assert "Set it to the issuer's public key in PEM" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("algorithm", "key", "told"),
    [
        ("RS256", rsa.generate_private_key(65537, 1024), "an RSA key of 1024 bits"),  # noqa: S505 -- it is refused
        ("RS256", rsa.generate_private_key(65537, 2040), "an RSA key of 2040 bits"),  # noqa: S505 -- it is refused
        ("ES256", ec.generate_private_key(ec.SECP192R1()), "no key of ES256"),
        ("ES256", ec.generate_private_key(ec.SECP384R1()), "no key of ES256"),
    ],
    ids=["RSA 1024", "RSA 2040", "P-192", "P-384"],
)
def test_a_public_key_that_is_too_weak_or_on_another_curve_is_refused_with_a_remedy(
    algorithm: str,
    key: PrivateKey,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PAYMENTS_AUTH_KEY", public_pem(key))
    monkeypatch.setenv("PAYMENTS_AUTH_ALGORITHM", algorithm)
    monkeypatch.setattr("payments.entrypoints.serving.serve_with", started_after_all)
    assert exit_code(["serve", "--port", str(free_port())]) == 78
    said = capsys.readouterr().err
    assert f"PAYMENTS_AUTH_KEY is {told}" in said
    assert "  PAYMENTS_AUTH_KEY: " in said, "and a remedy"
    assert exit_code(["doctor"]) == 1
    assert f"PAYMENTS_AUTH_KEY is {told}" in capsys.readouterr().out


@pytest.mark.parametrize("host", ["nonsense..", "a" * 64 + ".example", "no.such.host.invalid"])
def test_a_host_that_is_none_is_said_plainly(host: str, capsys: pytest.CaptureFixture[str]) -> None:
    exit_code(["migrate"])
    assert exit_code(["serve", "--host", host]) == 78
    assert capsys.readouterr().err == f"{host} is no address of this machine.\n"


def test_a_taken_port_is_said_plainly(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for command in ("serve", "simulators", "demo"):
            assert exit_code([command, "--port", str(port)]) == 78
            said = capsys.readouterr().err
            assert f"Port {port} on 127.0.0.1 cannot be used" in said
            assert "Traceback" not in said


@pytest.mark.parametrize("command", ["simulators", "demo"])
def test_a_directory_that_cannot_be_one_is_said_plainly(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert exit_code([command, "--port", "0", "--state", str(tmp_path / "file")]) == 78
    assert capsys.readouterr().err == f"{tmp_path / 'file'} cannot be used: File exists.\n"


def test_a_token_is_signed_for_development(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(["token", "--user", "sara", "--scope", "payments:read", "--hours", "1"]) == 0
    claims = jwt.decode(capsys.readouterr().out.strip(), KEY, algorithms=["HS256"])
    assert (claims["sub"], claims["scope"], claims["exp"] - claims["iat"]) == ("sara", "payments:read", 3600)
    assert exit_code(["token", "--json"]) == 0
    assert set(as_json(capsys)) == {"token", "user", "scope"}


def test_without_a_key_no_token_is_signed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("PAYMENTS_AUTH_KEY")
    assert exit_code(["token"]) == 78
    assert "PAYMENTS_AUTH_KEY" in capsys.readouterr().err


def test_settings_are_shown_without_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(["settings"]) == 0
    shown = capsys.readouterr().out
    assert "PAYMENTS_AUTH_KEY" in shown
    assert exit_code(["settings", "--json"]) == 0
    said = capsys.readouterr().out
    rows = {row["name"]: row for row in json.loads(said)}
    assert rows["PAYMENTS_MODE"] == {"name": "PAYMENTS_MODE", "value": "sandbox", "source": "default"}
    assert rows["PAYMENTS_AUTH_KEY"]["source"] == "environment"
    for secret in (KEY, "t" * 30, "whsec_A", "CHASECK_TEST-0"):
        assert secret not in shown + said


def test_the_openapi_document_is_valid_and_needs_no_database(
    configured: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(["openapi"]) == 0
    document = as_json(capsys)
    validate(document)
    assert "/payments/initiate/{order_id}/" in document["paths"]
    assert not configured.exists()


def test_the_openapi_document_is_that_of_this_configuration(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(["openapi"]) == 0
    assert "/metrics" in as_json(capsys)["paths"]
    monkeypatch.setenv("PAYMENTS_METRICS", "off")
    assert exit_code(["openapi"]) == 0
    assert "/metrics" not in as_json(capsys)["paths"]


def test_states_are_shown_for_people_and_for_the_documentation(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(["states"]) == 0
    assert "processing  ─ payment succeeded ─▶  success" in capsys.readouterr().out
    assert exit_code(["states", "--markdown"]) == 0
    assert capsys.readouterr().out.startswith("# States\n")


def test_states_are_written_for_scripts(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(["states", "--json"]) == 0
    payment, attempt, capture, refund = as_json(capsys)
    assert [each["name"] for each in (payment, attempt, capture, refund)] == [
        *("Payment", "Attempt", "Capture", "Refund")
    ]
    assert payment["births"] == ["pending"]
    assert payment["ends"] == ["success"]
    assert {"before": "failed", "event": "payment retried", "after": "processing"} in payment["edges"]
    assert exit_code(["states", "--json", "--markdown"]) == 2
    assert "--markdown" in capsys.readouterr().err


def test_the_openapi_document_is_json_whether_that_is_said_or_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(["openapi", "--json"]) == 0
    said = as_json(capsys)
    assert exit_code(["openapi"]) == 0
    assert said == as_json(capsys)


def test_a_planted_inconsistency_is_found_and_named(
    configured: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(["migrate"]) == 0
    paid_by_nobody = "01890a5d-ac96-774b-bcce-b302099a8057"
    row = {
        "payment_id": paid_by_nobody,
        "order_id": "order_123",
        "payer": "sara",
        "amount_minor": 100_000,
        "currency": "ETB",
        "order_version": "1",
        "created_at": 1_700_000_000_000_000,
        "updated_at": 1_700_000_000_000_000,
        "status": "success",
        "version": 1,
        "told": 0,
        "last_told": "",
        "trail": "",
        "received_minor": 0,
        "given_back_minor": 0,
        "failure_detail": "",
        "in_review": 0,
    }
    with sqlite3.connect(configured) as connection:
        connection.execute(
            f"INSERT INTO payments ({', '.join(row)}) VALUES ({', '.join(':' + name for name in row)})",  # noqa: S608 -- the names stand above
            row,
        )
    assert exit_code(["check"]) == 1
    assert paid_by_nobody in capsys.readouterr().out
    assert exit_code(["check", "--json"]) == 1
    told = as_json(capsys)
    assert not told["ok"]
    assert {violation["subject"] for violation in told["violations"]} == {paid_by_nobody}
    assert exit_code(["why", paid_by_nobody]) == 0
    assert f"Order order_123, payment {paid_by_nobody}: success" in capsys.readouterr().out


RECONCILE = ("reconcile", "--from", "2026-11-28")


def test_reconcile_without_a_provider_that_has_a_list_compares_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("PAYMENTS_CHAPA_SECRET_KEY")
    monkeypatch.setenv("PAYMENTS_CASH_CURRENCIES", "all")
    exit_code(["migrate"])
    capsys.readouterr()

    assert exit_code([*RECONCILE]) == 0
    told = capsys.readouterr()
    assert told.out.splitlines()[-1].startswith("Compared 0: 0 agree, ")
    assert "cash is left out. Cash is in our own records alone" in told.err
    assert exit_code([*RECONCILE, "--json"]) == 0
    assert as_json(capsys)["compared"]["unknown_here"] == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["cash", "--from", "2026-11-28"], "cash cannot be reconciled."),
        (
            ["nobody", "--from", "2026-11-28"],
            "'nobody' is not a provider here.\n  --provider: Use one of: chapa.\n",
        ),
        (["--from", "yesterday"], "'yesterday' is no time."),
        (["--from", "2026-11-28T10:00", "--to", "2026-11-28T09:00"], "There is no time between the two."),
        (["--from", "0001-01-01T00:00+14:00"], "'0001-01-01T00:00+14:00' is no time."),
        ([], "--from"),
    ],
)
def test_reconcile_says_what_it_cannot_compare(
    arguments: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PAYMENTS_CASH_CURRENCIES", "all")
    exit_code(["migrate"])
    assert exit_code(["reconcile", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_reconcile_goes_to_the_end_of_the_calendar(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("PAYMENTS_CHAPA_SECRET_KEY")
    exit_code(["migrate"])
    assert exit_code(["reconcile", "--from", "2026-01-01", "--to", "9999-12-31"]) == 0
    assert "Compared 0" in capsys.readouterr().out


def test_reconcile_that_may_write_needs_the_database_to_itself(
    configured: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exit_code(["migrate"])
    with only_writer(configured):
        assert exit_code([*RECONCILE, "--apply"]) == 69
    assert "Or leave out --apply, which only looks." in capsys.readouterr().err


def test_commands_that_are_imported_when_they_are_run_are_told_of_in_their_own_words() -> None:
    app = command_line()
    for function, listed in (
        (reconcile, app["reconcile"]),
        *((each, app["review"][each.__name__.rstrip("_")]) for each in (list_, show, resolve)),
    ):
        assert function.__doc__ is not None
        assert listed.help == function.__doc__.partition("\n")[0]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_an_output_that_cannot_be_written_is_not_something_that_was_found() -> None:
    exit_code(["migrate"])
    program = "from payments.entrypoints.cli import main; main()"
    with Path("/dev/full").open("w") as full:
        said = subprocess.run(
            [sys.executable, "-c", program, "check"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert said.returncode == 69
    assert said.stderr == "The output cannot be written: No space left on device.\n"


def test_help_and_a_supervisor_import_nothing_that_is_for_others() -> None:
    """What the Prometheus client chooses when it is imported, several processes choose together."""
    program = (
        "import sys, payments.entrypoints.cli; print(*sys.modules);"
        " import payments.entrypoints.many; print('prometheus_client' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    first, second = said.stdout.splitlines()
    assert {"sqlalchemy", "httpx", "starlette", "payments.settings"}.isdisjoint(first.split())
    assert second == "False"


def away(*troubles: Exception) -> Callable[..., Awaitable[int]]:
    """In place of a part of the sweep: it meets ``troubles``, all at once."""

    async def meet(*_: object) -> int:
        await all_of(map(meeting, troubles))
        return 0

    async def meeting(trouble: Exception) -> None:
        raise trouble

    return meet


def test_an_outage_that_begins_during_a_sweep_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(["migrate"]) == 0
    lost = [StorageUnavailable("The database gave no answer.") for _ in range(3)]
    monkeypatch.setattr(SweepRefunds, "__call__", away(*lost))
    capsys.readouterr()
    assert exit_code(["sweep"]) == 69
    assert capsys.readouterr().err == "The database gave no answer.\n"


def test_a_defect_among_the_troubles_of_a_sweep_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    assert exit_code(["migrate"]) == 0
    monkeypatch.setattr(SweepRefunds, "__call__", away(StorageUnavailable(), KeyError("ours")))
    with pytest.raises(ExceptionGroup) as caught:
        exit_code(["sweep"])
    assert caught.group_contains(KeyError)


@pytest.mark.parametrize("granted", ["nothing", "alembic_version"])
@pytest.mark.parametrize("command", ["check", "sweep"])
def test_a_database_role_with_too_few_rights_is_told_in_one_line(
    command: str,
    granted: str,
    postgres_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    role = f"reader_{uuid4().hex[:12]}"
    execute(postgres_url, f"CREATE ROLE {role} LOGIN PASSWORD '{role}'")
    if granted != "nothing":
        execute(postgres_url, f"GRANT SELECT ON {granted} TO {role}")
    monkeypatch.setenv("PAYMENTS_DATABASE_URL", re.sub("//[^@]*@", f"//{role}:{role}@", postgres_url))
    try:
        assert exit_code([command]) == 69
    finally:
        execute(postgres_url, f"DROP OWNED BY {role}; DROP ROLE {role}")
    said = capsys.readouterr().err
    assert re.fullmatch("The database's role may do too little: permission denied for table .*\\.\n", said)
    assert ("alembic_version" in said) is (granted == "nothing")
