"""Addresses of one server and of several, as libpq and SQLAlchemy write them, and which of them is used."""

import asyncio
import struct
import time
from pathlib import Path

import pytest

from payments.adapters.sql import migrate
from payments.adapters.sql.postgres import open_postgres
from payments.adapters.sql.postgres_pool import SESSION, Servers
from payments.adapters.sql.postgres_self_check import PostgresSelfCheck
from payments.adapters.sql.postgres_url import Server, read_address
from payments.adapters.system import SystemClock
from payments.application.ports.self_check import State
from payments.domain.errors import ConfigurationInvalid, StorageUnavailable
from payments.testing.contracts.stored import a_payment
from tests.serving import conversing

pytestmark = pytest.mark.anyio

ONE, TWO = Server("h1", 5432), Server("h2", 5433)


@pytest.mark.parametrize(
    ("url", "servers", "dsn"),
    [
        ("postgresql://u:p@h1/db", (ONE,), "postgresql://u:p@/db"),
        ("postgresql://u@h1:5432,h2:5433/db", (ONE, TWO), "postgresql://u@/db"),
        ("postgresql://u@/db?host=h1:5432&host=h2:5433", (ONE, TWO), "postgresql://u@/db"),
        ("postgresql://u@/db?host=h1,h2&port=5432,5433", (ONE, TWO), "postgresql://u@/db"),
        (
            "postgresql://u@/db?host=h1,h2&port=6000",
            (Server("h1", 6000), Server("h2", 6000)),
            "postgresql://u@/db",
        ),
        ("postgresql://u@[::1]:5433/db", (Server("::1", 5433),), "postgresql://u@/db"),
        ("postgresql://%2Frun%2Fpostgresql/db", (Server("/run/postgresql", 5432),), "postgresql:///db"),
        ("postgresql:///db?host=/run/postgresql", (Server("/run/postgresql", 5432),), "postgresql:///db"),
        ("postgresql:///db", (), "postgresql:///db"),
        (
            "postgresql://u@h1/db?sslmode=verify-full&sslrootcert=/etc/ca.pem",
            (ONE,),
            "postgresql://u@/db?sslmode=verify-full&sslrootcert=%2Fetc%2Fca.pem",
        ),
    ],
)
def test_an_address_is_read_in_every_form(url: str, servers: tuple[Server, ...], dsn: str) -> None:
    address = read_address(url)
    assert (address.servers, address.dsn) == (servers, dsn)


@pytest.mark.parametrize(
    ("options", "target"),
    [
        ("h1/db", None),
        ("h1,h2/db", "read-write"),
        ("h1,h2/db?target_session_attrs=any", "any"),
        ("h1/db?target_session_attrs=primary", "primary"),
    ],
)
def test_of_several_servers_the_one_that_takes_writes_is_meant(options: str, target: str | None) -> None:
    assert read_address(f"postgresql://u@{options}").target == target


@pytest.mark.parametrize(
    ("url", "remedy"),
    [
        ("postgresql://u:geheim@h1/db?channel_binding=require", "Take channel_binding out"),
        ("postgresql://u:geheim@/db?service=prod", "write here what its file says of servers and sslmode"),
        ("postgresql://u:geheim@h1:port/db", "'h1' is no server; write host:5432"),
        ("postgresql://u:geheim/1@h1/db", "Percent-encode"),
        ("postgresql://u:geheim?1@h1/db", "Percent-encode"),
        ("postgresql://u:geheim#1@h1/db", "Percent-encode"),
        ("postgresql://u:geheim[1@h1/db", "Percent-encode"),
        ("postgresql://u:geheim?a=1@h1/db", "'u' is no server; write host:5432"),
        ("postgresql://u:geheim@/db?host=h1,h2,h3&port=1,2", "is no server"),
        ("postgresql://u:geheim@h1/db?connect_timeout=soon", "whole number of seconds"),
    ],
)
def test_what_cannot_be_read_is_named_without_the_password(url: str, remedy: str) -> None:
    with pytest.raises(ConfigurationInvalid) as caught:
        read_address(url)
    (mistake,) = caught.value.errors
    assert mistake.pointer == "PAYMENTS_DATABASE_URL"
    assert remedy in mistake.detail
    assert "geheim" not in repr(caught.value) + mistake.detail + repr(
        read_address("postgresql://u:geheim@h/db")
    )


@pytest.mark.parametrize(
    ("options", "remedy"),
    [
        ("sslmode=banana", "The driver refuses it: `sslmode` parameter must be one of: disable, allow"),
        ("sslmode=verify-full", "The driver refuses it: root certificate file"),
        ("sslmode=require&sslrootcert=/no/ca.pem", "sslrootcert: /no/ca.pem cannot be read."),
        ("colour=red", 'The server refuses it: unrecognized configuration parameter "colour".'),
        ("work_mem=much", 'The server refuses it: invalid value for parameter "work_mem": "much".'),
    ],
)
async def test_what_driver_or_server_refuse_of_an_address_is_said(
    postgres_url: str, options: str, remedy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    url = f"{postgres_url}?{options}"
    with pytest.raises(ConfigurationInvalid) as opened:
        async with open_postgres(url):
            pass
    with pytest.raises(ConfigurationInvalid) as migrated:
        await asyncio.to_thread(migrate.upgrade, url)
    for refusal in (opened, migrated):
        (mistake,) = refusal.value.errors
        assert mistake.pointer == "PAYMENTS_DATABASE_URL"
        assert mistake.detail.startswith(remedy)
    findings = await PostgresSelfCheck(url=url, clock=SystemClock()).look()
    assert [(finding.state, finding.remedy.startswith(remedy)) for finding in findings] == [
        (State.WRONG, True)
    ]


def among(url: str, *others: str) -> str:
    """``url`` with other servers before its own."""
    account, _, place = url.partition("@")
    authority, _, database = place.partition("/")
    return f"{account}@{','.join([*others, authority])}/{database}"


async def test_a_server_that_is_down_is_passed_over(postgres_url: str) -> None:
    async with open_postgres(among(postgres_url, "127.0.0.1:1", "127.0.0.1:2")) as units:
        await units.write(lambda transaction: transaction.open_payment(a_payment(1)))


async def test_a_server_that_says_nothing_costs_its_share_of_the_time_and_only_once(
    postgres_url: str,
) -> None:
    asked = []

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(reader)
        await reader.read()
        writer.close()

    async with conversing(say_nothing) as silent:
        where = f"127.0.0.1:{silent}"
        servers = Servers(read_address(among(postgres_url, where)), SESSION)
        began = time.monotonic()
        await (await servers.connect()).close()
        # The driver itself would wait for a minute.
        assert 0.8 < time.monotonic() - began < 20
        await (await servers.connect()).close()
    assert len(asked) == 1


WANTS_TLS = struct.pack("!ii", 8, 80_877_103)


@pytest.mark.parametrize(
    "sqlstate",
    [
        pytest.param(None, id="a proxy whose server is down hangs up"),
        pytest.param("53300", id="it has no connection left"),
        pytest.param("57P01", id="it is shutting down"),
        pytest.param("57P03", id="it is starting up"),
        pytest.param("08P01", id="a pooler has no server"),
    ],
)
async def test_a_server_that_sends_us_away_is_passed_over(postgres_url: str, sqlstate: str | None) -> None:
    async def send_away(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.read(8) == WANTS_TLS:
            writer.write(b"N")
            await reader.read(8)
        if sqlstate is not None:
            said = f"SFATAL\0VFATAL\0C{sqlstate}\0MGo away.\0\0".encode()
            writer.write(b"E" + struct.pack("!i", len(said) + 4) + said)
        writer.close()

    async with (
        conversing(send_away) as unwilling,
        open_postgres(among(postgres_url, f"127.0.0.1:{unwilling}")) as units,
    ):
        await units.write(lambda transaction: transaction.open_payment(a_payment(1)))


async def test_a_server_that_takes_no_writes_is_no_place_for_payments(postgres_url: str) -> None:
    with pytest.raises(StorageUnavailable, match="target attribute requirement"):
        async with open_postgres(f"{postgres_url}?target_session_attrs=standby"):
            pass
    # Whoever only reads declares so itself, and is no read-write session to the driver.
    address = f"{among(postgres_url, '127.0.0.1:1')}?target_session_attrs=read-write"
    async with open_postgres(address, read_only=True) as units:
        assert await units.reads.payment(a_payment(1).payment_id) is None


async def test_options_that_are_settings_reach_the_server(postgres_url: str) -> None:
    connection = await Servers(read_address(f"{postgres_url}?work_mem=8MB"), SESSION).connect()
    assert await connection.fetchval("SHOW work_mem") == "8MB"
    await connection.close()
