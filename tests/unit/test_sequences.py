"""Sequences rise whatever the clock does, and above what a restored database has forgotten (ADR 0022)."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.application.sequences import misplaced, next_sequence, place_of

INSTANTS = st.datetimes(datetime(2024, 1, 1), datetime(2247, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 -- Hypothesis adds the zone


@given(st.lists(INSTANTS, min_size=1))
def test_sequences_rise_and_count_whatever_the_clock_says(instants: list[datetime]) -> None:
    told = [0]
    for now in instants:
        told.append(next_sequence(told[-1], now))

    assert told == sorted(set(told))
    assert [place_of(each) for each in told[1:]] == [n % 1024 for n in range(1, len(told))]
    assert not misplaced(tuple(told[1:]))


@given(st.lists(INSTANTS, min_size=2), st.data())
def test_what_is_told_after_a_restore_is_above_all_that_was_told_before(
    instants: list[datetime], data: st.DataObject
) -> None:
    instants.sort()
    told = [0]
    for now in instants:
        told.append(next_sequence(told[-1], now))
    kept_in_the_backup = data.draw(st.sampled_from(told))

    restored_at = instants[-1] + timedelta(seconds=1)

    assert next_sequence(kept_in_the_backup, restored_at) > told[-1]


@given(INSTANTS, st.integers(0, 2**20))
def test_a_sequence_of_a_former_version_which_only_counted_goes_on(now: datetime, counted: int) -> None:
    assert next_sequence(counted, now) > counted
    assert place_of(next_sequence(counted, now)) == place_of(counted + 1)
    assert next_sequence(counted, now) < 2**53


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_a_missing_message_shows(missing: int) -> None:
    now = datetime(2026, 11, 28, tzinfo=UTC)
    told = [next_sequence(0, now)]
    for minutes in (1, 1, 9):
        told.append(next_sequence(told[-1], now + timedelta(minutes=minutes)))

    assert not misplaced(tuple(told))
    assert misplaced((*told[:missing], *told[missing + 1 :]))
    assert misplaced(tuple(reversed(told)))
