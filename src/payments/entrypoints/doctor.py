"""``payments doctor``: looks at everything the service needs, and says what is wrong and what to do."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

import attrs

from payments.application.ports.providers import Provider
from payments.application.ports.self_check import Finding, SelfCheck, State
from payments.bootstrap import open_self_checks
from payments.domain.errors import ConfigurationInvalid
from payments.domain.evidence import Mode
from payments.entrypoints.http.auth import Callers
from payments.settings import Settings

MOST_AHEAD_S: Final = 60.0
"""A clock this far off makes tokens and signatures look expired, or not yet good."""
PATIENCE_S: Final = 25.0
"""How long one part may take to look after itself; each has a shorter limit of its own."""


@attrs.frozen(kw_only=True)
class Registration:
    """An address of ours that a person enters at a provider."""

    provider: str
    url: str
    where: str


@attrs.frozen(kw_only=True)
class Diagnosis:
    """Everything that was found."""

    configured: bool
    """Whether the settings could be used at all."""
    findings: tuple[Finding, ...]
    registrations: tuple[Registration, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong; warnings do not count."""
        return all(finding.state is not State.WRONG for finding in self.findings)


async def diagnose(environ: Mapping[str, str]) -> Diagnosis:
    """What ``environ`` configures, looked at part by part, all of them at once."""
    try:
        settings = Settings.from_env(environ)
        async with open_self_checks(settings) as checks:
            providers = tuple(checks.providers.by_name.values())
            looking = [_looked(type(part).__name__, part) for part in checks.parts]
            looking += [_looked(each.name, each.self_check) for each in providers if each.self_check]
            looked = await asyncio.gather(*looking)
            found = tuple(finding for findings in looked for finding in findings)
            registrations = tuple(
                Registration(
                    provider=each.name, url=checks.addresses.webhooks(each.name), where=each.register_at
                )
                for each in providers
                if each.register_at is not None
            )
    except ConfigurationInvalid as error:
        return Diagnosis(configured=False, findings=_mistakes(error))
    configuration = (*_configuration(settings), *_absent(settings), *_unchecked(providers))
    return Diagnosis(
        configured=True,
        findings=(*configuration, *found, _clock(found), _public(settings)),
        registrations=registrations,
    )


async def _looked(name: str, part: SelfCheck) -> tuple[Finding, ...]:
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await part.look()
    except TimeoutError:
        trouble = f"It did not answer within {PATIENCE_S:.0f} s."
    except Exception as error:  # noqa: BLE001 -- the edge of the process: one check must not end the others
        trouble = f"It failed with {type(error).__name__}."
    remedy = "This is a defect of the check; please report it."
    return (Finding(part=name, state=State.WRONG, what=trouble, remedy=remedy),)


def _mistakes(error: ConfigurationInvalid) -> tuple[Finding, ...]:
    if not error.errors:
        return (Finding(part="configuration", state=State.WRONG, what=error.detail),)
    return tuple(
        Finding(
            part="configuration",
            state=State.WRONG,
            what=f"{mistake.pointer} cannot be used.",
            remedy=mistake.detail,
        )
        for mistake in error.errors
    )


def _configuration(settings: Settings) -> Iterator[Finding]:
    rows = settings.rows()
    told = sum(1 for row in rows if row.source in {"environment", "file"})
    mode = "Live mode" if settings.mode is Mode.LIVE else "Sandbox"
    what = f"{mode}; {told} of {len(rows)} settings are given and good."
    yield Finding(part="configuration", state=State.FINE, what=what)
    for row in rows:
        if row.source == "unknown":
            yield Finding(
                part="configuration",
                state=State.WARNING,
                what=f"PAYMENTS_{row.name} is read by nothing ({row.shown}).",
                remedy="Correct its name, or take it out.",
            )


def _absent(settings: Settings) -> Iterator[Finding]:
    """What a sandbox may go without; live mode refuses to start then."""

    def warning(part: str, what: str, remedy: str) -> Finding:
        return Finding(part=part, state=State.WARNING, what=what, remedy=remedy)

    if settings.database_url.startswith("memory:"):
        yield warning("database", "Everything is forgotten at the end.", "Set PAYMENTS_DATABASE_URL.")
    if settings.orders is None:
        yield Finding(
            part="orders",
            state=State.WRONG,
            what="There is no orders service, so nothing can be paid.",
            remedy="Set PAYMENTS_ORDERS_URL, PAYMENTS_ORDERS_TOKEN and PAYMENTS_ORDERS_SIGNING_SECRETS.",
        )
    if settings.auth is None:
        what = "No key is set, so every call that needs a token is answered 401."
        yield warning("identity", what, "Set PAYMENTS_AUTH_KEY or PAYMENTS_AUTH_JWKS_URL.")
    elif not settings.auth.jwks_url:
        yield _fixed_key(settings.auth.key.reveal(), settings.auth.algorithm)
    if settings.mail is None:
        what = "No mail server is set, so mails are printed on standard error."
        yield warning("mail", what, "Set PAYMENTS_SMTP_URL and PAYMENTS_MAIL_FROM.")
    if not settings.data_keys:
        what = "No key is set: raw notices are sealed with one that ends with the process."
        yield warning("data keys", what, "Set PAYMENTS_DATA_KEYS, such as `openssl rand -hex 32` prints.")
    if not settings.provider_settings:
        yield warning("providers", "No provider has keys.", "Set those of one (docs/settings.md, Providers).")


def _fixed_key(key: str, algorithm: str) -> Finding:
    try:
        Callers.by(key, algorithm=algorithm)
    except ConfigurationInvalid as error:
        (mistake,) = error.errors
        return Finding(part="identity", state=State.WRONG, what=error.detail, remedy=mistake.detail)
    return Finding(part="identity", state=State.FINE, what=f"Tokens are checked with one key of {algorithm}.")


def _unchecked(providers: Sequence[Provider]) -> Iterator[Finding]:
    for provider in providers:
        if provider.self_check is None:
            yield Finding(
                part=provider.name, state=State.FINE, what="It is on, and brings no check of its own."
            )


def _clock(found: Sequence[Finding]) -> Finding:
    """Our clock against the one that agrees with it best: a single other clock may be the wrong one."""
    told = {finding.part: finding.ahead_s for finding in found if finding.ahead_s is not None}
    if not told:
        return Finding(
            part="clock",
            state=State.WARNING,
            what="No part told us the time, so ours was compared with nobody's.",
            remedy="Mend what cannot be reached, then look again.",
        )
    part = min(told, key=lambda name: abs(told[name]))
    off_s = told[part]
    if abs(off_s) <= MOST_AHEAD_S:
        return Finding(part="clock", state=State.FINE, what=f"It agrees with the clock of {part}.")
    return Finding(
        part="clock",
        state=State.WARNING,
        what=f"It is {abs(off_s):.0f} s {'behind' if off_s > 0 else 'ahead of'} the clock of {part}.",
        remedy="Let a time service (NTP) set it: tokens and signatures are refused by a wrong clock.",
    )


def _public(settings: Settings) -> Finding:
    """Whether others can use the addresses we give them."""
    parts = urlsplit(settings.public_url)
    if _is_loopback(parts.hostname or ""):
        problem = "only reaches from this machine: no provider but a simulator can send us webhooks."
    elif parts.scheme != "https":
        problem = "is plain http: whoever is on the way can read and change what payers see."
    else:
        return Finding(part="addresses", state=State.FINE, what=f"Others see us at {settings.public_url}.")
    return Finding(
        part="addresses",
        state=State.WARNING,
        what=f"{settings.public_url} {problem}",
        remedy="Set PAYMENTS_PUBLIC_URL to the https address under which the world reaches this service.",
    )


def _is_loopback(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
    return address.is_loopback or address.is_unspecified
