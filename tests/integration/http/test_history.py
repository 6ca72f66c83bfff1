import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.entrypoints.http import cursors
from tests.integration.http.door import Door

pytestmark = pytest.mark.anyio


async def some_payments(door: Door, count: int) -> list[str]:
    """Payment identifiers, newest first."""
    made = []
    for number in range(count):
        door.kit.order(f"order_{number}")
        made.append((await door.initiated(f"order_{number}"))["payment_id"])
        # Pairs share an instant, so that only the identifier can tell them apart.
        door.kit.clock.advance(timedelta(minutes=number % 2))
    return made[::-1]


async def page(door: Door, **query: Any) -> dict[str, Any]:
    response = await door.client.get("/payments/", params=query)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


async def test_pages_show_every_payment_once_newest_first(door: Door) -> None:
    made = await some_payments(door, 7)
    seen, cursor = [], None
    while True:
        found = await page(door, limit=3, **({"cursor": cursor} if cursor else {}))
        seen += [line["payment_id"] for line in found["data"]]
        cursor = found["next_cursor"]
        assert found["has_more"] is (cursor is not None)
        if cursor is None:
            break
    assert seen == made


async def test_a_payment_made_in_between_shifts_no_page(door: Door) -> None:
    made = await some_payments(door, 4)
    first = await page(door, limit=2)
    door.kit.clock.advance(timedelta(minutes=1))
    door.kit.order("order_late")
    await door.initiated("order_late")
    second = await page(door, limit=2, cursor=first["next_cursor"])
    assert [line["payment_id"] for line in first["data"] + second["data"]] == made


async def test_a_line_is_a_payment_without_its_attempts_and_refunds(door: Door) -> None:
    checkout = await door.initiated()
    line = (await page(door))["data"][0]
    whole = (await door.client.get(f"/payments/{checkout['payment_id']}/")).json()
    assert line == {name: value for name, value in whole.items() if name not in {"attempts", "refunds"}}
    assert line["amount"] == "1000.00"
    assert line["amount_received"] == line["amount_refunded"] == "0.00"
    assert line["checkout_url"] == checkout["checkout_url"]


async def test_filters_narrow_the_list(door: Door) -> None:
    made = await some_payments(door, 3)
    whole = await page(door)
    instants = [line["created_at"] for line in whole["data"]]
    assert [line["payment_id"] for line in (await page(door, order_id="order_1"))["data"]] == [made[1]]
    assert len((await page(door, status="processing"))["data"]) == 3
    assert (await page(door, status="success"))["data"] == []
    assert len((await page(door, provider="scripted"))["data"]) == 3
    assert (await page(door, provider="chapa"))["data"] == []
    assert [line["payment_id"] for line in (await page(door, created_after=instants[1]))["data"]] == made[:1]
    assert [line["payment_id"] for line in (await page(door, created_before=instants[0]))["data"]] == made[1:]
    in_addis = instants[0].replace("T09:", "T12:").replace("Z", "+03:00")
    assert [line["payment_id"] for line in (await page(door, created_before=in_addis))["data"]] == made[1:]


async def test_the_list_answers_without_its_trailing_slash(door: Door) -> None:
    assert (await door.client.get("/payments")).json() == await page(door)


@given(
    instant=st.datetimes(datetime(1970, 1, 1), datetime(6535, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 -- the strategy adds the zone
    name=st.uuids(),
)
def test_a_cursor_is_read_as_it_was_written(instant: Any, name: Any) -> None:
    written = cursors.written((instant, name))
    assert re.fullmatch(cursors.PATTERN, written)
    assert cursors.read(written) == (instant, name)


@given(cursor=st.from_regex(cursors.PATTERN, fullmatch=True))
def test_everything_of_the_declared_form_is_a_cursor(cursor: str) -> None:
    assert cursors.written(cursors.read(cursor)) == cursor


@given(text=st.text(max_size=50) | st.binary(max_size=40).map(lambda raw: raw.decode("latin-1")))
def test_nothing_else_is_a_cursor(text: str) -> None:
    with pytest.raises(ValueError, match="not a cursor"):
        cursors.read(text)
