"""Columns give back exactly what was put into them, whatever makes reading them cheap."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from payments.adapters.sql.conversion import at, identifier, instant, money, read_as
from payments.application.ports.repository import UnreadableRecord
from payments.domain.errors import InvalidMoney
from payments.domain.money import MAX_MINOR, Currency, Money


@given(moment=st.datetimes(timezones=st.just(UTC)))
@example(moment=datetime(1, 1, 1, tzinfo=UTC))
@example(moment=datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC))
@example(moment=datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC))
def test_an_instant_comes_back_to_the_microsecond(moment: datetime) -> None:
    assert at(instant(moment)) == moment
    assert at(instant(moment)).utcoffset() == timedelta(0)


@given(name=st.uuids())
def test_an_identifier_comes_back_as_the_very_kind_it_was(name: UUID) -> None:
    back = identifier(str(name))
    assert back == name
    assert (type(back), hash(back), str(back)) == (UUID, hash(name), str(name))


@given(minor=st.integers(-MAX_MINOR, MAX_MINOR), code=st.sampled_from(["ETB", "KES", "UGX", "BHD"]))
def test_money_comes_back_whole(minor: int, code: str) -> None:
    assert money(minor, code) == money(minor, code) == Money(minor, Currency.of(code))


def test_money_that_is_remembered_lets_nothing_pass_for_it() -> None:
    assert money(1, "ETB").minor == 1
    for no_number in (True, 1.0):
        with pytest.raises(InvalidMoney):
            money(no_number, "ETB")  # type: ignore[arg-type]  # what a column must never hold


def test_an_instant_that_no_calendar_has_is_a_row_that_somebody_edited() -> None:
    mapping = read_as("payment", "payment_id")(lambda row: at(row["created_at"]))
    for edited in (2**62, -(2**62), 10**18):
        with pytest.raises(UnreadableRecord, match="payment 'one' cannot be read back"):
            mapping({"payment_id": "one", "created_at": edited})
