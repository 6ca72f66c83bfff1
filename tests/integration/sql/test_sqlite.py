"""SQLite as one process uses it: safe settings, one fair writer, and errors that leave nothing half done."""

import asyncio
import errno
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar, Final
from uuid import uuid4

import attrs
import pytest
from structlog.testing import capture_logs

from payments.adapters.sql.lock_file import only_writer, writer_of
from payments.adapters.sql.repository import SqlTransaction
from payments.adapters.sql.runner import Runner, TryAgain
from payments.adapters.sql.sqlite import SqliteDatabase, open_sqlite, open_sqlite_database
from payments.adapters.sql.sqlite_connection import READING, WRITING, assert_pragmas
from payments.adapters.sql.sqlite_turns import MOST_TOGETHER
from payments.adapters.sql.unit_of_work import TIMES, SqlUnitOfWork
from payments.application.ports.repository import Transaction
from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.records import Notice, StoredChange
from payments.domain.errors import (
    CollectionConflict,
    ConfigurationInvalid,
    StaleVersion,
    StorageBusy,
    StorageUnavailable,
)
from payments.testing.contracts.stored import NOW, a_message, a_notice, a_payment, an_attempt, keep

pytestmark = pytest.mark.anyio

DUE: Final = NOW + timedelta(days=1)


@contextmanager
def another_program(database: Path) -> Iterator[sqlite3.Connection]:
    """A connection that knows nothing of our lock file and holds SQLite's write lock."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield connection


async def opened(units: UnitOfWork, number: int) -> None:
    await units.write(lambda transaction: transaction.open_payment(a_payment(number)))


async def added(units: UnitOfWork, notice: Notice) -> None:
    await units.write(lambda transaction: transaction.add_notice(notice))


async def stored(units: UnitOfWork) -> int:
    return len(await units.reads.payments_after(None, 1000))


async def test_undoing_what_one_of_many_wrote_takes_no_file_beside_the_database(database: Path) -> None:
    before = _open_files()
    async with open_sqlite_database(database) as sqlite:
        writer = sqlite._writer
        assert writer is not None
        writer.execute("CREATE TABLE filled (number INTEGER PRIMARY KEY, filling TEXT)")
        rows = [(number, "x" * 3000) for number in range(200)]
        writer.executemany("INSERT INTO filled VALUES (?, ?)", rows)
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("SAVEPOINT unit")
        writer.execute("UPDATE filled SET filling = 'y'")
        opened = {path for path in _open_files() - before if not path.startswith(str(database))}
        writer.execute("ROLLBACK TO unit")
        writer.execute("COMMIT")
        assert not opened
        assert writer.execute("SELECT count(*) FROM filled WHERE filling = 'y'").fetchone()[0] == 0


def _open_files() -> set[str]:
    paths = set()
    for each in Path("/proc/self/fd").iterdir():
        # What listed them is closed by now.
        with suppress(FileNotFoundError):
            paths.add(str(each.readlink()))
    return paths


async def test_every_setting_holds_on_the_connections(database: Path) -> None:
    async with open_sqlite_database(database) as sqlite:
        writer, reader = sqlite._writer, sqlite._reads._connection
        assert writer is not None
        for connection, pragmas in ((writer, WRITING), (reader, READING)):
            found = {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in pragmas}
            assert found == dict(pragmas)
        assert reader.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        # Written out: the settings are compared with what a power cut demands, not with themselves.
        owed = {"journal_mode": "wal", "synchronous": 2, "fullfsync": 1, "foreign_keys": 1}
        assert {name: writer.execute(f"PRAGMA {name}").fetchone()[0] for name in owed} == owed
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reader.execute("CREATE TABLE x (y)")


def test_a_setting_that_does_not_hold_is_said(database: Path) -> None:
    with (
        closing(sqlite3.connect(database)) as connection,
        pytest.raises(StorageUnavailable, match="keeps foreign_keys at 0; payments are only safe with 1"),
    ):
        assert_pragmas(connection, {"foreign_keys": 1})


@pytest.mark.parametrize("path", ["", ":memory:", "file::memory:?cache=shared"])
async def test_a_database_in_memory_alone_is_refused(path: str) -> None:
    with pytest.raises(ConfigurationInvalid, match="SQLite needs a file"):
        async with open_sqlite(path):
            pass


@pytest.mark.parametrize("read_only", [True, False])
async def test_a_database_that_is_not_there_is_not_made(tmp_path: Path, read_only: bool) -> None:  # noqa: FBT001 - a column of the table above
    path = tmp_path / "payments.db"
    with pytest.raises(StorageUnavailable, match=r"does not exist: run `payments migrate` first"):
        async with open_sqlite(str(path), read_only=read_only):
            pass
    assert not path.exists()


async def test_a_file_that_is_no_database_is_said_to_be_none(tmp_path: Path) -> None:
    path = tmp_path / "payments.db"
    path.write_bytes(b"certainly no database of ours" * 1000)
    with pytest.raises(StorageUnavailable, match="not a database"):
        async with open_sqlite(str(path)):
            pass


async def test_a_second_writer_is_refused_until_the_first_has_gone(database: Path) -> None:
    async with open_sqlite(str(database)) as first:
        with pytest.raises(StorageBusy, match=r"payments\.db; SQLite takes exactly one.*PostgreSQL"):
            async with open_sqlite(str(database)):
                pass
        await opened(first, 1)
    async with open_sqlite(str(database)) as second:
        assert await stored(second) == 1


async def test_a_second_writer_is_refused_that_knows_the_database_by_a_link(database: Path) -> None:
    link = database.with_name("current.db")
    link.symlink_to(database)
    for first, second in ((database, link), (link, database)):
        async with open_sqlite(str(first)):
            with pytest.raises(StorageBusy, match="takes exactly one"):
                async with open_sqlite(str(second)):
                    pass


async def test_a_file_system_without_locks_is_said_to_have_none(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_descriptor: int, _how: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    with only_writer(database):
        pass
    monkeypatch.setattr("fcntl.flock", refused)
    with pytest.raises(StorageUnavailable, match=r"No locks available.*network file system"):
        async with open_sqlite(str(database)):
            pass
    with pytest.raises(StorageUnavailable, match="No locks available"):
        writer_of(database)


async def test_a_reader_beside_the_writer_sees_what_is_committed_and_writes_nothing(database: Path) -> None:
    async with open_sqlite(str(database)) as writer, open_sqlite(str(database), read_only=True) as reader:
        for number in (1, 2):
            await opened(writer, number)
            assert await stored(reader) == number
        with pytest.raises(StorageUnavailable, match="for reading only"):
            await opened(reader, 3)
    async with open_sqlite(str(database), read_only=True) as alone:
        assert await stored(alone) == 2


async def test_writers_take_turns_in_the_order_they_asked(database: Path) -> None:
    turns: list[int] = []
    writers, times = 32, 6

    async with open_sqlite(str(database)) as units:

        async def write_often(writer: int) -> None:
            for time in range(times):

                async def work(transaction: Transaction) -> None:
                    await transaction.add_notice(a_notice(writer * 100 + time))  # noqa: B023 - awaited at once
                    turns.append(writer)

                await units.write(work)

        async with asyncio.timeout(60):
            await asyncio.gather(*(write_often(writer) for writer in range(writers)))
    assert len(turns) == writers * times
    for writer in range(writers):
        places = [place for place, who in enumerate(turns) if who == writer]
        waits = [later - earlier for earlier, later in pairwise(places)]
        # Who commits for the others is the first to ask again.
        assert max(waits) <= writers + 1, "nobody has two turns while another waits"


async def test_whoever_waits_too_long_for_a_turn_is_told(database: Path) -> None:
    async with open_sqlite_database(database, wait_s=0.05) as sqlite:
        units = SqlUnitOfWork(sqlite)
        inside, leave = asyncio.Event(), asyncio.Event()

        async def slow(transaction: Transaction) -> None:
            await transaction.open_payment(a_payment(1))
            inside.set()
            await leave.wait()

        first = asyncio.create_task(units.write(slow))
        await inside.wait()
        with pytest.raises(StorageUnavailable, match="Other writers kept the database busy"):
            await opened(units, 2)
        leave.set()
        await first
        await opened(units, 3)
        assert await stored(units) == 2


async def test_what_is_done_before_the_first_statement_holds_up_nobody(database: Path) -> None:
    async with open_sqlite_database(database, wait_s=0.05) as sqlite:
        units = SqlUnitOfWork(sqlite)
        inside, decided = asyncio.Event(), asyncio.Event()

        async def slow(transaction: Transaction) -> None:
            inside.set()
            await decided.wait()
            await transaction.open_payment(a_payment(1))

        first = asyncio.create_task(units.write(slow))
        await inside.wait()
        await opened(units, 2)
        assert await stored(units) == 1
        decided.set()
        await first
        assert await stored(units) == 2


async def test_what_runs_no_statement_needs_no_turn(database: Path) -> None:
    async def known(_transaction: Transaction) -> int:
        return 7

    async def wrong(_transaction: Transaction) -> None:
        raise CollectionConflict

    async with open_sqlite_database(database, wait_s=0.05) as sqlite:
        units = SqlUnitOfWork(sqlite)
        with another_program(database):
            assert await units.write(known) == 7
            with pytest.raises(CollectionConflict):
                await units.write(wrong)
        await opened(units, 1)


async def test_whoever_ignores_that_it_had_no_turn_is_told_in_the_end(database: Path) -> None:
    async def work(transaction: Transaction) -> None:
        with suppress(StorageUnavailable):
            await transaction.open_payment(a_payment(1))
        with suppress(StorageUnavailable):
            await transaction.open_payment(a_payment(2))

    async with open_sqlite_database(database, wait_s=0.05) as sqlite:
        units = SqlUnitOfWork(sqlite)
        with another_program(database), pytest.raises(StorageUnavailable, match="transaction has ended"):
            await units.write(work)
        await opened(units, 3)
        assert await stored(units) == 1


async def test_whoever_goes_away_before_the_first_statement_leaves_nothing_open(database: Path) -> None:
    async with open_sqlite(str(database)) as units:
        inside = asyncio.Event()

        async def slow(_transaction: Transaction) -> None:
            inside.set()
            await asyncio.Event().wait()

        first = asyncio.create_task(units.write(slow))
        await inside.wait()
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        await opened(units, 1)
        assert await stored(units) == 1


async def test_another_programs_lock_is_waited_for_without_holding_up_the_event_loop(database: Path) -> None:
    async with open_sqlite(str(database)) as units:
        with another_program(database) as other:
            writing = asyncio.create_task(opened(units, 1))
            for _ in range(20):
                await asyncio.sleep(0.005)
            assert not writing.done()
            assert await stored(units) == 0
            other.execute("ROLLBACK")
            await writing
        assert await stored(units) == 1


async def test_another_programs_lock_is_not_waited_for_forever(database: Path) -> None:
    async with open_sqlite_database(database, wait_s=0.05) as sqlite:
        units = SqlUnitOfWork(sqlite)
        with another_program(database), pytest.raises(StorageUnavailable, match="locked"):
            await opened(units, 1)
        await opened(units, 1)


async def test_a_full_disk_rolls_back_and_is_recovered_from(database: Path) -> None:
    async with open_sqlite_database(database) as sqlite:
        units = SqlUnitOfWork(sqlite)
        assert sqlite._writer is not None
        await opened(units, 1)
        (pages,) = sqlite._writer.execute("PRAGMA page_count").fetchone()
        sqlite._writer.execute(f"PRAGMA max_page_count = {pages + 2}").fetchall()
        told = 0

        async def fill() -> None:
            nonlocal told
            for number in range(1, 50):
                notice = a_notice(number, sealed=bytes(3000))
                await added(units, notice)
                told += 1

        with pytest.raises(StorageUnavailable, match="full"):
            await fill()
        assert 0 < told < 49
        assert len(await units.reads.notices_about(a_notice(1).reference or "")) == told
        sqlite._writer.execute("PRAGMA max_page_count = 100000").fetchall()
        await added(units, a_notice(99))


async def test_an_error_that_work_ignores_still_ends_its_transaction(database: Path) -> None:
    async with open_sqlite(str(database)) as units:
        before = await keep(units, a_payment(1, attempts=(an_attempt(1),)))

        async def work(transaction: Transaction) -> None:
            await transaction.add_notice(a_notice(1))
            two_live = attrs.evolve(before, version=2, attempts=(an_attempt(1), an_attempt(2)))
            with suppress(StaleVersion):
                await transaction.save(StoredChange(before=before, after=two_live))

        with pytest.raises(StorageUnavailable, match="transaction has ended"):
            await units.write(work)
        assert await units.reads.payment(before.payment_id) == before
        assert await units.reads.notices_about(an_attempt(1).reference) == ()


class Slow(sqlite3.Connection):
    """Its commits wait until they are let go."""

    arrived: ClassVar[threading.Event]
    let_go: ClassVar[threading.Event]

    def execute(self, sql: str, *arguments: Any) -> sqlite3.Cursor:
        if sql == "COMMIT":
            self.arrived.set()
            self.let_go.wait(30)
        return super().execute(sql, *arguments)


async def test_a_commit_that_was_cancelled_ends_before_the_next_writer_begins(database: Path) -> None:
    Slow.arrived, Slow.let_go = threading.Event(), threading.Event()
    async with open_sqlite_database(database, connection=Slow) as sqlite:
        units = SqlUnitOfWork(sqlite)
        first = asyncio.create_task(opened(units, 1))
        await asyncio.to_thread(Slow.arrived.wait, 30)
        second = asyncio.create_task(opened(units, 2))
        for _ in range(3):
            first.cancel()
            await asyncio.sleep(0)
        assert await stored(units) == 0, "reading goes on while a commit waits for the disk"
        assert not first.done()
        assert not second.done()
        Slow.let_go.set()
        with pytest.raises(asyncio.CancelledError):
            await first
        await second
        assert await stored(units) == 2


class Counted(sqlite3.Connection):
    """How often the disk was waited for."""

    commits: ClassVar[int]

    def execute(self, sql: str, *arguments: Any) -> sqlite3.Cursor:
        Counted.commits += sql == "COMMIT"
        return super().execute(sql, *arguments)


async def test_those_who_ask_while_the_disk_is_waited_for_are_committed_together(database: Path) -> None:
    Counted.commits = 0
    async with open_sqlite_database(database, connection=Counted) as sqlite:
        units = SqlUnitOfWork(sqlite)
        first = asyncio.create_task(opened(units, 1))
        async with asyncio.timeout(30):
            while not Counted.commits:  # noqa: ASYNC110 -- a count tells nobody that it grew
                await asyncio.sleep(0)
        await asyncio.gather(first, *(opened(units, number) for number in range(2, 21)))
        assert await stored(units) == 20
        assert Counted.commits == 2


async def test_those_who_ask_soon_after_each_other_are_committed_together(database: Path) -> None:
    Counted.commits = 0
    async with open_sqlite_database(database, connection=Counted) as sqlite:
        units = SqlUnitOfWork(sqlite)

        async def opened_later(number: int) -> None:
            await asyncio.sleep(0)
            await opened(units, number)

        await asyncio.gather(opened(units, 1), *(opened_later(number) for number in range(2, 21)))
        assert await stored(units) == 20
        assert Counted.commits == 1


async def test_not_more_are_committed_together_than_may_be(database: Path) -> None:
    Counted.commits = 0
    async with open_sqlite_database(database, connection=Counted) as sqlite:
        units = SqlUnitOfWork(sqlite)
        await asyncio.gather(*(opened(units, number) for number in range(1, 2 * MOST_TOGETHER + 2)))
        assert await stored(units) == 2 * MOST_TOGETHER + 1
        assert Counted.commits == 3


@pytest.mark.parametrize("place", [0, 1, 4], ids=["first", "among_them", "last"])
async def test_what_fails_among_others_is_undone_alone(database: Path, place: int) -> None:
    async def fails(transaction: Transaction) -> None:
        await transaction.add_notice(a_notice(1))
        raise OSError("in the middle of it")

    async with open_sqlite(str(database)) as units:
        works = [opened(units, number) for number in range(1, 5)]
        works.insert(place, units.write(fails))
        ends = await asyncio.gather(*works, return_exceptions=True)
        assert [type(end) for end in ends if isinstance(end, BaseException)] == [OSError]
        assert isinstance(ends[place], OSError)
        assert await stored(units) == 4
        assert await units.reads.notices_about(a_notice(1).reference or "") == ()


@pytest.mark.parametrize("kept", [True, False])
async def test_a_commit_in_doubt_is_in_doubt_for_all_who_are_in_it(
    database: Path,
    kept: bool,  # noqa: FBT001 - a column of the table above
) -> None:
    Doubtful.kept, Doubtful.failures = kept, 0
    runs: list[int] = []

    async with open_sqlite_database(database, connection=Doubtful) as sqlite:
        units = SqlUnitOfWork(sqlite)

        async def add(number: int) -> bool:
            async def work(transaction: Transaction) -> bool:
                Doubtful.failures += not runs
                runs.append(number)
                return await transaction.add_notice(a_notice(number))

            return await units.write(work)

        # The first finds nobody to wait with; the others wait with each other.
        _, *added_now = await asyncio.gather(opened(units, 1), *map(add, (1, 2, 3)))
        assert sorted(runs) == [1, 1, 2, 2, 3, 3]
        assert added_now == [not kept] * 3


async def test_whoever_was_left_the_commit_and_goes_away_commits_first(database: Path) -> None:
    async with open_sqlite(str(database)) as units:
        waiting: list[asyncio.Task[None]] = []

        async def ends_the_wait(transaction: Transaction) -> None:
            await transaction.open_payment(a_payment(1))
            waiting.append(asyncio.create_task(opened(units, 2)))
            await asyncio.sleep(0)
            waiting[0].cancel()

        async with asyncio.timeout(10):
            await units.write(ends_the_wait)
            with pytest.raises(asyncio.CancelledError):
                await waiting[0]
        assert await stored(units) == 1
        await opened(units, 3)


@pytest.mark.parametrize("victim", range(4))
async def test_whoever_is_cut_off_at_whichever_moment_takes_nobodys_turn_along(
    database: Path, victim: int
) -> None:
    last_number = 0
    async with open_sqlite_database(database) as sqlite, asyncio.timeout(20):
        units = SqlUnitOfWork(sqlite)
        for moment in range(25):
            first, last_number = last_number + 1, last_number + 4
            works = [asyncio.create_task(opened(units, n)) for n in range(first, last_number + 1)]
            for _ in range(moment):
                await asyncio.sleep(0)
            cut_off = works[victim].cancel()
            ends = await asyncio.gather(*works, return_exceptions=True)
            assert isinstance(ends.pop(victim), asyncio.CancelledError) is cut_off
            assert ends == [None] * 3
            # Whoever is cut off during the commit is stored, and told that it was cut off.
            assert await stored(units) in {4 - cut_off, 4}
            assert sqlite._writer is not None
            assert not sqlite._writer.in_transaction
            sqlite._writer.execute("DELETE FROM payments")


async def test_an_error_over_rows_of_another_is_not_told_when_those_are_lost(database: Path) -> None:
    Doubtful.kept, Doubtful.failures = False, 0

    async def first(runner: Runner) -> None:
        await SqlTransaction(runner).open_payment(a_payment(1))

    async def adds(runner: Runner) -> None:
        Doubtful.failures = 1
        assert await SqlTransaction(runner).add_notice(a_notice(1))

    async def refuses(runner: Runner) -> None:
        assert not await SqlTransaction(runner).add_notice(a_notice(1))
        raise CollectionConflict

    async with open_sqlite_database(database, connection=Doubtful) as sqlite:
        await sqlite.transact(first)
        # These are committed together.
        ends = await asyncio.gather(*map(sqlite.transact, (adds, refuses)), return_exceptions=True)
        assert [type(end) for end in ends] == [TryAgain, TryAgain]
        with pytest.raises(AssertionError):
            await sqlite.transact(refuses)


async def test_a_cancellation_is_not_lost_behind_the_commit_for_others(database: Path) -> None:
    Slow.arrived, Slow.let_go = threading.Event(), threading.Event()
    Slow.let_go.set()
    async with open_sqlite_database(database, connection=Slow) as sqlite:
        units = SqlUnitOfWork(sqlite)

        async def fails(transaction: Transaction) -> None:
            await transaction.add_notice(a_notice(1))
            Slow.arrived.clear()
            Slow.let_go.clear()
            begun.set()
            raise OSError("in the middle of it")

        begun = asyncio.Event()
        works = [asyncio.create_task(opened(units, number)) for number in (1, 2)]
        failing = asyncio.create_task(units.write(fails))
        await begun.wait()
        await asyncio.to_thread(Slow.arrived.wait, 30)
        failing.cancel()
        await asyncio.sleep(0)
        assert not failing.done()
        Slow.let_go.set()
        with pytest.raises(asyncio.CancelledError):
            await failing
        await asyncio.gather(*works)
        assert await stored(units) == 2


async def test_those_who_fail_put_off_no_commit_for_ever(database: Path) -> None:
    async with open_sqlite(str(database)) as units:
        ended = asyncio.Event()

        async def fails(_transaction: Transaction) -> None:
            raise OSError("in the middle of it")

        async def go_on_failing() -> None:
            while not ended.is_set():
                await asyncio.sleep(0)
                with suppress(OSError):
                    await units.write(fails)

        others = [asyncio.create_task(go_on_failing()) for _ in range(3)]
        async with asyncio.timeout(10):
            for number in range(1, 6):
                await opened(units, number)
        ended.set()
        await asyncio.gather(*others)
        assert await stored(units) == 5


async def test_a_database_that_is_closed_under_a_commit_leaves_nobody_waiting(database: Path) -> None:
    async with open_sqlite_database(database) as sqlite, asyncio.timeout(10):
        units = SqlUnitOfWork(sqlite)
        works = [asyncio.create_task(opened(units, number)) for number in (1, 2, 3)]
        await asyncio.sleep(0)
        assert sqlite._turns is not None
        sqlite._turns._disk.shutdown()
        ends = await asyncio.gather(*works, return_exceptions=True)
        assert any(isinstance(end, RuntimeError) for end in ends)


class Doubtful(sqlite3.Connection):
    """The disk fails at a commit: after it was kept, or before."""

    kept: ClassVar[bool]
    failures: ClassVar[int]

    def execute(self, sql: str, *arguments: Any) -> sqlite3.Cursor:
        if sql != "COMMIT" or Doubtful.failures == 0:
            return super().execute(sql, *arguments)
        Doubtful.failures -= 1
        if self.kept:
            super().execute(sql)
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
        raise error


@pytest.mark.parametrize("kept", [True, False])
async def test_work_whose_commit_was_in_doubt_runs_again_and_recognises_itself(
    database: Path,
    kept: bool,  # noqa: FBT001 - a column of the table above
) -> None:
    Doubtful.kept, Doubtful.failures = kept, 1
    seen: list[bool] = []

    async def work(transaction: Transaction) -> bool:
        seen.append(await transaction.add_notice(a_notice(1)))
        return seen[-1]

    async with open_sqlite_database(database, connection=Doubtful) as sqlite:
        units = SqlUnitOfWork(sqlite)
        await units.write(work)
        assert seen == [True, not kept]
        assert await units.reads.notices_about(a_notice(1).reference or "") == (a_notice(1),)


async def test_a_disk_that_never_confirms_is_an_outage_after_a_few_tries(database: Path) -> None:
    Doubtful.kept, Doubtful.failures = False, 100
    async with open_sqlite_database(database, connection=Doubtful) as sqlite:
        units = SqlUnitOfWork(sqlite)
        with pytest.raises(StorageUnavailable, match="did not confirm: disk I/O error"):
            await opened(units, 1)
        assert Doubtful.failures == 100 - TIMES
        Doubtful.failures = 0
        await opened(units, 1)
        assert await stored(units) == 1


async def test_a_transaction_that_has_ended_writes_nothing_more(database: Path) -> None:
    async with open_sqlite(str(database)) as units:
        kept: list[Transaction] = []

        async def work(transaction: Transaction) -> None:
            kept.append(transaction)

        await units.write(work)
        with pytest.raises(StorageUnavailable, match="transaction has ended"):
            await kept[0].open_payment(a_payment(1))
        assert await stored(units) == 0


async def test_reading_does_not_hold_back_the_log(database: Path) -> None:
    async with open_sqlite_database(database) as sqlite:
        units = SqlUnitOfWork(sqlite)
        for number in range(1, 40):
            await opened(units, number)
            await units.reads.payment(a_payment(1).payment_id)
        assert isinstance(sqlite, SqliteDatabase)
        assert sqlite._writer is not None
        busy, pages, moved = sqlite._writer.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        assert (busy, pages) == (0, moved)


async def test_a_row_that_somebody_edited_keeps_no_other_from_its_turn(database: Path) -> None:
    async with open_sqlite(str(database)) as units:
        for number in (1, 2, 3):
            await added(units, a_notice(number))
    with closing(sqlite3.connect(database)) as connection, connection:
        edited = str(a_notice(2).notice_id)
        connection.execute("UPDATE notices SET notice_id = 'edited' WHERE notice_id = ?", (edited,))
    async with open_sqlite(str(database)) as units:
        with capture_logs() as told:
            taken = await units.single.lease_notices(DUE, until=DUE, token=uuid4(), limit=50)
    assert {notice.notice_id for notice in taken} == {a_notice(1).notice_id, a_notice(3).notice_id}
    (line,) = told
    assert line["event"] == "record_unreadable"
    assert "'edited'" in line["detail"]


async def test_an_instant_that_somebody_wrote_out_keeps_no_other_from_its_turn(database: Path) -> None:
    async with open_sqlite(str(database)) as units:
        await keep(units, a_payment(), messages=tuple(a_message(number) for number in (1, 2, 3)))
        for number in (1, 2, 3):
            await added(units, a_notice(number))
    with closing(sqlite3.connect(database)) as connection, connection:
        notice, message = str(a_notice(2).notice_id), str(a_message(2).message_id)
        connection.execute("UPDATE notices SET received_at = 'today' WHERE notice_id = ?", (notice,))
        connection.execute("UPDATE messages SET created_at = 'today' WHERE message_id = ?", (message,))
    async with open_sqlite(str(database)) as units:
        notices = await units.single.lease_notices(DUE, until=DUE, token=uuid4(), limit=50)
        messages = await units.single.lease_messages(DUE, until=DUE, token=uuid4(), limit=50)
    assert [notice.notice_id for notice in notices] == [a_notice(n).notice_id for n in (1, 3)]
    assert [message.message_id for message in messages] == [a_message(n).message_id for n in (1, 3)]


async def test_what_waits_is_counted_though_somebody_wrote_out_since_when(database: Path) -> None:
    async with open_sqlite(str(database)) as units:
        await added(units, a_notice(1))
        with closing(sqlite3.connect(database)) as connection, connection:
            connection.execute("UPDATE notices SET received_at = 'today'")
        backlog = await units.reads.backlog(DUE)
    assert (backlog.notices, backlog.oldest_notice_age_s) == (1, 0.0)
