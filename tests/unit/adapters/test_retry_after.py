"""What a server asks us to wait."""

from datetime import UTC, datetime

import pytest

from payments.adapters.retry_after import retry_after_s

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 7 ", 7.0),
        ("999999999", 86_400.0),
        ("Fri, 02 Jan 2026 03:05:05 GMT", 60.0),
        ("Fri, 02 Jan 2026 03:05:05 -0000", 60.0),
        ("Fri, 02 Jan 2026 03:00:00 GMT", 0.0),
        ("", None),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("٣", None),
        ("9999999999999", None),
        ("Fri, 99 Jan 2026 03:00:00 GMT", None),
        ("Fri, 02 Jan 99999999999 03:00:00 GMT", None),
    ],
)
def test_seconds_and_dates_are_read_and_nonsense_is_ignored(value: str, expected: float | None) -> None:
    assert retry_after_s(value, NOW) == expected
