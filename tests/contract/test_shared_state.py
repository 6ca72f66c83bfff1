"""The shared-state contract in memory and over PostgreSQL, and a broken one it must catch."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import attrs
import pytest
from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import aggregate_order_by

from payments.adapters.memory.shared_state import MOST_KEYS, MemorySharedState
from payments.adapters.sql.postgres import PostgresDatabase, open_postgres_database
from payments.adapters.sql.runner import Runner
from payments.adapters.sql.shared_state import CLEAR_EVERY, LONGEST_WINDOW_S, SqlSharedState
from payments.adapters.sql.tables import COALESCED, REMEMBERED, SPENT
from payments.application.ports.clock import Clock
from payments.application.ports.shared_state import SharedState
from payments.testing.contracts.promises import BrokenPromise
from payments.testing.contracts.shared_state import SharedStateContract, SharedStateStage

pytestmark = pytest.mark.anyio


@attrs.define
class HandClock(Clock):
    """A clock moved by hand."""

    elapsed_s: float = 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.elapsed_s, UTC)

    def monotonic(self) -> float:
        return self.elapsed_s

    async def sleep(self, seconds: float) -> None:
        self.elapsed_s += seconds


@attrs.frozen
class Stage(SharedStateStage):
    shared_state: SharedState
    clock: HandClock

    async def pass_time(self, seconds: float) -> None:
        self.clock.elapsed_s += seconds


class TestMemorySharedState(SharedStateContract):
    @asynccontextmanager
    async def stage(self) -> AsyncIterator[SharedStateStage]:
        clock = HandClock()
        yield Stage(MemorySharedState(clock), clock)


@attrs.frozen
class PostgresStage(SharedStateStage):
    """Nobody moves the database's clock, so what was told is moved into the past."""

    shared_state: SharedState
    database: PostgresDatabase

    async def pass_time(self, seconds: float) -> None:
        span = round(seconds * 1_000_000)
        used = func.unnest(SPENT.c.used).column_valued("used")
        shifted = select(func.array_agg(aggregate_order_by(used - span, used.desc()))).scalar_subquery()

        async def put_into_the_past(runner: Runner) -> None:
            await runner.run(update(COALESCED).values(told_at=COALESCED.c.told_at - span), {})
            await runner.run(update(SPENT).values(used=shifted), {})
            await runner.run(update(REMEMBERED).values(ends_at=REMEMBERED.c.ends_at - span), {})

        await self.database.transact(put_into_the_past)


class TestSqlSharedState(SharedStateContract):
    @pytest.fixture(autouse=True)
    def _fresh(self, postgres_url: str) -> None:
        self.url = postgres_url

    @asynccontextmanager
    async def stage(self) -> AsyncIterator[SharedStateStage]:
        async with open_postgres_database(self.url) as database:
            yield PostgresStage(SqlSharedState(database.reads), database)

    async def test_of_many_with_pools_of_their_own_exactly_one_is_first(self) -> None:
        async with (
            open_postgres_database(self.url) as one,
            open_postgres_database(self.url) as other,
        ):
            states = [SqlSharedState(one.reads), SqlSharedState(other.reads)]
            for key in map(str, range(10)):
                told = await asyncio.gather(*(states[n % 2].first_within(key, 5.0) for n in range(40)))
                assert sum(told) == 1

    async def test_what_is_long_past_is_cleared_away(self) -> None:
        async with self.stage() as stage:
            assert isinstance(stage, PostgresStage)
            for number in range(CLEAR_EVERY):
                await stage.shared_state.first_within(f"p-{number}", 5.0)
            await stage.pass_time(LONGEST_WINDOW_S)
            await stage.shared_state.first_within("p-new", 5.0)
            rows = await stage.database.reads.fetch(select(COALESCED.c.key), {})
            assert [row["key"] for row in rows] == ["p-new"]

    async def test_what_has_ended_is_cleared_away(self) -> None:
        async with self.stage() as stage:
            assert isinstance(stage, PostgresStage)
            for number in range(CLEAR_EVERY):
                await stage.shared_state.remember(f"visit-{number}", b"1", lifetime_s=60.0)
            await stage.pass_time(61.0)
            await stage.shared_state.remember("visit-new", b"1", lifetime_s=60.0)
            rows = await stage.database.reads.fetch(select(REMEMBERED.c.key), {})
            assert [row["key"] for row in rows] == ["visit-new"]

    async def test_a_window_is_never_longer_than_what_is_kept(self) -> None:
        async with self.stage() as stage:
            with pytest.raises(ValueError, match="at most 86400 s"):
                await stage.shared_state.first_within("p-1", LONGEST_WINDOW_S + 1)


async def test_it_remembers_a_bounded_number_of_keys() -> None:
    state = MemorySharedState(HandClock())
    for number in range(3 * MOST_KEYS):
        await state.first_within(f"p-{number}", 5.0)
    assert len(state._told_at_s) == MOST_KEYS
    assert not await state.first_within(f"p-{3 * MOST_KEYS - 1}", 5.0)


@attrs.define
class AbsentMinded(SharedState):
    """Broken on purpose: it looks, waits, and then writes."""

    told: set[str] = attrs.field(factory=set)
    uses: int = 0
    kept: dict[str, bytes] = attrs.field(factory=dict)

    async def first_within(self, key: str, window_s: float) -> bool:
        first = key not in self.told
        await asyncio.sleep(0)
        self.told.add(key)
        return first

    async def spend(self, key: str, *, most: int, window_s: float) -> float:
        before = self.uses
        await asyncio.sleep(0)
        self.uses = before + 1
        return 0.0 if before < most else window_s

    async def remember(self, key: str, value: bytes, *, lifetime_s: float) -> None:
        self.kept.setdefault(key, value)

    async def recall(self, key: str) -> bytes | None:
        return self.kept.get(key)


class OverAbsentMinded(SharedStateContract):
    @asynccontextmanager
    async def stage(self) -> AsyncIterator[SharedStateStage]:
        yield Stage(AbsentMinded(), HandClock())


async def test_the_contract_catches_a_gap_between_looking_and_writing() -> None:
    with pytest.raises(BrokenPromise, match="exactly one of 50 at once is first, not 50"):
        await OverAbsentMinded().test_of_many_at_once_exactly_one_is_first()


async def test_the_contract_catches_a_budget_that_is_overdrawn() -> None:
    with pytest.raises(BrokenPromise, match="exactly 5 of 40 at once are taken, not 40"):
        await OverAbsentMinded().test_of_many_at_once_no_more_than_the_budget_is_spent()


async def test_the_contract_catches_a_value_that_is_never_renewed() -> None:
    with pytest.raises(BrokenPromise, match=r"the newest value is recalled; found b'.x00old'"):
        await OverAbsentMinded().test_what_is_remembered_is_recalled_until_its_lifetime_is_over()
