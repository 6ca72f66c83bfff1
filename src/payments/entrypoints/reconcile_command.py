"""``payments reconcile``: what the providers list beside what is kept here."""

import sys
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Final

import attrs
import msgspec
from cyclopts import Parameter

from payments.application.payments import Payments
from payments.application.ports.providers import Span
from payments.application.reconciling import Came, Compared, Kind
from payments.bootstrap import open_payments
from payments.domain.errors import FieldError, InvalidRequest, StorageBusy, UnsupportedProvider
from payments.entrypoints.exits import FOUND, UNAVAILABLE, refused, said
from payments.entrypoints.logging import configure_logging
from payments.entrypoints.serving import run
from payments.settings import Settings

Json = Annotated[
    bool,
    Parameter(name="--json", negative="", help="Write JSON, a line each, for scripts; the last sums up."),
]

_KINDS: Final = {
    Kind.AGREES: "agree",
    Kind.DIFFERS: "differ",
    Kind.UNKNOWN_HERE: "unknown here",
    Kind.MISSING_THERE: "missing there",
    Kind.UNCLEAR: "unclear",
}
_CAME: Final = {
    Came.NOTHING: "",
    Came.SETTLED: " → the provider was asked, and it is settled",
    Came.ASKED_A_PERSON: " → it waits for a person: payments review list",
    Came.ASKED_BEFORE: " → a person was asked about it before",
    Came.IN_THE_INBOX: " → its notice waits in the inbox",
}


def reconcile(
    provider: str | None = None,
    *,
    from_: Annotated[str, Parameter(name="--from")],
    to: str | None = None,
    apply: Annotated[bool, Parameter(negative="")] = False,
    json: Json = False,
) -> int:
    """Compare what providers list with what is kept here; exit 1 if there is news. Changes nothing by itself.

    Parameters
    ----------
    provider
        Only this one. Default: all that have a list.
    from_
        The earliest transaction: 2026-11-28, or 2026-11-28T09:30 in UTC or with an offset.
    to
        The latest one. Default: now.
    apply
        Ask about each break, settle what the answer proves, and put the rest before a person. On SQLite only
        where no service is running.
    """
    settings = Settings.from_env()
    configure_logging(settings.logging, sys.stderr)
    count = _Count(json=json)

    async def reconciled() -> int:
        async with open_payments(settings, read_only=not apply) as payments:
            span = _span(payments, from_, to)
            for name in _named(payments, provider):
                async for compared in payments.reconcile(name, span, apply=apply):
                    count.take(compared)
        count.sum_up(apply=apply)
        return FOUND if count.news else 0

    try:
        return run(reconciled())
    except InvalidRequest as refusal:
        return refused(refusal)
    except StorageBusy as refusal:
        return said(f"{refusal.detail} Or leave out --apply, which only looks.", UNAVAILABLE)


@attrs.define(kw_only=True)
class _Count:
    """Prints each break as it is found and counts everything: nothing else is kept."""

    json: bool
    news: int = 0
    _kinds: Counter[Kind] = attrs.field(factory=Counter, init=False)
    _came: Counter[Came] = attrs.field(factory=Counter, init=False)

    def take(self, compared: Compared) -> None:
        self._kinds[compared.kind] += 1
        self._came[compared.came] += 1
        self.news += compared.is_news
        if compared.kind is Kind.AGREES:
            return
        if self.json:
            _say(msgspec.json.encode(attrs.asdict(compared)).decode())
            return
        kind, name = compared.kind.value.replace("_", " "), f" ({compared.name})" if compared.name else ""
        _say(
            f"{compared.provider}  {compared.reference}{name}  {kind}: {compared.what}{_CAME[compared.came]}"
        )

    def sum_up(self, *, apply: bool) -> None:
        counts = {kind.value: self._kinds[kind] for kind in Kind}
        came = {each.value: self._came[each] for each in Came if each is not Came.NOTHING}
        if self.json:
            _say(msgspec.json.encode({"compared": counts, "came": came, "applied": apply}).decode())
            return
        told = ", ".join(f"{self._kinds[kind]} {words}" for kind, words in _KINDS.items())
        settled, asked = self._came[Came.SETTLED], self._came[Came.ASKED_A_PERSON]
        done = f"{settled} settled, {asked} put before a person." if apply else "Nothing was changed."
        _say(f"Compared {self._kinds.total()}: {told}. {done}")


def _named(payments: Payments, provider: str | None) -> tuple[str, ...]:
    """The providers to compare with; those without a list are told of on standard error."""
    by_name = payments.providers.by_name
    if provider is not None:
        if provider not in by_name:
            known = ", ".join(sorted(name for name in by_name if by_name[name].ledger is not None))
            remedy = f"Use one of: {known}." if known else "No provider that is on has a list."
            raise UnsupportedProvider(
                f"{provider!r} is not a provider here.", errors=(FieldError("--provider", remedy),)
            )
        return (provider,)
    for name in sorted(name for name in by_name if by_name[name].ledger is None):
        said(f"{name} is left out. {by_name[name].no_ledger}", 0)
    return tuple(sorted(name for name in by_name if by_name[name].ledger is not None))


def _span(payments: Payments, from_: str, to: str | None) -> Span:
    now = payments.clock.now()
    since, until = _instant("--from", from_), min(_instant("--to", to), now) if to else now
    if since >= until:
        raise InvalidRequest(
            "There is no time between the two.",
            errors=(FieldError("--from", "Before --to, and before now."),),
        )
    return Span(since=since, until=until)


def _instant(name: str, text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
        utc = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        remedy = "Use 2026-11-28, or 2026-11-28T09:30 with or without an offset."
        raise InvalidRequest(f"{text!r} is no time.", errors=(FieldError(name, remedy),)) from None
    whole_day = name == "--to" and len(text) == len("2026-11-28")
    # No day follows the calendar's last one, and it is late enough.
    return utc + timedelta(days=1) if whole_day and utc.date() < date.max else utc


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
