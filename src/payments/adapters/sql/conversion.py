"""Identifiers, instants and money as columns, both ways. The same in both databases, and exact.

Every row that is read comes through here several times, so each of these is as cheap as it can be.
"""

import functools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar
from uuid import UUID

import msgspec

from payments.adapters.sql.runner import Row
from payments.application.ports.repository import UnreadableRecord
from payments.domain.errors import InvalidMoney
from payments.domain.money import Currency, Money

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

_UNREADABLE: Final = (
    OverflowError,
    ValueError,
    LookupError,
    TypeError,
    InvalidMoney,
    UnreadableRecord,
    msgspec.ValidationError,
)

T = TypeVar("T")


def read_as(record: str, key: str) -> Callable[[Callable[[Row], T]], Callable[[Row], T]]:
    """Have a mapping say which row it could not read: a ``record``, by its column ``key``."""

    def naming(mapping: Callable[[Row], T]) -> Callable[[Row], T]:
        @functools.wraps(mapping)
        def named(row: Row) -> T:
            try:
                return mapping(row)
            except _UNREADABLE as error:
                raise UnreadableRecord(record, str(row[key]), str(error)) from error

        return named

    return naming


_currency = functools.cache(Currency.of)
"""There are fewer than two hundred, and every row has at least one."""


def identifier(text: str) -> UUID:
    """An identifier as it was written by ``str``; in compiled code, a third of the cost of ``UUID(text)``."""
    return msgspec.convert(text, UUID)


def text_of(identifier: UUID) -> str:
    """As ``str`` writes it; in compiled code, two fifths of the cost."""
    written: str = msgspec.to_builtins(identifier)
    return written


def instant(at: datetime) -> int:
    """Whole microseconds since 1970 UTC; exact, as a datetime knows no less.

    Raises:
        TypeError: ``at`` has no time zone.
    """
    return (at - _EPOCH) // _MICROSECOND


def maybe_instant(at: datetime | None) -> int | None:
    return None if at is None else instant(at)


def at(microseconds: int) -> datetime:
    return _EPOCH + microseconds * _MICROSECOND


def maybe_at(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else at(microseconds)


def money(minor: int, code: str) -> Money:
    return _money(minor, code)


@functools.lru_cache(maxsize=1024, typed=True)
def _money(minor: int, code: str) -> Money:
    """Remembered: most sums of a page are nothing, or what many others are, too."""
    return Money(minor, _currency(code))


def maybe_money(minor: int | None, code: str | None) -> Money | None:
    return None if minor is None or code is None else money(minor, code)
