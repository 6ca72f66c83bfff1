"""A PostgreSQL address as people write it, libpq's and SQLAlchemy's forms alike, taken apart for asyncpg."""

import os
import re
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit

import attrs

from payments.adapters.web_addresses import stays_here
from payments.domain.errors import ConfigurationInvalid, FieldError

_DEFAULT_PORT: Final = 5432
_CONNECT_S: Final = 2.0
# What libpq alone understands; asyncpg would send it to the server as a setting, and no server knows it.
_LIBPQ_ALONE: Final = frozenset(
    {
        *("channel_binding", "client_encoding", "gssencmode", "hostaddr", "keepalives", "keepalives_count"),
        *("keepalives_idle", "keepalives_interval", "load_balance_hosts", "options", "replication"),
        *("require_auth", "sslcompression", "sslcrldir", "sslsni", "tcp_user_timeout"),
    }
)
_FILES: Final = frozenset({"sslcert", "sslcrl", "sslkey", "sslrootcert"})
_ENCRYPTED: Final = frozenset({"require", "verify-ca", "verify-full"})
_NOT_ENCODED: Final = "Percent-encode the marks / ? # [ ] @ in user and password: %2F %3F %23 %5B %5D %40."
_ANY_HOST: Final = re.compile(r"(?P<host>/.*|\[[^\]]+\]|[^:\[\]]*)(?::(?P<port>\d*))?")


@attrs.frozen
class Server:
    """One place where the database may be. ``host`` may be the folder of a Unix socket."""

    host: str
    port: int


@attrs.frozen(kw_only=True)
class PostgresAddress:
    """Where the database may be, and how to speak to it."""

    servers: tuple[Server, ...]
    """In the order to try; empty where the surroundings say it (``PGHOST``, or the usual socket)."""
    dsn: str = attrs.field(repr=False)
    """User, password, database and the remaining options, for asyncpg."""
    target: str | None
    """``target_session_attrs``: which of the servers will do."""
    connect_s: float
    """How long one server may take to let us in."""


def is_postgresql(url: str) -> bool:
    return url.startswith("postgresql://")


def read_address(url: str) -> PostgresAddress:
    """The parts of ``postgresql://user:password@h1:5432,h2:5432/db?...``.

    Servers may also stand in the query, as ``host=h1:5432&host=h2:5432`` or ``host=h1,h2&port=5432``. Several
    servers without ``target_session_attrs`` mean the one that takes writes.

    Raises:
        ConfigurationInvalid: naming what cannot be read, without repeating a password.
    """
    parts = _split(url)
    account, _, authority = parts.netloc.rpartition("@")
    options = parse_qsl(parts.query, keep_blank_values=True)
    for name, _ in options:
        if name in _LIBPQ_ALONE:
            raise refused(f"Take {name} out: the driver has no such option.")
        if name == "service":
            # Servers named elsewhere would be reached past all that is decided by this address.
            raise refused("Take service out, and write here what its file says of servers and sslmode.")
    hosts = [*_listed([authority]), *_listed(value for name, value in options if name == "host")]
    ports = [*_listed(value for name, value in options if name == "port")]
    servers = tuple(_server(host, number, ports, len(hosts)) for number, host in enumerate(hosts))
    kept = {name: value for name, value in options if name not in {"host", "port"}}
    target = kept.pop("target_session_attrs", None) or ("read-write" if len(servers) > 1 else None)
    connect_s = _seconds(kept)
    query = f"?{urlencode(kept)}" if kept else ""
    dsn = f"postgresql://{account}{'@' if account else ''}{parts.path or '/'}{query}"
    return PostgresAddress(servers=servers, dsn=dsn, target=target, connect_s=connect_s)


def refuse_unreadable_files(address: PostgresAddress) -> None:
    """Return if the files that the address names can be read: the driver says that one cannot, and not which.

    Raises:
        ConfigurationInvalid: naming the first that cannot.
    """
    for name, path in parse_qsl(urlsplit(address.dsn).query):
        if name in _FILES and not os.access(path, os.R_OK):
            raise refused(f"{name}: {path} cannot be read.")


def hosts_in_the_clear(url: str, surroundings: Mapping[str, str]) -> tuple[str, ...]:
    """The other machines that a connection to ``url`` may reach without TLS.

    ``sslmode`` below ``require`` allows that. ``PGHOST`` and ``PGSSLMODE`` of the ``surroundings`` count
    where the address is silent, as they do for the driver.

    Raises:
        ConfigurationInvalid: as :func:`read_address`.
    """
    address = read_address(url)
    options = dict(parse_qsl(urlsplit(address.dsn).query))
    if options.get("sslmode", surroundings.get("PGSSLMODE", "")) in _ENCRYPTED:
        return ()
    hosts = [server.host for server in address.servers] or _listed([surroundings.get("PGHOST", "")])
    return tuple(host for host in hosts if not stays_here(host))


def password_in(url: str, surroundings: Mapping[str, str]) -> str:
    """The password that a connection to ``url`` offers: its own, or ``PGPASSWORD`` of the ``surroundings``.

    Empty where there is none, or only the driver knows it (``passfile``).

    Raises:
        ConfigurationInvalid: as :func:`read_address`.
    """
    parts = urlsplit(read_address(url).dsn)
    written = unquote(parts.netloc.rpartition("@")[0].partition(":")[2])
    return written or dict(parse_qsl(parts.query)).get("password", surroundings.get("PGPASSWORD", ""))


def _listed(values: Iterable[str]) -> list[str]:
    return [item for value in values for item in value.split(",") if item]


def _server(written: str, number: int, ports: list[str], count: int) -> Server:
    found = _ANY_HOST.fullmatch(unquote(written))
    port = (found and found["port"]) or (ports[number] if len(ports) == count else "".join(ports[:1]))
    if not found or len(ports) not in {0, 1, count} or not (port or "0").isdecimal():
        # Without its port, which may be a password whose user has no @ behind it.
        raise refused(f"{written.partition(':')[0]!r} is no server; write host:5432.")
    return Server(found["host"].strip("[]"), int(port or _DEFAULT_PORT))


def _split(url: str) -> SplitResult:
    """The parts of ``url``, none of which is the rest of a password that was not encoded."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise refused(_NOT_ENCODED) from None
    before = parts.query.partition("@")[0]
    if "@" in parts.path or parts.fragment or ("@" in parts.query and "=" not in before):
        raise refused(_NOT_ENCODED)
    return parts


def _seconds(options: dict[str, str]) -> float:
    written = options.pop("connect_timeout", "")
    if written and not written.isdecimal():
        raise refused("connect_timeout is a whole number of seconds.")
    # In libpq nought means for ever, which nobody who pays will wait.
    return float(written or 0) or _CONNECT_S


def refused(sentence: str) -> ConfigurationInvalid:
    """Why the address cannot be used."""
    return ConfigurationInvalid(
        "The address of the database cannot be used.",
        errors=(FieldError("PAYMENTS_DATABASE_URL", sentence),),
    )
