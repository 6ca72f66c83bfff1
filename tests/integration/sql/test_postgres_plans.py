"""Every statement is answered from an index, by the plans PostgreSQL makes over many payments.

100,000 of them by ``make races``; 5,000 where nobody gives it time.
"""

import json
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from typing import Any

import asyncpg
import pytest
from sqlalchemy import BigInteger, Boolean, Insert, Integer, LargeBinary, Update
from sqlalchemy.sql import ClauseElement

from payments.adapters.sql import migrate, shared_state, statements
from payments.adapters.sql.compiled import Compiled, Statements, compiled
from payments.adapters.sql.many_at_once import ManyAtOnceStatements
from payments.adapters.sql.merged import ASKED, MergedStatements
from payments.adapters.sql.postgres_convoys import marked, marked_writes
from payments.adapters.sql.postgres_pool import DIALECT, SESSION
from payments.adapters.sql.runner import Write
from payments.adapters.sql.tables import METADATA
from tests.integration.sql.many_rows import START, fill
from tests.integration.sql.test_statements import STATEMENTS, public_statements
from tests.postgres import Databases, in_own_loop

FEW = 2_000

pytestmark = [pytest.mark.anyio, pytest.mark.races]

ALL = {**STATEMENTS, **public_statements(shared_state)}

HOT = {
    "PAYMENT": "pk_payments",
    "PAYMENT_OF_ORDER": "payments_order",
    "PAYMENT_WITH_REFERENCE": "pk_attempts",
    "PAYMENT_WITH_CALLBACK_TOKEN": "(attempts|refunds)_callback_token",
    "PAYMENT_WITH_REFUND_REFERENCE": "refunds_reference",
    "PAYMENT_WITH_PAGE_TOKEN": "attempts_page_token",
    "PAYMENTS_FROM": "pk_payments",
    "PAYMENTS_AFTER": "pk_payments",
    "EVIDENCE_WALKED": "evidence_payment",
    "MESSAGES_WALKED": "messages_payment",
    "REVIEWS_WALKED": "reviews_payment",
    "AUDIT_WALKED": "pk_audit",
    "COLLECTIONS_WALKED": "collections_payment",
    "LOCK_PAYMENT": "pk_payments",
    "LOCK_ORDER": "payments_order",
    "SAVE_PAYMENT": "pk_payments",
    "SAVE_ATTEMPT": "pk_attempts",
    "VERDICT_OF": "pk_evidence",
    "ATTEMPT_HOLDING": "captures_key",
    "ATTEMPT_WITH_MONEY": "captures_key",
    "ATTEMPT_WITH_RECEIPT": "captures_(receipt|key)",
    "FOUND_PENDING": "payments_status",
    "FOUND_FAILED": "payments_status",
    "HISTORY": "payments_payer",
    "HISTORY_WITH_STATUS": "payments_payer(_status)?",
    "HISTORY_WITH_PROVIDER": "payments_payer(_provider)?",
    "HISTORY_WITH_BOTH": r"payments_payer\w*",
    "HISTORY_OF_ORDER": "payments_order",
    "NOTICES_ABOUT": "notices_reference",
    "NEWEST_NOTICES": "notices_reference",
    "UNKNOWN_BEYOND": "notices_unknown",
    "ADD_KNOWN_NOTICE": "pk_attempts",
    "REVIEW_TRAIL": "pk_review_audit",
    "REVIEWS_ALONE_FROM": "reviews_alone",
    "REVIEWS_ALONE_AFTER": "reviews_alone",
    "REVIEW_TRAILS_FROM": "pk_review_audit",
    "REVIEW_TRAILS_AFTER": "pk_review_audit",
    "LEASE_NOTICES": "notices_due",
    "LEASE_MESSAGES": "messages_due",
    "LEASE_ATTEMPTS": "attempts_due",
    "LEASE_REFUNDS": "refunds_due",
    "REVIEW": "pk_reviews",
    "LOCK_REVIEW": "pk_reviews",
    "REVIEWS_IN_STATE": "reviews_state",
    "REVIEWS_OF_KIND": "reviews_(state|kind)",
    "DECIDE_REVIEW": "pk_reviews",
    "FINISH_NOTICE": "pk_notices",
    "FINISH_MESSAGE": "pk_messages",
    "ANSWER": "pk_answers",
    "ANSWERS_TO_FORGET": "answers_expiry",
    "FORGET_ANSWER": "pk_answers",
    "BODIES_TO_ERASE": "notices_bodies",
    "PAYERS_TO_ERASE": "payments_people",
    "PHONES_TO_ERASE": "attempts_phones",
    "MAILS_TO_ERASE": "messages_mails",
    "ERASE_BODY": "pk_notices",
    "ERASE_PAYER": "pk_payments",
    "ERASE_PHONES": "attempts_payment",
    "ERASE_MAILS": "messages_payment",
    "COLLECTION": "pk_collections",
    "COLLECTIONS_OF": "collections_payment",
    "ATTACH_COLLECTION": "pk_collections",
    "CASH_HELD": "collections_held",
    "CASH_HELD_BY": "collections_held",
    "CASH_HELD_SUMS": "collections_held",
    "CASH_HELD_SUMS_BY": "collections_held",
    "HAND_OVER": "pk_collections|collections_held",
    "COLLECTIONS_OF_HANDOVER": "collections_handover",
    "BACKLOG": "notices_due",
    "FORGET": "coalesced_told_at",
}


MANY_AT_ONCE = (
    *("FINISH_NOTICE", "FINISH_MESSAGE", "FORGET_ANSWER"),
    *("ERASE_BODY", "ERASE_PAYER", "ERASE_PHONES", "ERASE_MAILS"),
)


@pytest.fixture(scope="module")
def filled(postgres: Databases, long_run: bool) -> Iterator[str]:  # noqa: FBT001 -- a fixture by name
    with postgres.empty() as url:
        migrate.upgrade(url)

        async def prepare() -> None:
            connection = await asyncpg.connect(url)
            await fill(connection, 100_000 if long_run else 5_000)
            await connection.close()

        in_own_loop(prepare())
        yield url


@pytest.fixture
async def connection(filled: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(filled)
    try:
        yield connection
    finally:
        await connection.close()


def samples() -> dict[str, Any]:
    """A likely value for each parameter there is, by its name."""
    kinds: dict[type, Any] = {BigInteger: START, Boolean: False, Integer: 1, LargeBinary: b"", object: "x"}
    of_columns = {
        column.name: next(value for kind, value in kinds.items() if isinstance(column.type, kind))
        for table in METADATA.tables.values()
        for column in table.columns
    }
    number = 77
    payment_id = f"{number:08x}-0000-7000-8000-000000000001"
    reference = "p-28dd2c7955ce926456240b2ff0100bde"
    return {
        **of_columns,
        "payment_id": payment_id,
        "this_payment": payment_id,
        "first_payment": payment_id,
        "last_payment": f"{number + 20:08x}-0000-7000-8000-000000000001",
        "order_id": f"order_{number}",
        "name": f"order_{number}",
        "payer": f"user_{number}",
        "user": f"user_{number}",
        "status": "success",
        "review_state": "resolved",
        "kind": "amount_mismatch",
        "provider": "chapa",
        "mode": "live",
        "reference": reference,
        "key": "AP77",
        "provider_reference": "AP77",
        "now": START + 10**14,
        "after": START - 1,
        "before": START + 10**14,
        "before_id": "g",
        "limit": 20,
        "sooner": START,
        "until": START + 10**14,
        "token_hash": "x",
        "this_digest": "x",
        "window": 10**6,
        "lifetime": 10**6,
        "most": 5,
        "version_before": 3,
        "checks_before": 0,
        **dict.fromkeys(("this_reference",), reference),
        **dict.fromkeys(
            ("this_user", "this_operation", "this_key", "this_holder", "this_collection", "token"), "x"
        ),
        **{f"this_{row}": payment_id for row in ("notice", "message", "capture", "refund", "review")},
    }


SAMPLES = samples()
TEXTS = Statements(DIALECT)


def merged(*written: Insert | Update) -> tuple[Write, ...]:
    return tuple(Write(statement, SAMPLES) for statement in written)


MERGED = {
    "a first claim": merged(statements.OPEN_PAYMENT, statements.ADD_ATTEMPT, statements.ADD_AUDIT),
    "a checkout": merged(statements.SAVE_PAYMENT, statements.SAVE_ATTEMPT, statements.ADD_AUDIT),
    "settled": merged(
        statements.SAVE_PAYMENT,
        statements.SAVE_ATTEMPT,
        statements.ADD_CAPTURE,
        statements.ADD_EVIDENCE,
        statements.ADD_MESSAGE,
        statements.ADD_MESSAGE,
        statements.ADD_AUDIT,
    ),
    "nothing new": merged(statements.SAVE_PAYMENT, statements.SAVE_ATTEMPT),
}


async def planned(
    connection: asyncpg.Connection, text: str, arguments: Sequence[Any], *, generic: bool
) -> dict[str, Any]:
    """The plan for any values, as a prepared statement has it here, or for these."""
    if generic:
        await connection.execute(f"SET plan_cache_mode = force_generic_plan; PREPARE told AS {text}")
        nothing = ", ".join("NULL" for _ in arguments)
        answer = await connection.fetchval(
            f"EXPLAIN (FORMAT JSON) EXECUTE told{f'({nothing})' if nothing else ''}"
        )
    else:
        answer = await connection.fetchval(f"EXPLAIN (FORMAT JSON) {text}", *arguments)
    plan: dict[str, Any] = json.loads(answer)[0]["Plan"]
    return plan


def likely(statement: Compiled) -> tuple[Any, ...]:
    """Values for it. One word is in two tables, of two types."""
    return statement.arguments({**SAMPLES, "status": 200} if " answers" in statement.text else SAMPLES)


def for_several(statement: ClauseElement) -> Iterator[ClauseElement]:
    """``statement`` as it is sent for several who ask at the same time."""
    for form in (marked, marked_writes):
        with suppress(TypeError):
            yield form(statement)


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


async def read_whole(connection: asyncpg.Connection, plan: dict[str, Any]) -> list[str]:
    """The tables that ``plan`` reads from end to end; not those of a few pages, for which that is right."""
    rows = dict(await connection.fetch("SELECT relname, reltuples FROM pg_class"))
    scanned = [node["Relation Name"] for node in nodes(plan) if node["Node Type"] == "Seq Scan"]
    return [table for table in scanned if rows[table] >= FEW]


@pytest.mark.parametrize("generic", [True, False], ids=["any values", "these values"])
@pytest.mark.parametrize("name", ALL)
async def test_no_statement_reads_a_whole_table_or_sorts_it(
    connection: asyncpg.Connection,
    name: str,
    generic: bool,  # noqa: FBT001 -- a column of the table above
) -> None:
    statement = TEXTS[ALL[name]]
    plan = await planned(connection, statement.text, likely(statement), generic=generic)
    assert await read_whole(connection, plan) == [], json.dumps(plan, indent=1)
    used = [node["Index Name"] for node in nodes(plan) if "Index Name" in node]
    if name in HOT:
        assert any(re.fullmatch(HOT[name], index) for index in used), used


@pytest.mark.parametrize("name", ALL)
async def test_for_several_it_is_answered_as_for_one(connection: asyncpg.Connection, name: str) -> None:
    """Rows that say for whom they are, are found in no other way; at most they are passed on once more."""
    plans: list[list[tuple[str, str | None]]] = []
    for statement in (ALL[name], *for_several(ALL[name])):
        text = compiled(statement, DIALECT)
        values = {**SAMPLES, ASKED: 0}
        plan = await planned(connection, text.text, text.arguments(values), generic=True)
        plans.append([(node["Node Type"], node.get("Index Name")) for node in nodes(plan)])
        await connection.execute("DEALLOCATE told")
    alone, *several = plans
    assert several, "each can be asked for several"
    assert all([node for node in plan if node != ("CTE Scan", None)] == alone for plan in several), plans


@pytest.mark.parametrize("generic", [True, False], ids=["any values", "these values"])
@pytest.mark.parametrize("shape", MERGED.values(), ids=MERGED.keys())
async def test_no_merged_statement_reads_a_whole_table(
    connection: asyncpg.Connection,
    shape: tuple[Write, ...],
    generic: bool,  # noqa: FBT001 -- a column of the table above
) -> None:
    merged = MergedStatements(TEXTS).of(shape)
    assert merged is not None
    plan = await planned(connection, merged.text, merged.arguments(shape), generic=generic)
    assert [node for node in nodes(plan) if node["Node Type"] == "Seq Scan"] == []
    used = {node["Index Name"] for node in nodes(plan) if "Index Name" in node}
    assert used <= {"pk_payments", "pk_attempts"}


@pytest.mark.parametrize("generic", [True, False], ids=["any values", "these values"])
@pytest.mark.parametrize("name", MANY_AT_ONCE)
async def test_none_that_changes_many_rows_at_once_reads_a_whole_table(
    connection: asyncpg.Connection,
    name: str,
    generic: bool,  # noqa: FBT001 -- a column of the table above
) -> None:
    many = ManyAtOnceStatements(TEXTS)[ALL[name]]
    plan = await planned(connection, many.text, many.arguments([SAMPLES] * 10), generic=generic)
    assert await read_whole(connection, plan) == [], json.dumps(plan, indent=1)
    found = [node["Index Name"] for node in nodes(plan) if "Index Name" in node]
    assert found
    assert all(re.fullmatch(HOT[name], index) for index in found), found


@pytest.fixture(scope="module")
def new(postgres: Databases) -> Iterator[str]:
    with postgres.empty() as url:
        migrate.upgrade(url)
        yield url


@pytest.mark.parametrize("name", sorted((ALL.keys() | MERGED.keys()) - {"FORGET_REMEMBERED"}))
async def test_no_plan_that_is_made_while_tables_are_new_reads_all_of_one_later(new: str, name: str) -> None:
    """Nobody has counted their rows, and a connection keeps its plans until somebody has."""
    if name in ALL:
        texts = [(TEXTS[ALL[name]].text, likely(TEXTS[ALL[name]]))]
    else:
        one = MergedStatements(TEXTS).of(MERGED[name])
        assert one is not None
        texts = [(one.text, one.arguments(MERGED[name]))]
    if name in MANY_AT_ONCE:
        many = ManyAtOnceStatements(TEXTS)[ALL[name]]
        texts.append((many.text, many.arguments([SAMPLES] * 10)))
    connection = await asyncpg.connect(new, server_settings=dict(SESSION))
    try:
        for text, arguments in texts:
            plan = await planned(connection, text, arguments, generic=True)
            assert [node for node in nodes(plan) if node["Node Type"] == "Seq Scan"] == []
            await connection.execute("DEALLOCATE told")
    finally:
        await connection.close()


def test_every_table_is_in_the_plans() -> None:
    texts = " ".join(TEXTS[statement].text for statement in ALL.values())
    assert [name for name in METADATA.tables if name not in texts] == []
