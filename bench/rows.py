"""Payments of ours in bulk: decided by the domain, recorded as the use-cases do, and written as rows.

Nothing is made up behind the domain's back, so ``payments check`` finds every one of them whole. What is left
out is only what costs time: the HTTP calls, and a transaction each.
"""

import asyncio
import base64
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid5

import asyncpg
import attrs

from bench.load import PAYER
from payments.adapters.sql import mapping, record_mapping
from payments.adapters.sql.conversion import instant
from payments.application.recording import record
from payments.application.records import MessageState, StoredChange
from payments.domain.attempt import Attempt
from payments.domain.evidence import Answer, Channel, Evidence, Mode, Outcome
from payments.domain.finding import Finding
from payments.domain.money import Money
from payments.domain.payment import Customer, Payment, claim, opened
from payments.domain.settlement import settle
from payments.domain.watching import next_check

_SPACE: Final = UUID("01900000-0000-7000-8000-000000000000")
_TABLES: Final = ("payments", "attempts", "captures", "evidence", "messages", "audit")
"""In the order in which foreign keys let them be written."""
_OWED: Final = Money.of("1000.00", "ETB")
_WHO: Final = Customer(email="sara@shop.et", first_name="Sara", last_name="Tesfaye")
_WITHOUT_MAIL: Final = attrs.evolve(_WHO, email=None)
"""Who is told nothing when a webhook is measured: the peers send no mails either."""
_PAYABLE_FOR: Final = timedelta(hours=24)
_WATCHED_FOR: Final = timedelta(hours=72)
_BATCH: Final = 2000

Rows = dict[str, list[dict[str, Any]]]


@attrs.frozen(kw_only=True)
class Shape:
    """What a payment is like: who owes it, and how far it went."""

    payer: str = PAYER
    customer: Customer = _WHO
    at: datetime
    """When all of it happened."""
    paid: bool = False
    told: bool = True
    """Whether its messages were delivered."""
    next_check_at: datetime | None = None
    """When the sweep asks about one that waits; by its schedule if None."""


def reference_of(number: int) -> str:
    """The reference of the payment with this number."""
    named = uuid5(_SPACE, f"reference {number}").bytes
    return f"p-{base64.b32encode(named).decode().rstrip('=').lower()}"


def payment_id_of(number: int, at: datetime) -> UUID:
    """The id of the payment with this number, begun ``at``."""
    return _like_ours(f"payment {number}", at)


def _like_ours(name: str, at: datetime) -> UUID:
    """An identifier as the service makes them, version 7: what was made at the same time lies side by side.

    Source: RFC 9562, section 5.7.
    """
    milliseconds = int(at.timestamp() * 1000)
    named = uuid5(_SPACE, name).int & ((1 << 80) - 1) & ~(0xF << 76)
    return UUID(int=milliseconds << 80 | 7 << 76 | named)


def rows_of(number: int, shape: Shape) -> Rows:
    """All rows of one payment, by table."""
    steps = [*_waiting(number, shape)]
    if shape.paid:
        steps.append(_paid(steps[-1].after, shape.at))
    after = steps[-1].after
    if shape.next_check_at is not None:
        (attempt,) = after.attempts
        after = after.with_attempt(attrs.evolve(attempt, next_check_at=shape.next_check_at))
    delivered = {
        "state": MessageState.DELIVERED.value,
        "next_try_at": None,
        "delivered_at": instant(shape.at),
    }
    told = {**delivered, "tries": 1} if shape.told else {}
    return {
        "payments": [mapping.payment_values(after)],
        "attempts": [
            mapping.attempt_values(after.payment_id, place, each) for place, each in enumerate(after.attempts)
        ],
        "captures": [
            mapping.capture_values(after.payment_id, place, each) for place, each in enumerate(after.captures)
        ],
        "evidence": [record_mapping.evidence_values(step.evidence) for step in steps if step.evidence],
        "messages": [
            {**record_mapping.message_values(message), **told} for step in steps for message in step.messages
        ],
        "audit": [record_mapping.audit_values(step.audit) for step in steps if step.audit],
    }


def _waiting(number: int, shape: Shape) -> Iterator[StoredChange]:
    """Claimed, and opened by the provider."""
    now, reference = shape.at, reference_of(number)
    new = Payment(
        payment_id=payment_id_of(number, now),
        order_id=f"order-{number}",
        payer=shape.payer,
        amount=_OWED,
        order_version="1",
        customer=shape.customer,
        created_at=now,
        updated_at=now,
    )
    attempt = Attempt(
        reference=reference,
        provider="chapa",
        mode=Mode.TEST,
        amount=_OWED,
        order_version="1",
        claimed_at=now,
        payable_until=now + _PAYABLE_FOR,
        watch_until=now + _WATCHED_FOR,
        next_check_at=None,
    )
    attempt = attrs.evolve(attempt, next_check_at=next_check(attempt, now))
    claimed = record(
        new,
        claim(new, attempt, customer=shape.customer, now=now),
        actor=f"payer:{shape.payer}",
        cause="initiate",
        now=now,
    )
    yield claimed
    change = opened(
        claimed.after,
        reference,
        checkout_url=f"https://checkout.example/checkout/payment/{reference}",
        provider_reference=None,
        payable_until=now + _PAYABLE_FOR,
        now=now,
    )
    yield record(claimed.after, change, actor="provider:chapa", cause="initiate", now=now)


def _paid(before: Payment, now: datetime) -> StoredChange:
    """Settled by what Chapa answers about it."""
    (attempt,) = before.attempts
    answer = Answer(
        outcome=Outcome.PAID,
        word="success",
        reference=attempt.reference,
        amount=_OWED,
        mode=Mode.TEST,
        provider_reference=f"AP{attempt.reference[2:22]}",
        capture_key=f"AP{attempt.reference[2:22]}",
    )
    evidence_id = _like_ours(f"evidence {attempt.reference}", now)
    finding = Finding(evidence_id=evidence_id, reference=attempt.reference, answer=answer, now=now)
    settlement = settle(before, finding)
    evidence = Evidence(
        evidence_id=evidence_id,
        payment_id=before.payment_id,
        reference=attempt.reference,
        channel=Channel.STATUS_CHECK,
        cause="webhook",
        answer=answer,
        rule=settlement.rule,
        observed_at=now,
    )
    return record(
        before, settlement.change, actor="provider:chapa", cause="webhook", now=now, evidence=evidence
    )


def together(numbered: Iterator[tuple[int, Shape]]) -> Iterator[Rows]:
    """The rows of many payments, in portions."""
    portion: Rows = {table: [] for table in _TABLES}
    for count, (number, shape) in enumerate(numbered, 1):
        for table, rows in rows_of(number, shape).items():
            portion[table] += rows
        if count % _BATCH == 0:
            yield portion
            portion = {table: [] for table in _TABLES}
    yield portion


def write(portion: Rows, *databases: str) -> None:
    """Write it to each: by COPY to a PostgreSQL URL, or in one transaction to an SQLite file nobody uses."""
    for database in databases:
        if database.startswith("postgresql:"):
            asyncio.run(_copy(database, portion))
            continue
        with closing(sqlite3.connect(database)) as connection, connection:
            for table in _TABLES:
                _insert(connection, table, portion[table])


async def _copy(url: str, portion: Rows) -> None:
    connection = await asyncpg.connect(url)
    try:
        # Only while this fills: what is measured later commits as it always does.
        await connection.execute("SET synchronous_commit = off")
        async with connection.transaction():
            for table in _TABLES:
                if rows := portion[table]:
                    records = [tuple(row.values()) for row in rows]
                    await connection.copy_records_to_table(table, records=records, columns=list(rows[0]))
    finally:
        await connection.close()


def _insert(connection: sqlite3.Connection, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        columns = ", ".join(rows[0])
        places = ", ".join("?" * len(rows[0]))
        connection.executemany(
            f"INSERT INTO {table} ({columns}) VALUES ({places})",
            [tuple(row.values()) for row in rows],
        )


def waiting(count: int, *, now: datetime | None = None, first: int = 0) -> Iterator[tuple[int, Shape]]:
    """Payments of :data:`PAYER` that wait for their payer, and which no schedule asks about for a day.

    They are a millisecond apart, as a history is; the newest is an hour old.
    """
    began = (now or datetime.now(UTC)) - timedelta(hours=1)
    for number in range(first, first + count):
        at = began - timedelta(milliseconds=count + first - number)
        yield number, Shape(at=at, customer=_WITHOUT_MAIL, next_check_at=at + timedelta(hours=20))


def untold(count: int) -> Iterator[tuple[int, Shape]]:
    """Paid payments whose messages to the orders service and to the payer have not been delivered yet."""
    at = datetime.now(UTC) - timedelta(hours=1)
    for number in range(count):
        yield number, Shape(at=at + timedelta(milliseconds=number), paid=True, told=False)


def shop(first: int, until: int) -> Iterator[tuple[int, Shape]]:
    """Paid payments a second apart, told and done with, each tenth of :data:`PAYER`."""
    for number in range(first, until):
        payer = PAYER if number % 10 == 0 else f"user-{2 + number % 5000}"
        yield number, Shape(payer=payer, at=shop_at(number), paid=True)


def shop_at(number: int) -> datetime:
    """When a payment of :func:`shop` happened."""
    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number)


def due(count: int, *, first: int = 0) -> Iterator[tuple[int, Shape]]:
    """Payments that wait, and which the sweep is to ask about now."""
    at = datetime.now(UTC) - timedelta(hours=1)
    for number in range(first, first + count):
        yield number, Shape(at=at + timedelta(milliseconds=number - first), next_check_at=at)
