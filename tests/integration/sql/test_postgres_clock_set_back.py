"""What PostgreSQL's processes share when its server's clock was ahead, and is set right."""

import pytest

from payments.adapters.sql.postgres import open_postgres_database
from payments.adapters.sql.shared_state import SqlSharedState
from tests.postgres import execute

pytestmark = pytest.mark.anyio

MOST = 3
SET_BACK = """
    UPDATE coalesced SET told_at = told_at + 3600000000;
    UPDATE spent SET used = ARRAY(
        SELECT at + 3600000000 FROM unnest(used) WITH ORDINALITY AS each (at, place) ORDER BY place)"""


async def test_what_was_told_by_a_clock_that_was_ahead_does_not_keep_the_next_from_being_told(
    postgres_url: str,
) -> None:
    async with open_postgres_database(postgres_url) as database:
        shared = SqlSharedState(database.reads)
        assert await shared.first_within("ask:p-1", 60.0)
        execute(postgres_url, SET_BACK)
        assert await shared.first_within("ask:p-1", 60.0)
        assert not await shared.first_within("ask:p-1", 60.0)


async def test_a_budget_spent_by_a_clock_that_was_ahead_is_there_again_and_once(postgres_url: str) -> None:
    async with open_postgres_database(postgres_url) as database:
        shared = SqlSharedState(database.reads)

        async def spent() -> list[bool]:
            return [await shared.spend("query", most=MOST, window_s=60.0) == 0.0 for _ in range(MOST + 1)]

        within = [*[True] * MOST, False]
        assert await spent() == within
        execute(postgres_url, SET_BACK)
        assert await spent() == within
        assert 55.0 < await shared.spend("query", most=MOST, window_s=60.0) <= 60.0
