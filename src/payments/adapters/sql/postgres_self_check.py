"""Whether a PostgreSQL database can be used, keeps what it acknowledged, and has this version's tables."""

import asyncio
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import asyncpg
import attrs
from sqlalchemy import func, select

from payments.adapters.sql.compiled import compiled
from payments.adapters.sql.postgres_errors import meaning, told
from payments.adapters.sql.postgres_pool import DIALECT, SESSION, Servers
from payments.adapters.sql.postgres_url import read_address
from payments.adapters.sql.self_check import PART, migrations_of
from payments.application.ports.clock import Clock
from payments.application.ports.self_check import Finding, SelfCheck, State
from payments.domain.errors import ConfigurationInvalid, StorageUnavailable

_VARIABLE: Final = "PAYMENTS_DATABASE_URL"
_LEAST_VERSION: Final = 140_000

# What an acknowledged commit must survive, and by which setting of the server it does not when it is off.
_DURABLE: Final = ("fsync", "full_page_writes")

_HOLDS_EVERY_NAME: Final = frozenset({"UTF8", "SQL_ASCII"})
"""Encodings in which what payers and providers write can be stored; the second takes bytes as they come."""

_FACTS: Final = compiled(
    select(
        func.current_setting("server_version").label("version"),
        func.current_setting("server_version_num").label("number"),
        func.pg_is_in_recovery().label("standby"),
        func.clock_timestamp().label("now"),
        func.current_setting("server_encoding").label("encoding"),
        *(func.current_setting(name).label(name) for name in _DURABLE),
    ),
    DIALECT,
)


@attrs.frozen(kw_only=True)
class PostgresSelfCheck(SelfCheck):
    """One connection that only reads."""

    _url: str
    _clock: Clock

    async def look(self) -> tuple[Finding, ...]:
        try:
            facts, now = await self._facts()
            return (
                *_findings(facts, (facts["now"] - now).total_seconds()),
                await asyncio.to_thread(migrations_of, self._url, migrates_itself=False),
            )
        except ConfigurationInvalid as error:
            return (_wrong(error.detail, " ".join(mistake.detail for mistake in error.errors)),)
        except StorageUnavailable as error:
            return (_wrong(error.detail, f"Check {_VARIABLE}, and that the server runs."),)

    async def _facts(self) -> tuple[Any, datetime]:
        servers = Servers(read_address(self._url), {**SESSION, "default_transaction_read_only": "on"})
        try:
            connection = await servers.connect()
        except Exception as error:
            if meaning(error) is error:
                raise
            raise StorageUnavailable(f"No server lets us in: {told(error)}.") from error
        try:
            row = await connection.fetchrow(_FACTS.text, *_FACTS.arguments({}))
        except (asyncpg.PostgresError, OSError, TimeoutError) as error:
            raise StorageUnavailable(f"The database gave no answer: {told(error)}.") from error
        finally:
            await connection.close()
        return row, self._clock.now()


def _findings(facts: Any, ahead_s: float) -> Iterator[Finding]:
    what = f"PostgreSQL {facts['version']} lets us in."
    if int(facts["number"]) < _LEAST_VERSION:
        yield Finding(
            part=PART,
            state=State.WARNING,
            what=f"{what} It is older than any we know.",
            remedy="Use a version that its makers still mend.",
            ahead_s=ahead_s,
        )
    else:
        yield Finding(part=PART, state=State.FINE, what=what, ahead_s=ahead_s)
    if facts["standby"]:
        yield _wrong(
            "It is a standby, which takes no writes.",
            f"Name all servers in {_VARIABLE}; we then find the one that writes.",
        )
    if facts["encoding"] not in _HOLDS_EVERY_NAME:
        yield _wrong(
            f"The database stores text as {facts['encoding']}: who has a name in another script cannot pay.",
            "Make one with ENCODING 'UTF8' TEMPLATE template0, and move the payments there (pg_dump).",
        )
    off = [name for name in _DURABLE if facts[name] != "on"]
    if off:
        yield _wrong(
            f"The server has {' and '.join(off)} off: a power cut loses payments we acknowledged.",
            f"Set {' and '.join(f'{name}=on' for name in off)} in postgresql.conf, and restart it.",
        )
    else:
        what = "Commits reach the disk: fsync, full_page_writes, and synchronous_commit in our sessions."
        yield Finding(part=PART, state=State.FINE, what=what)


def _wrong(what: str, remedy: str) -> Finding:
    return Finding(part=PART, state=State.WRONG, what=what, remedy=remedy)
