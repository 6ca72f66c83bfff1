"""Changes of a payment as one statement of PostgreSQL: whole or not at all, whoever hears the answer."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice, product
from typing import Any, ClassVar

import attrs
import pytest
from sqlalchemy import Executable

from payments.adapters.sql import statements
from payments.adapters.sql.compiled import Statements
from payments.adapters.sql.merged import MOST_SHAPES, MergedStatements
from payments.adapters.sql.postgres import open_postgres, open_postgres_database, units_of_work
from payments.adapters.sql.postgres_pool import DIALECT, PooledConnection
from payments.adapters.sql.runner import Outdated, Runner, Write
from payments.adapters.sql.saving import writes_of
from payments.application.ports.repository import Transaction
from payments.application.records import StoredChange
from payments.domain.evidence import Mode
from payments.domain.payment import Payment
from payments.domain.transitions import Disposition
from payments.testing.contracts.stored import (
    EXPIRED,
    FAILED,
    OPEN,
    SUCCEEDED,
    a_capture,
    a_message,
    a_payment,
    a_refund,
    a_review,
    after_s,
    an_attempt,
    an_entry,
    keep,
    some_evidence,
)

pytestmark = pytest.mark.anyio

OPENED = a_payment(version=1, attempts=(an_attempt(),))
PAID = attrs.evolve(
    OPENED, attempts=(an_attempt(status=SUCCEEDED),), captures=(a_capture(),), refunds=(a_refund(),)
)


def shape(change: StoredChange) -> bool:
    """Whether the change is written as one statement."""
    return MergedStatements(Statements(DIALECT)).of(writes_of(change, fresh=False)) is not None


def changed(before: Payment, **changes: Any) -> StoredChange:
    rest = {key: changes.pop(key) for key in ("messages", "reviews", "decided") if key in changes}
    return StoredChange(before=before, after=attrs.evolve(before, version=2, **changes), **rest)


@pytest.mark.parametrize(
    ("change", "one"),
    [
        # What every day brings.
        (changed(a_payment(), attempts=(an_attempt(),)), True),
        (changed(OPENED, attempts=(an_attempt(status=OPEN),)), True),
        (changed(OPENED, attempts=(an_attempt(status=SUCCEEDED),), captures=(a_capture(),)), True),
        (changed(OPENED, messages=(a_message(1), a_message(2))), True),
        (changed(OPENED, reviews=(a_review(),)), True),
        (changed(OPENED, decided=(a_review(),)), True),
        (changed(PAID, refunds=(*PAID.refunds, a_refund(2))), True),
        # attempts_live: one ends, another one is live; or two change.
        (changed(OPENED, attempts=(an_attempt(status=EXPIRED), an_attempt(2))), False),
        (
            changed(
                attrs.evolve(OPENED, attempts=(an_attempt(status=FAILED), an_attempt(2))),
                attempts=(an_attempt(status=SUCCEEDED), an_attempt(2, status=EXPIRED)),
            ),
            False,
        ),
        # captures_settling: held money settles, and other money comes.
        (
            changed(
                PAID,
                captures=(
                    attrs.evolve(PAID.captures[0], disposition=Disposition.SURPLUS),
                    a_capture(2, reference=an_attempt().reference),
                ),
            ),
            False,
        ),
        (changed(PAID, refunds=(a_refund(detail="changed"), a_refund(2))), False),
        # reviews_open: a question is decided, and asked again; or two are asked that may be one.
        (changed(OPENED, reviews=(a_review(2),), decided=(a_review(),)), False),
        (changed(OPENED, reviews=(a_review(1), a_review(2))), False),
    ],
)
def test_rows_that_one_index_compares_are_written_in_order(change: StoredChange, one: bool) -> None:  # noqa: FBT001 -- a column of the table above
    assert shape(change) is one


def test_there_are_only_so_many_merged_statements() -> None:
    texts = MergedStatements(Statements(DIALECT))
    many = [
        [
            Write(statements.SAVE_PAYMENT, {}),
            *[Write(statements.ADD_EVIDENCE, {})] * evidence,
            *[Write(statements.ADD_MESSAGE, {})] * messages,
            *[Write(statements.ADD_REVIEW, {})] * reviews,
        ]
        for evidence, messages, reviews in islice(product(range(5), repeat=3), MOST_SHAPES + 1)
    ]
    assert all(texts.of(writes) for writes in many[:-1])
    assert texts.of(many[-1]) is None
    assert texts.of(many[0]) is texts.of(many[0])
    offered = [value for value in vars(statements).values() if isinstance(value, Executable)]
    # As it stands in a transaction, and for several who ask at the same time.
    assert 2 * len(offered) + MOST_SHAPES < 400, "each stays prepared on every connection"


class Overheard(PooledConnection):
    """Notes the first word of every text it sends, but for that which each connection begins with."""

    __slots__ = ()
    texts: ClassVar[list[str]]

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.add_query_logger(self._note)

    def _note(self, query: Any) -> None:
        if "set_config" not in query.query:
            self.texts.append(query.query.split()[0])


async def claim(transaction: Transaction) -> Payment:
    """Claim the first order, as whoever read that it has no payment; or recognise one's own claim."""
    before = await transaction.open_payment(a_payment(), fresh=True)
    if before.attempts:
        return before
    after = attrs.evolve(before, version=1, attempts=(an_attempt(),))
    await transaction.save(StoredChange(before=before, after=after, audit=an_entry()))
    return after


async def test_each_change_of_what_is_known_is_one_round_trip(postgres_url: str) -> None:
    Overheard.texts = []
    async with open_postgres_database(postgres_url, connection=Overheard) as database:
        units = units_of_work(database)
        await units.reads.payment_of_order("order_1")
        Overheard.texts.clear()
        known = await units.write(claim)
        assert Overheard.texts == ["WITH"]

        async def settle(transaction: Transaction) -> None:
            before = await transaction.lock_payment(known.payment_id, known=known)
            assert before is known
            held = await transaction.attempt_holding("chapa", Mode.TEST, "AP1", "C1", proven_by_save=True)
            assert held is None
            paid = an_attempt(status=SUCCEEDED, next_check_at=None, provider_reference="C1")
            after = attrs.evolve(before, version=2, attempts=(paid,), captures=(a_capture(),))
            await transaction.save(
                StoredChange(
                    before=before,
                    after=after,
                    evidence=some_evidence(),
                    messages=(a_message(1), a_message(2)),
                    audit=an_entry(2),
                )
            )

        Overheard.texts.clear()
        await units.write(settle)
        assert Overheard.texts == ["WITH"]


async def test_a_change_that_meets_another_is_undone_whole(postgres_url: str) -> None:
    """The payment's version is right, and an attempt was asked about meanwhile: the server undoes it all."""
    async with open_postgres_database(postgres_url) as database:
        units = units_of_work(database)
        known = await keep(units, OPENED)
        after = attrs.evolve(known, version=2, told=1, attempts=(an_attempt(status=OPEN),))
        stale = attrs.evolve(known, attempts=(an_attempt(checks=7),))
        writes = writes_of(StoredChange(before=stale, after=after, audit=an_entry()), fresh=False)

        async def work(runner: Runner, *, later: bool) -> None:
            await runner.write(writes, later=later)

        for later in (True, False):
            with pytest.raises(Outdated):
                await database.transact(lambda runner, later=later: work(runner, later=later))  # type: ignore[misc]  # later is bound at once
        assert await units.reads.payment(known.payment_id) == known
        assert await units.reads.audit_of(known.payment_id) == ()


async def test_a_change_waits_for_whoever_postpones_its_attempt(postgres_url: str) -> None:
    """The sweep leases an attempt without a lock on its payment; what waits for it is not lost."""
    async with open_postgres(postgres_url) as units:
        known = await keep(units, OPENED)
        leased, settled = asyncio.Event(), asyncio.Event()

        async def lease(transaction: Transaction) -> tuple[str, ...]:
            taken = await transaction.lease_attempts(after_s(1), until=after_s(60), limit=10)
            leased.set()
            await asyncio.sleep(0.1)
            assert not settled.is_set()
            return taken

        async def learn(transaction: Transaction) -> Payment:
            before = await transaction.lock_payment(known.payment_id, known=known) or known
            after = before.with_attempt(attrs.evolve(before.attempts[0], checks=1, last_word="pending"))
            await transaction.save(StoredChange(before=before, after=after))
            return after

        leasing = asyncio.create_task(units.write(lease))
        await leased.wait()
        after = await units.write(learn)
        settled.set()
        assert await leasing == (known.attempts[0].reference,)
        assert await units.reads.payment(known.payment_id) == after


async def test_only_the_lock_is_waited_for_and_then_the_present_payment_is_changed(
    postgres_url: str,
) -> None:
    async with open_postgres(postgres_url) as units:
        known = await keep(units, OPENED)
        locked, seen = asyncio.Event(), []

        async def first(transaction: Transaction) -> None:
            before = await transaction.lock_payment(known.payment_id) or known
            locked.set()
            await asyncio.sleep(0.1)
            await transaction.save(StoredChange(before=before, after=attrs.evolve(before, version=2, told=5)))

        async def second(transaction: Transaction) -> int:
            before = await transaction.lock_payment(known.payment_id, known=known) or known
            seen.append(before.told)
            after = attrs.evolve(before, version=before.version + 1, told=before.told + 1)
            await transaction.save(StoredChange(before=before, after=after))
            return after.told

        going = asyncio.create_task(units.write(first))
        await locked.wait()
        assert await units.write(second) == 6
        await going
        assert seen == [0, 5]


class Doubtful(PooledConnection):
    """Its connection is lost at the first merged statement: after the server ran it, or before."""

    __slots__ = ()
    kept: ClassVar[bool]
    failures: ClassVar[int]

    async def fetch(self, query: str, *arguments: Any, **options: Any) -> Any:
        if not query.startswith("WITH") or Doubtful.failures == 0:
            return await super().fetch(query, *arguments, **options)
        Doubtful.failures -= 1
        if self.kept:
            await super().fetch(query, *arguments, **options)
        self.terminate()
        raise ConnectionResetError("the network went away")


@pytest.mark.parametrize("kept", [True, False])
async def test_a_change_nobody_confirmed_runs_again_and_recognises_itself(
    postgres_url: str,
    kept: bool,  # noqa: FBT001 -- a column of the table above
) -> None:
    Doubtful.kept, Doubtful.failures = kept, 1
    seen: list[Payment] = []

    async def work(transaction: Transaction) -> Payment:
        seen.append(await claim(transaction))
        return seen[-1]

    async with open_postgres_database(postgres_url, connection=Doubtful) as database:
        units = units_of_work(database)
        after = await units.write(work)
        assert [len(payment.attempts) for payment in seen] == [1, 1]
        assert await units.reads.payment_of_order("order_1") == after
        assert await units.reads.audit_of(after.payment_id) == (an_entry(),)


class Silent(PooledConnection):
    """Never hears the answer to a merged statement."""

    __slots__ = ()
    ended: ClassVar[list[str]]
    asked: ClassVar[asyncio.Event]

    async def fetch(self, query: str, *arguments: Any, **options: Any) -> Any:
        if not query.startswith("WITH"):
            return await super().fetch(query, *arguments, **options)
        Silent.asked.set()
        try:
            return await asyncio.Event().wait()
        except asyncio.CancelledError:
            Silent.ended.append("broken off")
            raise

    def terminate(self) -> None:
        Silent.ended.append("hung up")
        super().terminate()


@contextmanager
def silence() -> Iterator[list[str]]:
    Silent.ended, Silent.asked = [], asyncio.Event()
    yield Silent.ended


async def test_a_caller_who_goes_away_hangs_up_on_a_change_and_breaks_nothing_off(postgres_url: str) -> None:
    with silence() as ended:
        async with open_postgres_database(postgres_url, connection=Silent) as database:
            going = asyncio.create_task(units_of_work(database).write(claim))
            await Silent.asked.wait()
            going.cancel()
            with pytest.raises(asyncio.CancelledError):
                await going
            assert ended == ["hung up"]


async def test_what_the_server_refuses_for_good_is_a_defect_and_not_tried_again(postgres_url: str) -> None:
    async with open_postgres(postgres_url) as units:
        runs: list[int] = []

        async def work(transaction: Transaction) -> None:
            runs.append(1)
            before = await transaction.open_payment(a_payment(), fresh=True)
            broken = some_evidence(reference="p-nobody")
            after = attrs.evolve(before, version=1, attempts=(an_attempt(),))
            await transaction.save(StoredChange(before=before, after=after, evidence=broken))

        with pytest.raises(Exception, match="foreign key"):
            await units.write(work)
        assert len(runs) == 1
        assert await units.reads.payment_of_order("order_1") is None


async def test_a_unique_index_that_refuses_a_change_has_it_run_again_under_the_lock(
    postgres_url: str,
) -> None:
    async with open_postgres(postgres_url) as units:
        await keep(units, OPENED)
        known = await keep(units, a_payment(2))
        trusted: list[bool] = []

        async def work(transaction: Transaction) -> None:
            before = await transaction.lock_payment(known.payment_id, known=known) or known
            trusted.append(before is known)
            if before is not known:
                return
            taken = attrs.evolve(before, version=2, attempts=(an_attempt(),))
            await transaction.save(StoredChange(before=before, after=taken))

        await units.write(work)
        assert trusted == [True, False]
        assert await units.reads.payment(known.payment_id) == known
