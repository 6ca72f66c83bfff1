"""``payments doctor`` over real sockets: what it says of each part, well and unwell, and its exit codes."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, formatdate
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import attrs
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from payments.adapters.notifiers.self_check import SmtpSelfCheck
from payments.adapters.notifiers.smtp import SmtpServer
from payments.adapters.sql import migrate
from payments.adapters.sql.lock_file import only_writer
from payments.application.ports.self_check import Finding, State
from payments.entrypoints.cli import exit_code
from payments.entrypoints.doctor import Diagnosis, diagnose
from payments.entrypoints.reports import diagnosis_as_json, diagnosis_as_text
from payments.simulators.app import create_simulators, mailbox_port, simulators_at
from tests.e2e.outside_world import (
    ORDERS_SIGNING_SECRET,
    ORDERS_TOKEN,
    WEBHOOK_SECRET,
    Outside,
    daraja,
)
from tests.e2e.programs import finished
from tests.issuers import ec_issuer, rsa_issuer
from tests.ports import free_port
from tests.postgres import beside, execute
from tests.serving import Conversation, conversing, plain_client, serving

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("logs_go_back")]

CHAPA_KEY: Final = "CHASECK_TEST-" + "k" * 32
SECRETS: Final = (CHAPA_KEY, ORDERS_TOKEN, ORDERS_SIGNING_SECRET, WEBHOOK_SECRET, "s3cret-of-the-mail")


def dated(app: ASGIApp) -> ASGIApp:
    """``app`` with the Date that servers add by themselves when they run on their own."""

    async def with_date(scope: Scope, receive: Receive, send: Send) -> None:
        async def say(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"date", formatdate(usegmt=True).encode())]
            await send(message)

        await app(scope, receive, say)

    return with_date


@pytest.fixture(scope="module")
async def outside() -> AsyncIterator[Outside]:
    port = free_port()
    app = create_simulators(
        simulators_at(
            f"http://127.0.0.1:{port}",
            webhook_url=None,
            webhook_secret=WEBHOOK_SECRET,
            orders_token=ORDERS_TOKEN,
            orders_signing_secrets=(ORDERS_SIGNING_SECRET,),
        )
    )
    async with serving(dated(app), port) as url, plain_client(url) as client:
        yield Outside(url, mailbox_port(app), client, daraja())


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("doctor") / "payments.db"
    migrate.upgrade(f"sqlite:///{path}")
    return path


@attrs.frozen
class Patient:
    """A service in good health, and what ails it after a change."""

    variables: dict[str, str]

    async def seen(self, **changes: str | None) -> Diagnosis:
        return await diagnose(self.changed(**changes))

    def changed(self, **changes: str | None) -> dict[str, str]:
        given = self.variables | {f"PAYMENTS_{name}": value for name, value in changes.items()}
        return {name: value for name, value in given.items() if value is not None}


@pytest.fixture
def patient(outside: Outside, migrated: Path) -> Patient:
    told = {
        "DATABASE_URL": f"sqlite:///{migrated}",
        "PUBLIC_URL": "https://pay.shop.et",
        "ORDERS_URL": f"{outside.url}/orders",
        "ORDERS_TOKEN": ORDERS_TOKEN,
        "ORDERS_SIGNING_SECRETS": ORDERS_SIGNING_SECRET,
        "AUTH_KEY": "the-key-that-signs-the-tokens-of-these-tests",
        "CHAPA_SECRET_KEY": CHAPA_KEY,
        "CHAPA_WEBHOOK_SECRETS": WEBHOOK_SECRET,
        "CHAPA_BASE_URL": f"{outside.url}/chapa",
        "SMTP_URL": f"smtp://127.0.0.1:{outside.smtp_port}",
        "MAIL_FROM": "Shop <pay@shop.et>",
        "DATA_KEYS": "a-key-that-raw-notices-are-sealed-with",
    }
    return Patient({f"PAYMENTS_{name}": value for name, value in told.items()})


def wrong(diagnosis: Diagnosis) -> list[str]:
    return [finding.part for finding in diagnosis.findings if finding.state is State.WRONG]


def warned(diagnosis: Diagnosis) -> list[str]:
    return [finding.part for finding in diagnosis.findings if finding.state is State.WARNING]


def only(diagnosis: Diagnosis, part: str, state: State = State.WRONG) -> Finding:
    """The one bad finding of a part, which has a remedy; nothing else is as bad."""
    (found,) = [each for each in diagnosis.findings if each.state is state]
    assert found.part == part, found
    assert found.remedy
    return found


async def test_a_healthy_service_is_found_healthy(patient: Patient, outside: Outside, migrated: Path) -> None:
    diagnosis = await patient.seen()
    assert [each for each in diagnosis.findings if each.state is not State.FINE] == []
    assert diagnosis.ok
    looked_at = {finding.part for finding in diagnosis.findings}
    assert looked_at == {
        *("configuration", "database", "migrations", "clock", "orders", "identity", "mail", "chapa"),
        "addresses",
    }
    text = diagnosis_as_text(diagnosis)
    assert str(migrated) in text
    assert "https://pay.shop.et/payments/verify/chapa/" in text
    assert "PAYMENTS_CHAPA_WEBHOOK_SECRETS" in text
    assert text.endswith("Wrong: 0. Warnings: 0.")
    told = json.loads(diagnosis_as_json(diagnosis))
    assert told["ok"] is True
    assert [place["url"] for place in told["register"]] == ["https://pay.shop.et/payments/verify/chapa/"]
    for secret in SECRETS:
        assert secret not in text
    # It asked, and changed nothing.
    assert await outside.transactions() == []
    assert await outside.mails("pay@shop.et") == []
    assert [path.name for path in migrated.parent.iterdir() if "doctor" in path.name] == []


@pytest.mark.parametrize("quirks", ["observed", "docs"])
async def test_chapas_key_is_told_good_in_each_of_its_tempers(
    patient: Patient, outside: Outside, quirks: str
) -> None:
    await outside.switch_chapa(verify_quirks=quirks)
    diagnosis = await patient.seen()
    await outside.switch_chapa(verify_quirks=None)
    assert diagnosis.ok


async def test_a_key_chapa_does_not_know_is_told_from_a_chapa_that_is_away(patient: Patient) -> None:
    refused = only(await patient.seen(CHAPA_SECRET_KEY="CHASECK_TEST-not_a_key_of_this_account"), "chapa")
    assert "refuses our key (HTTP 401, 'Invalid API Key')" in refused.what
    assert "PAYMENTS_CHAPA_SECRET_KEY" in refused.remedy
    away = only(await patient.seen(CHAPA_BASE_URL=f"http://127.0.0.1:{free_port()}"), "chapa")
    assert "gives no answer" in away.what
    assert "PAYMENTS_CHAPA_BASE_URL" in away.remedy


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        ("unavailable", State.WRONG),
        ("html_500", State.WRONG),
        ("reset_before", State.WRONG),
        ("truncated", State.WRONG),
        ("rate_limited", State.WARNING),
    ],
)
async def test_a_chapa_in_trouble_is_said(
    patient: Patient, outside: Outside, fault: str, state: State
) -> None:
    await outside.switch_chapa(fault=fault, fault_on="verify")
    diagnosis = await patient.seen()
    await outside.switch_chapa(fault="none")
    only(diagnosis, "chapa", state)


async def test_without_its_secret_hash_chapas_webhooks_are_said_to_be_refused(patient: Patient) -> None:
    told = only(await patient.seen(CHAPA_WEBHOOK_SECRETS=None), "chapa", State.WARNING)
    assert "every webhook of Chapa is refused" in told.what


async def test_an_orders_service_that_refuses_is_away_or_elsewhere_is_said(
    patient: Patient, outside: Outside
) -> None:
    refused = only(await patient.seen(ORDERS_TOKEN="some-other-token-than-that-one"), "orders")
    assert "refuses our token (HTTP 401)" in refused.what
    away = only(await patient.seen(ORDERS_URL=f"http://127.0.0.1:{free_port()}"), "orders")
    assert "gives no answer" in away.what
    await outside.put_order("payments-doctor", amount="1.00", currency="ETB")
    known = only(await patient.seen(), "orders", State.WARNING)
    assert "404" in known.remedy
    await outside.reset()

    async def moved(_request: Request) -> Response:
        return Response(status_code=308, headers={"location": outside.url})

    async with serving(Starlette(routes=[Route("/{path:path}", moved)])) as address:
        elsewhere = only(await patient.seen(ORDERS_URL=address), "orders")
    assert "HTTP 308" in elsewhere.what
    assert "PAYMENTS_ORDERS_URL" in elsewhere.remedy


@attrs.define
class MailServer:
    """A mail server that knows a password, and keeps what it heard."""

    greeting: str = "220 ready"
    auth: str = "235 welcome"
    heard: list[str] = attrs.field(factory=list)

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"{self.greeting}\r\n".encode())
        while line := (await reader.readline()).decode().rstrip("\r\n"):
            verb = line.split(" ")[0]
            self.heard.append(verb)
            answers = {"EHLO": "250-mail.shop.et\r\n250 AUTH PLAIN", "AUTH": self.auth, "QUIT": "221 bye"}
            writer.write(f"{answers.get(verb, '250 ok')}\r\n".encode())
            if verb == "QUIT":
                break


async def test_a_mail_server_is_greeted_and_logged_in_to_and_gets_no_mail(patient: Patient) -> None:
    server = MailServer()
    async with conversing(server) as port:
        diagnosis = await patient.seen(SMTP_URL=f"smtp://us:s3cret-of-the-mail@127.0.0.1:{port}")
    assert diagnosis.ok
    assert "takes our password" in diagnosis_as_text(diagnosis)
    assert set(server.heard) == {"EHLO", "AUTH", "QUIT"}


async def test_a_mail_server_that_refuses_or_is_away_is_said(patient: Patient) -> None:
    async with conversing(MailServer(auth="535 no")) as port:
        refused = only(await patient.seen(SMTP_URL=f"smtp://us:s3cret-of-the-mail@127.0.0.1:{port}"), "mail")
    assert "refuses our user or password (535)" in refused.what
    async with conversing(MailServer(greeting="554 go away")) as port:
        closed = only(await patient.seen(SMTP_URL=f"smtp://127.0.0.1:{port}"), "mail")
    assert "go away" in closed.what
    away = only(await patient.seen(SMTP_URL=f"smtp://127.0.0.1:{free_port()}"), "mail")
    assert "PAYMENTS_SMTP_URL" in away.remedy
    for finding in (refused, closed, away):
        assert "s3cret" not in finding.what + finding.remedy


async def test_a_silent_mail_server_is_given_up(patient: Patient) -> None:
    async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with conversing(silent) as port:
        check = SmtpSelfCheck(server=SmtpServer.of(f"smtp://127.0.0.1:{port}"), budget_s=0.1)
        (found,) = await check.look()
    assert found.state is State.WRONG


async def test_a_mail_server_that_says_no_goodbye_answers_all_the_same(patient: Patient) -> None:
    async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 ready\r\n")
        while (line := await reader.readline()) and not line.startswith(b"QUIT"):
            writer.write(b"250 mail.example.com\r\n")
        await reader.read()

    async with conversing(rude) as port:
        check = SmtpSelfCheck(server=SmtpServer.of(f"smtp://127.0.0.1:{port}"), budget_s=1.5)
        (found,) = await check.look()
    assert found.state is State.FINE


async def test_an_issuers_keys_are_fetched_and_named(patient: Patient) -> None:
    good, other = ec_issuer("2026-01"), rsa_issuer("of another type")
    published: dict[str, Any] = {"keys": [good.jwk(), other.jwk()]}

    async def keys(_request: Request) -> Response:
        return JSONResponse(published)

    async with serving(Starlette(routes=[Route("/keys", keys)])) as address:
        changes = {
            "AUTH_KEY": None,
            "AUTH_JWKS_URL": f"{address}/keys?code=s3cret",
            "AUTH_ALGORITHM": "ES256",
        }
        found = await patient.seen(**changes)
        assert found.ok
        assert "holds 1 for ES256: 2026-01" in re.sub(r"\s+", " ", diagnosis_as_text(found))
        assert "s3cret" not in diagnosis_as_json(found)
        published["keys"] = [other.jwk()]
        none = only(await patient.seen(**changes), "identity")
        assert "every token is refused" in none.what
        published.pop("keys")
        assert "no key set" in only(await patient.seen(**changes), "identity").what
        lost = only(await patient.seen(**changes | {"AUTH_JWKS_URL": f"{address}/other"}), "identity")
        assert "HTTP 404" in lost.what
    away = only(await patient.seen(**changes), "identity")
    assert "gives no answer" in away.what


@pytest.mark.parametrize(
    "said", [b"220 mail.example.com ESMTP\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n"]
)
async def test_a_secret_in_an_issuers_address_is_not_repeated_by_what_broke(
    patient: Patient, said: bytes
) -> None:
    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        await writer.drain()

    async with conversing(answer) as port:
        found = await patient.seen(
            AUTH_KEY=None,
            AUTH_JWKS_URL=f"http://127.0.0.1:{port}/keys?code=s3cret",
            AUTH_ALGORITHM="ES256",
        )
    assert "gives no answer" in only(found, "identity").what
    assert "s3cret" not in diagnosis_as_json(found)


async def test_a_key_that_is_none_is_said_before_anybody_is_refused(patient: Patient) -> None:
    broken = "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----"
    told = only(await patient.seen(AUTH_KEY=broken, AUTH_ALGORITHM="RS256"), "identity")
    assert "no key of RS256" in told.what


def telling(date: str) -> Conversation:
    """A server that knows nothing and says when."""

    async def tell(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 404 Not Found\r\nDate: {date}\r\nContent-Length: 2\r\nConnection: close\r\n"
        writer.write(f"{head}\r\n{{}}".encode())
        await writer.drain()

    return tell


@pytest.mark.parametrize(("off_s", "said"), [(-300, "ahead of"), (300, "behind"), (30, "")])
async def test_a_clock_that_is_off_is_said_by_whoever_tells_the_time(
    patient: Patient, off_s: int, said: str
) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=off_s), usegmt=True)
    async with conversing(telling(date)) as port:
        address = f"http://127.0.0.1:{port}"
        diagnosis = await patient.seen(ORDERS_URL=address, CHAPA_BASE_URL=address)
    assert diagnosis.ok
    if said:
        assert said in only(diagnosis, "clock", State.WARNING).what
    else:
        assert warned(diagnosis) == []


@pytest.mark.parametrize(
    "date", ["Fri, 02 Jan 2026 03:05:05 GMT", "Fri, 02 Jan 99999999999 03:05:05 GMT", "x"]
)
async def test_one_clock_that_is_off_among_others_is_not_ours(patient: Patient, date: str) -> None:
    async with conversing(telling(date)) as port:
        assert warned(await patient.seen(ORDERS_URL=f"http://127.0.0.1:{port}")) == []


async def test_whoever_writes_the_database_is_named_and_not_disturbed(
    patient: Patient, migrated: Path
) -> None:
    with only_writer(migrated):
        diagnosis = await patient.seen()
        assert diagnosis.ok
        told = [finding.what for finding in diagnosis.findings if "writes it" in finding.what]
    assert len(told) == 1
    assert re.match(r"(Process \d+|Another process) writes it", told[0])
    assert "No process writes it" in diagnosis_as_text(await patient.seen())


def absent(folder: Path) -> Path:
    return folder / "payments.db"


def garbage(folder: Path) -> Path:
    path = folder / "payments.db"
    path.write_bytes(b"this is no database at all" * 100)
    return path


def empty(folder: Path) -> Path:
    path = folder / "payments.db"
    path.touch()
    return path


def nowhere(folder: Path) -> Path:
    return folder / "no" / "such" / "folder" / "payments.db"


@pytest.mark.parametrize(
    ("make", "parts", "remedy"),
    [
        (absent, ["database", "migrations"], "payments migrate"),
        (empty, ["migrations"], "payments migrate"),
        (garbage, ["database", "database"], "Restore it"),
        (nowhere, ["database", "database", "migrations"], "Let this user write"),
    ],
)
async def test_a_database_that_cannot_be_used_is_said_with_the_remedy(
    patient: Patient, tmp_path: Path, make: Callable[[Path], Path], parts: list[str], remedy: str
) -> None:
    path = make(tmp_path)
    diagnosis = await patient.seen(DATABASE_URL=f"sqlite:///{path}")
    assert sorted(wrong(diagnosis) + warned(diagnosis)) == parts
    assert any(remedy in finding.remedy for finding in diagnosis.findings)
    assert path.exists() == (make in (garbage, empty))


async def test_what_a_sandbox_lacks_is_a_warning_and_an_orders_service_is_not(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'payments.db'}"
    diagnosis = await diagnose({"PAYMENTS_DATABASE_URL": url, "PAYMENTS_PROVIDRS": "chapa"})
    assert wrong(diagnosis) == ["orders"]
    assert sorted(warned(diagnosis)) == [
        *("addresses", "clock", "configuration", "data keys", "database", "identity", "mail", "migrations"),
        "providers",
    ]
    assert "did you mean PAYMENTS_PROVIDERS" in diagnosis_as_json(diagnosis)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://127.0.0.1:8000", "only reaches from this machine"),
        ("http://localhost:8000", "only reaches from this machine"),
        ("https://[::1]", "only reaches from this machine"),
        ("http://0.0.0.0:8000", "only reaches from this machine"),
        ("http://pay.shop.et", "plain http"),
    ],
)
async def test_an_address_nobody_outside_can_use_is_a_warning(patient: Patient, url: str, said: str) -> None:
    assert said in only(await patient.seen(PUBLIC_URL=url), "addresses", State.WARNING).what


async def test_on_postgresql_what_the_server_would_lose_is_said(patient: Patient, postgres_url: str) -> None:
    diagnosis = await patient.seen(DATABASE_URL=postgres_url)
    text = diagnosis_as_text(diagnosis)
    assert "PostgreSQL" in text
    assert "The tables are those of this version" in text
    # The tests' own server does not wait for the disk; another one may.
    assert wrong(diagnosis) in ([], ["database"])
    if wrong(diagnosis):
        assert "fsync" in only(diagnosis, "database").what


@pytest.mark.parametrize(("encoding", "holds"), [("LATIN1", False), ("SQL_ASCII", True), ("UTF8", True)])
async def test_a_postgresql_that_cannot_hold_every_name_is_said_to_be_wrong(
    patient: Patient,
    postgres_url: str,
    encoding: str,
    holds: bool,  # noqa: FBT001 -- a column of the table above
) -> None:
    name = f"{urlsplit(postgres_url).path[1:]}_{encoding.lower()}"
    made = f"ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
    execute(postgres_url, f"CREATE DATABASE {name} {made}")
    try:
        diagnosis = await patient.seen(DATABASE_URL=beside(postgres_url, name))
    finally:
        execute(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")
    said = [each for each in diagnosis.findings if f"stores text as {encoding}" in each.what]
    assert bool(said) is not holds
    assert all(each.state is State.WRONG and "UTF8" in each.remedy for each in said)


async def test_a_postgresql_that_is_away_or_not_migrated_is_said(patient: Patient) -> None:
    away = only(
        await patient.seen(DATABASE_URL=f"postgresql://us:s3cret@127.0.0.1:{free_port()}/payments"),
        "database",
    )
    assert "s3cret" not in away.what + away.remedy
    odd = only(
        await patient.seen(DATABASE_URL="postgresql://127.0.0.1/p?channel_binding=require"), "database"
    )
    assert "channel_binding" in odd.remedy


def test_every_mistake_of_the_settings_is_a_finding_and_the_exit_code_is_78(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {"MODE": "live", "PORT": "none", "CHAPA_SECRET_KEY": CHAPA_KEY}.items():
        monkeypatch.setenv(f"PAYMENTS_{name}", value)
    assert exit_code(["doctor", "--json"]) == 78
    told = json.loads(capsys.readouterr().out)
    assert told["ok"] is False
    named = [finding["what"] for finding in told["findings"]]
    assert "PAYMENTS_PORT cannot be used." in named
    assert "PAYMENTS_SMTP_URL cannot be used." in named
    assert all(finding["state"] == "wrong" and finding["remedy"] for finding in told["findings"])
    assert CHAPA_KEY not in json.dumps(told)
    assert exit_code(["doctor"]) == 78
    assert "PAYMENTS_PORT" in capsys.readouterr().out


def test_something_wrong_is_exit_code_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PAYMENTS_DATABASE_URL", f"sqlite:///{tmp_path / 'payments.db'}")
    assert exit_code(["doctor"]) == 1
    said = capsys.readouterr()
    assert "wrong     orders" in said.out or re.search(r"^wrong +orders ", said.out, re.MULTILINE)
    assert said.err == ""


async def test_a_healthy_service_is_exit_code_zero_and_its_output_is_json_alone(
    patient: Patient, tmp_path: Path
) -> None:
    run = await asyncio.to_thread(finished, "doctor", "--json", cwd=tmp_path, variables=patient.variables)
    assert run.returncode == 0, run.stdout
    assert json.loads(run.stdout)["ok"] is True
    assert run.stderr == ""


PROVIDER: Final = """
import attrs
from payments.adapters.providers import chapa
from payments.application.ports.self_check import SelfCheck

NAME = "elsewhere"

class Breaks(SelfCheck):
    async def look(self):
        raise RuntimeError("with a s3cret in it")

def read_settings(environment, mode):
    word = environment.text("ELSEWHERE_CHECK")
    return word and (word, chapa.read_settings(environment, mode))

def build(settings, surroundings):
    word, account = settings
    check = Breaks() if word == "breaks" else None
    provider = chapa.build(account, surroundings)
    return attrs.evolve(provider, name=NAME, self_check=check, register_at=None)
"""


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider of another package, laid out as an installer would."""
    (tmp_path / "elsewhere_doctored.py").write_text(PROVIDER)
    info = tmp_path / "elsewhere-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: elsewhere\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[payments.providers]\nelsewhere = elsewhere_doctored\n")
    monkeypatch.syspath_prepend(str(tmp_path))


async def test_a_provider_without_a_check_is_on_and_one_that_breaks_ends_nothing(
    patient: Patient, elsewhere: None
) -> None:
    silent = await patient.seen(ELSEWHERE_CHECK="none")
    assert silent.ok
    assert [each.provider for each in silent.registrations] == ["chapa"]
    assert any(each.part == "elsewhere" for each in silent.findings)
    broken = await patient.seen(ELSEWHERE_CHECK="breaks")
    assert "RuntimeError" in only(broken, "elsewhere").what
    assert "s3cret" not in diagnosis_as_text(broken)
    assert {"chapa", "orders", "mail"} <= {each.part for each in broken.findings}
