"""Settings: everything this process is told by ``PAYMENTS_*`` variables, frozen, and checked all at once.

A group that is not configured is None in sandbox mode; live mode wants each of them.
"""

import os
import re
from collections.abc import Mapping
from email.errors import MessageError
from email.headerregistry import Address
from email.utils import parseaddr
from functools import partial
from typing import Any, Final, Self

import attrs

from payments.adapters.environment import PREFIX, Environment, Row
from payments.adapters.notifiers.smtp import SmtpServer
from payments.adapters.orders.signing import key_of
from payments.adapters.providers.listing import available_providers
from payments.adapters.secret import Secret
from payments.adapters.sql.postgres import DEFAULT_POOL_SIZE
from payments.adapters.sql.postgres_url import hosts_in_the_clear, is_postgresql, password_in
from payments.adapters.sql.sqlite_connection import database_file
from payments.adapters.web_addresses import split_address, stays_here, without_password, without_query
from payments.application.notice_limits import DEFAULT_UNKNOWN, NoticeLimits
from payments.application.retention import LEAST_NOTICES, LEAST_PEOPLE, Retention
from payments.domain.errors import ConfigurationInvalid
from payments.domain.evidence import Mode
from payments.domain.refund_rules import RefundRules, SurplusPolicy

DEFAULT_DATABASE_URL: Final = "sqlite:///payments.db"
DEFAULT_PORT: Final = 8000
SCOPES: Final = ("payments:read", "payments:write")
"""What a token without a scope gets. Refund, collect and operate are always explicit."""

_MODES: Final = {"sandbox": Mode.TEST, "live": Mode.LIVE}
_ALGORITHMS: Final = ("HS256", "RS256", "ES256")
_LEAST_HS256_BYTES: Final = 32  # RFC 7518, section 3.2
_LEAST_DATA_KEY_BYTES: Final = 16  # what the cipher takes at all
_MAIL_SCHEMES: Final = ("smtp", "smtp+starttls", "smtps")
_LOG_LEVELS: Final = ("debug", "info", "warning", "error")


@attrs.frozen(kw_only=True)
class OrdersSettings:
    """The orders service we ask and tell."""

    url: str
    token: Secret
    signing_secrets: tuple[Secret, ...]
    """Standard Webhooks secrets (``whsec_...``), all active."""


@attrs.frozen(kw_only=True)
class AuthSettings:
    """Whose bearer tokens are believed: one fixed algorithm for the key."""

    key: Secret = attrs.field(factory=partial(Secret, ""))
    """The shared secret of HS256, or the public key in PEM of RS256 and ES256; empty with ``jwks_url``."""
    jwks_url: str = attrs.field(default="", repr=without_query)
    """Where the issuer publishes its public keys, in place of ``key``; RS256 and ES256 alone."""
    algorithm: str
    issuer: str | None
    audience: str | None
    default_scopes: tuple[str, ...] = SCOPES


@attrs.frozen(kw_only=True)
class MailSettings:
    """The server that takes our mail, and who it is from."""

    smtp_url: str = attrs.field(repr=without_password)
    """``smtp+starttls://`` or ``smtps://`` where the server wants user and password, else ``smtp://``."""
    sender: str


@attrs.frozen(kw_only=True)
class HttpSettings:
    """What we listen on, and which doors are open."""

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    metrics: bool = True
    console: bool = True
    hsts_subdomains: bool = False
    """Whether browsers are told that every host below that of ``public_url`` is reached by https alone."""


@attrs.frozen(kw_only=True)
class LoggingSettings:
    """``level``: debug, info, warning or error. ``format``: json, or console for people."""

    level: str = "info"
    format: str = "console"


@attrs.frozen(kw_only=True)
class Settings:
    """All settings of one process."""

    mode: Mode = Mode.TEST
    """The sandbox is the providers' test world."""
    database_url: str = attrs.field(default=DEFAULT_DATABASE_URL, repr=without_password)
    database_pool_size: int = DEFAULT_POOL_SIZE
    """How many connections to PostgreSQL this process may have; SQLite has its own two."""
    public_url: str = f"http://127.0.0.1:{DEFAULT_PORT}"
    """Where payers and providers find us, without a slash at its end."""
    return_urls: Mapping[str, str] = attrs.field(factory=dict)
    """The pages a payer may be sent back to, by key; without a key it is our own status page."""
    provider_settings: Mapping[str, Any] = attrs.field(factory=dict)
    """The groups of the providers that are switched on, by name."""
    orders: OrdersSettings | None = None
    auth: AuthSettings | None = None
    mail: MailSettings | None = None
    data_keys: tuple[Secret, ...] = ()
    """What raw messages are sealed with: the present key first, then earlier ones."""
    notices: NoticeLimits = attrs.field(factory=NoticeLimits)
    refunds: RefundRules = attrs.field(factory=RefundRules)
    retention: Retention = attrs.field(factory=Retention)
    http: HttpSettings = HttpSettings()
    logging: LoggingSettings = LoggingSettings()
    _rows: tuple[Row, ...] = attrs.field(default=(), repr=False, eq=False)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """The settings that ``environ`` holds.

        Raises:
            ConfigurationInvalid: ``errors`` lists every mistake at once; each names the variable and the
                remedy, and none repeats a secret.
        """
        mode = Environment(environ).choice("MODE", _MODES, "sandbox")
        environment = Environment(environ, live=mode is Mode.LIVE)
        environment.choice("MODE", _MODES, "sandbox")
        http = _http(environment)
        settings = cls(
            mode=mode,
            database_url=_database_url(environment),
            database_pool_size=environment.whole_number(
                "DATABASE_POOL_SIZE", DEFAULT_POOL_SIZE, least=2, most=1000
            ),
            public_url=_public_url(environment, http),
            return_urls=environment.urls("RETURN_URLS"),
            provider_settings=_providers(environment, mode),
            orders=_orders(environment),
            auth=_auth(environment),
            mail=_mail(environment),
            data_keys=_data_keys(environment),
            notices=NoticeLimits(
                unknown=environment.whole_number("UNKNOWN_NOTICES", DEFAULT_UNKNOWN, least=1, most=1_000_000)
            ),
            refunds=_refunds(environment),
            retention=_retention(environment),
            http=http,
            logging=_logging(environment),
        )
        if environment.mistakes:
            lines = [f"{mistake.pointer}: {mistake.detail}" for mistake in environment.mistakes]
            raise ConfigurationInvalid(
                "The configuration is not valid:\n" + "\n".join(lines), errors=tuple(environment.mistakes)
            )
        return attrs.evolve(settings, rows=(*environment.rows, *environment.unknown()))

    @property
    def many_may_write(self) -> bool:
        """Whether several processes may write the database at the same time: PostgreSQL alone takes that."""
        return is_postgresql(self.database_url)

    def rows(self) -> tuple[Row, ...]:
        """What :meth:`from_env` read, secrets masked, for people; empty for settings made by hand."""
        return self._rows


def _database_url(environment: Environment) -> str:
    url = environment.private_url("DATABASE_URL", DEFAULT_DATABASE_URL, ("sqlite", "postgresql", "memory"))
    if environment.live and url.startswith("memory:"):
        environment.refuse("DATABASE_URL", "Live mode forgets nothing; use sqlite:/// or postgresql://.")
    if url.startswith("sqlite:"):
        _refuse_no_file(environment, url)
    hosts: tuple[str, ...] = ()
    password = ""
    if environment.live and is_postgresql(url):
        try:
            hosts = hosts_in_the_clear(url, environment.surroundings())
            password = password_in(url, environment.surroundings())
        except ConfigurationInvalid as error:
            environment.refuse("DATABASE_URL", error.errors[0].detail)
    remedy = "add sslmode=verify-full to the address, or at least sslmode=require"
    _refuse_in_the_clear(environment, "DATABASE_URL", hosts, remedy)
    environment.refuse_guessable_password("DATABASE_URL", password)
    return url


def _refuse_no_file(environment: Environment, url: str) -> None:
    path = url.removeprefix("sqlite:///")
    try:
        database_file("" if path == url else path)
    except ConfigurationInvalid as error:
        remedy = "Use sqlite:///payments.db, or sqlite:////var/lib/payments/payments.db for a whole path."
        environment.refuse("DATABASE_URL", f"{error.detail} {remedy}")


def _refuse_in_the_clear(environment: Environment, name: str, hosts: tuple[str, ...], remedy: str) -> None:
    """Record that ``name`` reaches ``hosts`` without TLS; the sandbox and a network of our own may."""
    trusted = environment.names("WITHOUT_TLS_TO")
    if environment.live and not set(hosts) <= set(trusted):
        environment.refuse(
            name,
            f"It reaches another machine without TLS; {remedy}. On a network that nobody else is on, "
            f"name the host in {PREFIX}WITHOUT_TLS_TO.",
        )


def _public_url(environment: Environment, http: HttpSettings) -> str:
    url = environment.url("PUBLIC_URL", "" if environment.live else f"http://127.0.0.1:{http.port}")
    if not url:
        _require(
            environment,
            "PUBLIC_URL",
            "Say where payers and providers find us, such as https://pay.example.com.",
        )
    return url


def _providers(environment: Environment, mode: Mode) -> Mapping[str, Any]:
    wanted = environment.names("PROVIDERS")
    folders = available_providers()
    groups = {name: folder.read_settings(environment, mode) for name, folder in folders.items()}
    for name in wanted:
        if name not in folders:
            environment.refuse("PROVIDERS", f"{name!r} is none of {', '.join(folders)}.")
        elif groups[name] is None:
            environment.refuse(
                "PROVIDERS", f"{name} is switched on but has no keys; set them or take it out."
            )
    on = {
        name: group for name, group in groups.items() if group is not None and (not wanted or name in wanted)
    }
    if environment.live and not on:
        _require(environment, "PROVIDERS", "No provider has keys, so nobody could pay.")
    return on


def _orders(environment: Environment) -> OrdersSettings | None:
    url = environment.url("ORDERS_URL")
    token = environment.secret("ORDERS_TOKEN")
    secrets = environment.secrets("ORDERS_SIGNING_SECRETS")
    for secret in secrets:
        try:
            key = key_of(secret.reveal())
        except ValueError as error:
            environment.refuse("ORDERS_SIGNING_SECRETS", str(error))
        else:
            environment.refuse_guessable("ORDERS_SIGNING_SECRETS", key.decode("latin-1"))
    if not (url or token or secrets or environment.live):
        return None
    if not url:
        _require(environment, "ORDERS_URL", "Say where the orders service is.")
    if token is None:
        _require(environment, "ORDERS_TOKEN", "Set the bearer token that the orders service wants from us.")
    elif not re.fullmatch(r"[\x21-\x7e]+", token.reveal()):
        environment.refuse("ORDERS_TOKEN", "No header can carry it: it is one line of ASCII without blanks.")
    if not secrets:
        _require(
            environment, "ORDERS_SIGNING_SECRETS", "Set the whsec_... secret our messages are signed with."
        )
    return OrdersSettings(url=url, token=token or Secret(""), signing_secrets=secrets)


def _auth(environment: Environment) -> AuthSettings | None:
    key = environment.secret("AUTH_KEY")
    jwks_url = environment.url("AUTH_JWKS_URL", base=False)
    algorithm = environment.choice("AUTH_ALGORITHM", {word.lower(): word for word in _ALGORITHMS}, "hs256")
    issuer = environment.text("AUTH_ISSUER")
    audience = environment.text("AUTH_AUDIENCE")
    scopes = environment.names("AUTH_DEFAULT_SCOPES", SCOPES)
    if not set(scopes) <= set(SCOPES):
        environment.refuse(
            "AUTH_DEFAULT_SCOPES",
            f"Only {' and '.join(SCOPES)} may be given by default; others are explicit.",
        )
    if key is not None:
        _refuse_wrong_auth_key(environment, key, algorithm)
    if jwks_url:
        _refuse_wrong_key_set(environment, key, algorithm, issuer, audience)
    elif key is None:
        if environment.live and not environment.refused("AUTH_JWKS_URL"):
            remedy = f"Set the key that callers' tokens are signed with, or {PREFIX}AUTH_JWKS_URL."
            _require(environment, "AUTH_KEY", remedy)
        return None
    return AuthSettings(
        key=key or Secret(""),
        jwks_url=jwks_url,
        algorithm=algorithm,
        issuer=issuer or None,
        audience=audience or None,
        default_scopes=scopes,
    )


def _refuse_wrong_key_set(
    environment: Environment, key: Secret | None, algorithm: str, issuer: str, audience: str
) -> None:
    if key is not None:
        environment.refuse("AUTH_JWKS_URL", f"{PREFIX}AUTH_KEY is set, too; keep one of them.")
    if algorithm == "HS256":
        environment.refuse("AUTH_ALGORITHM", "A published key set holds public keys; use RS256 or ES256.")
    if not environment.live:
        return
    # The issuer's keys sign for every service of the house; only these two tell our tokens from theirs.
    for name, claim, given in (("AUTH_ISSUER", "iss", issuer), ("AUTH_AUDIENCE", "aud", audience)):
        if not given:
            _require(environment, name, f"With a key set, say which {claim} our callers' tokens carry.")


def _refuse_wrong_auth_key(environment: Environment, key: Secret, algorithm: str) -> None:
    text = key.reveal()
    if algorithm == "HS256":
        # A public key that is taken for a shared secret lets everybody sign (RFC 8725, section 2.1).
        if "-----BEGIN" in text:
            environment.refuse("AUTH_KEY", "It is a PEM key, which HS256 cannot use; set AUTH_ALGORITHM.")
        elif environment.live and len(key) < _LEAST_HS256_BYTES:
            environment.refuse("AUTH_KEY", f"HS256 needs {_LEAST_HS256_BYTES} bytes (RFC 7518, section 3.2).")
    elif not re.search("-----BEGIN (?:RSA )?PUBLIC KEY-----", text):
        environment.refuse(
            "AUTH_KEY",
            f"{algorithm} needs a public key in PEM (no certificate); use AUTH_KEY_FILE for its file.",
        )


def _mail(environment: Environment) -> MailSettings | None:
    url = environment.private_url("SMTP_URL", "", _MAIL_SCHEMES)
    sender = environment.text("MAIL_FROM")
    if url:
        try:
            parts = split_address(url, _MAIL_SCHEMES)
            if parts.path not in ("", "/") or parts.query:
                # Options that nothing reads, or what follows a / or ? in a password that was not encoded.
                raise ValueError("It goes on after host and port.")  # noqa: TRY301 -- told like the others
            server = SmtpServer.of(url)
            hosts = (server.host,) if server.security == "none" and not stays_here(server.host) else ()
            _refuse_in_the_clear(environment, "SMTP_URL", hosts, "use smtp+starttls:// or smtps://")
            environment.refuse_guessable_password("SMTP_URL", server.password or "")
        except ValueError as error:
            environment.refuse("SMTP_URL", f"{error} Use smtp+starttls://user:password@mail.example.com:587.")
    if not url:
        if environment.live:
            _require(environment, "SMTP_URL", "Say which server takes our mail.")
        return None
    if not _is_one_sender(sender):
        environment.refuse("MAIL_FROM", "Say who our mail is from, such as Shop <pay@shop.example.com>.")
    return MailSettings(smtp_url=url, sender=sender)


def _is_one_sender(text: str) -> bool:
    """Whether ``text`` is one address, with a name or without, that every mail server takes."""
    # Names are printable but for the joiners and blanks that their script has within a word.
    plain = re.sub("[\u00a0\u200c\u200d\u202f]", "", text)
    match = re.fullmatch(r"[^<>]*<([^<>\s]+)>|([^<>\s]+)", text) if plain.isprintable() else None
    address = (match[1] or match[2]) if match else ""
    if not address or not address.isascii() or parseaddr(text)[1] != address:
        return False
    try:
        written = Address(addr_spec=address)
    except (ValueError, MessageError):
        return False
    return bool(written.username and written.domain) and written.addr_spec == address


def _data_keys(environment: Environment) -> tuple[Secret, ...]:
    keys = environment.secrets("DATA_KEYS")
    if any(len(key) < _LEAST_DATA_KEY_BYTES for key in keys):
        environment.refuse("DATA_KEYS", f"A key has at least {_LEAST_DATA_KEY_BYTES} bytes.")
    if environment.live and not keys:
        _require(environment, "DATA_KEYS", "Set the key that raw messages are sealed with.")
    return keys


def _retention(environment: Environment) -> Retention:
    usual = Retention()
    kept = Retention(
        notices_for=environment.duration("KEEP_NOTICES_FOR", usual.notices_for),
        people_for=environment.duration("KEEP_PEOPLE_FOR", usual.people_for),
    )
    for name, span, least in (
        ("KEEP_NOTICES_FOR", kept.notices_for, LEAST_NOTICES),
        ("KEEP_PEOPLE_FOR", kept.people_for, LEAST_PEOPLE),
    ):
        if span < least:
            environment.refuse(name, f"Keep them {least.days}d or longer (docs/adr/0026).")
    return kept


def _refunds(environment: Environment) -> RefundRules:
    words = {policy.value: policy for policy in SurplusPolicy}
    word, _, limits = environment.text("SURPLUS_POLICY", SurplusPolicy.OFF.value).partition(" ")
    policy = words.get(word.lower())
    automatic_up_to = environment.amounts_in("SURPLUS_POLICY", limits)
    if policy is None or bool(limits.strip()) is not (policy is SurplusPolicy.AUTOMATIC):
        environment.refuse(
            "SURPLUS_POLICY",
            "Use off, propose, or automatic with limits, such as: automatic ETB=1000.00,KES=500.00.",
        )
    return RefundRules(
        approval_above=environment.amounts("REFUND_APPROVAL_ABOVE"),
        surplus=policy or SurplusPolicy.OFF,
        automatic_up_to=automatic_up_to,
    )


def _http(environment: Environment) -> HttpSettings:
    return HttpSettings(
        host=environment.text("HOST", "127.0.0.1"),
        port=environment.whole_number("PORT", DEFAULT_PORT, least=1, most=65535),
        metrics=environment.switch("METRICS", default=True),
        console=environment.switch("CONSOLE", default=True),
        hsts_subdomains=environment.switch("HSTS_SUBDOMAINS", default=False),
    )


def _logging(environment: Environment) -> LoggingSettings:
    level = environment.choice("LOG_LEVEL", {word: word for word in _LOG_LEVELS}, "info")
    if environment.live and level == "debug":
        environment.refuse("LOG_LEVEL", "Debug is not for live mode; use info.")
    default = "json" if environment.live else "console"
    return LoggingSettings(
        level=level, format=environment.choice("LOG_FORMAT", {"json": "json", "console": "console"}, default)
    )


def _require(environment: Environment, name: str, remedy: str) -> None:
    """Record that ``name`` is missing, unless what is there was refused already."""
    if not environment.refused(name):
        environment.refuse(name, f"It is missing. {remedy}")
