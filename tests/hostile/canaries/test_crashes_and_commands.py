"""What a defect, an unreachable server or the list of processes would show: no secret."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import httpx
import pytest

from payments import open_payments
from payments.application.ports.orders import Order, Orders
from payments.application.records import Message
from payments.bootstrap import Parts
from payments.entrypoints.http import create_app
from payments.entrypoints.logging import configure_logging
from payments.settings import Settings
from tests.e2e.databases import SqliteDatabase
from tests.e2e.outside_world import Outside
from tests.e2e.programs import finished, payments
from tests.e2e.story import environment, token
from tests.hostile.canaries.canaries import Canary, Written, of_settings, search
from tests.hostile.canaries.whole_story import OF_OURS, secret_settings
from tests.ports import free_port

pytestmark = pytest.mark.anyio

NOT_PLAIN = {"DATABASE_URL", "SMTP_URL", "MPESA_CERTIFICATE"}
DATABASE_PASSWORD, MAIL_PASSWORD = "canary-of-the-database", "canary-of-the-mail-server"
PASSWORDS = [Canary("database password", DATABASE_PASSWORD), Canary("mail password", MAIL_PASSWORD)]


def told(outside: Outside, database_url: str) -> dict[str, str]:
    return environment(outside, database_url, free_port()) | OF_OURS


def secrets_of(environ: Mapping[str, str]) -> list[Canary]:
    return of_settings(environ, [name for name in secret_settings() if name not in NOT_PLAIN])


class Exploding(Orders):
    """A defect with every secret in its local variables."""

    def __init__(self, settings: Settings, environ: Mapping[str, str]) -> None:
        self._settings, self._environ = settings, environ

    async def get(self, order_id: str) -> Order | None:
        held = {name: value for name, value in self._environ.items() if name.startswith("PAYMENTS_")}
        self._explode(held, self._settings)

    async def tell(self, message: Message) -> None:
        raise AssertionError(message)

    def _explode(self, held: dict[str, str], settings: Settings) -> NoReturn:
        # The settings show themselves as anybody may see them; the variables are only at hand.
        raise RuntimeError(f"{len(held)} variables and {settings!r}")


async def test_a_crashed_handler_shows_no_secret_to_its_caller_or_in_its_traceback(
    outside: Outside, database: SqliteDatabase, logs_go_back: None
) -> None:
    environ = told(outside, database.url)
    settings = Settings.from_env(environ)
    log = io.StringIO()
    configure_logging(settings.logging, log)
    bearer = token()
    async with open_payments(settings, Parts(orders=Exploding(settings, environ))) as opened:
        app = create_app(opened, settings)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url=settings.public_url) as client:
            answer = await client.post(
                "/payments/initiate/order_1/",
                json={"provider": "chapa"},
                headers={"authorization": f"Bearer {bearer}"},
            )
            measures = await client.get("/metrics")
    assert answer.status_code == 500
    assert "RuntimeError" in log.getvalue()
    written = [
        Written("answer", answer.content),
        Written("metrics", measures.content),
        Written("log", log.getvalue().encode()),
    ]
    signature = Canary("bearer token", bearer.rpartition(".")[2])
    assert search([*secrets_of(environ), signature], written).hits == ()
    planted = search(secrets_of(environ), [Written("log", environ["PAYMENTS_ORDERS_TOKEN"].encode())])
    assert planted.hits == ("ORDERS_TOKEN in log",)


@pytest.mark.parametrize(
    "command", [("settings",), ("settings", "--json"), ("doctor", "--json"), ("check",), ("serve",)], ids=str
)
def test_no_command_says_a_password_of_an_address_that_cannot_be_reached(
    outside: Outside, tmp_path: Path, command: tuple[str, ...]
) -> None:
    closed = free_port()
    environ = told(outside, f"postgresql://pay:{DATABASE_PASSWORD}@127.0.0.1:{closed}/payments") | {
        "PAYMENTS_SMTP_URL": f"smtp+starttls://pay:{MAIL_PASSWORD}@127.0.0.1:{closed}"
    }
    done = finished(*command, cwd=tmp_path, variables=environ)
    said = Written(f"command {command[0]}", f"{done.stdout}\n{done.stderr}".encode())
    assert said.content.strip()
    assert search([*PASSWORDS, *secrets_of(environ)], [said]).hits == ()


def test_the_list_of_processes_shows_no_secret(
    outside: Outside, database: SqliteDatabase, tmp_path: Path
) -> None:
    environ = told(outside, database.url)
    with payments("serve", cwd=tmp_path, variables=environ) as program:
        program.wait_for("Payments")
        shown = [
            Written("processes", path.read_bytes())
            for path in Path("/proc").glob("[0-9]*/cmdline")
            if _is_of(path.parent, program.process.pid)
        ]
        assert shown, "it shows at least itself"
        assert search(secrets_of(environ), shown).hits == ()
        assert program.stop() == 0
    assert (
        search(secrets_of(environ), [Written("output", (program.output + program.complaints).encode())]).hits
        == ()
    )


def _is_of(process: Path, parent: int) -> bool:
    try:
        fields: list[Any] = (process / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return parent in (int(process.name), int(fields[1]))
