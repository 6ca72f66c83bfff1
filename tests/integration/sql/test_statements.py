"""Statements are written once, compiled once, and answered from their indexes."""

import ast
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from types import ModuleType

import pytest
from sqlalchemy import CompoundSelect, Delete, Insert, Select, Update, literal_column, make_url, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql import ClauseElement

from payments.adapters.sql import statements
from payments.adapters.sql.compiled import Compiled, Statements, compiled

STATEMENT = (Select, CompoundSelect, Insert, Update, Delete)

SOURCES = sorted(Path(statements.__file__).parent.glob("*.py"))


def public_statements(module: ModuleType) -> dict[str, ClauseElement]:
    """The statements that ``module`` offers, by their names."""
    return {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, STATEMENT) and not name.startswith("_")
    }


STATEMENTS = public_statements(statements)

POSTGRESQL = make_url("postgresql+asyncpg://").get_dialect()()

BY_KEY = r"sqlite_autoindex_\w+_1 \(\w+=\?( AND \w+=\?)*\)"

PLANS = {
    "PAYMENT": BY_KEY,
    "PAYMENT_OF_ORDER": r"payments_order \(order_id=\?\)",
    "PAYMENT_WITH_REFERENCE": BY_KEY,
    "PAYMENTS_AFTER": r"sqlite_autoindex_payments_1 \(payment_id>\?\)",
    "LOCK_PAYMENT": BY_KEY,
    "LOCK_ORDER": r"payments_order \(order_id=\?\)",
    "SAVE_PAYMENT": BY_KEY,
    "SAVE_ATTEMPT": BY_KEY,
    "VERDICT_OF": BY_KEY,
    "ATTEMPT_HOLDING": r"captures_key \(provider=\? AND mode=\? AND key=\?\)",
    "ATTEMPT_WITH_RECEIPT": r"captures_receipt \(provider=\? AND mode=\? AND receipt=\?\)",
    "HISTORY": r"payments_payer \(payer=\? AND created_at>\? AND \(created_at,payment_id\)<\(\?,\?\)\)",
    "HISTORY_WITH_STATUS": r"payments_payer_status \(payer=\? AND status=\? AND created_at>\?",
    "HISTORY_WITH_PROVIDER": r"payments_payer_provider \(payer=\? AND provider=\? AND created_at>\?",
    "HISTORY_WITH_BOTH": r"payments_payer_(status|provider) \(payer=\? AND \w+=\? AND created_at>\?",
    "HISTORY_OF_ORDER": r"payments_order \(order_id=\?\)",
    "FOUND": r"sqlite_autoindex_payments_1 \(payment_id<\?\)",
    "FOUND_PENDING": r"payments_status \(status=\? AND payment_id<\?\)",
    "FOUND_PROCESSING": r"payments_status \(status=\? AND payment_id<\?\)",
    "FOUND_SUCCESS": r"payments_status \(status=\? AND payment_id<\?\)",
    "FOUND_FAILED": r"payments_status \(status=\? AND payment_id<\?\)",
    "FOUND_BY_NAME": r"payments_order \(order_id=\?\)",
    "LOCK_REVIEW": BY_KEY,
    "REVIEWS_IN_STATE": r"reviews_state \(state=\? AND \(opened_at,review_id\)<\(\?,\?\)\)",
    "REVIEWS_OF_KIND": r"reviews_kind \(kind=\? AND state=\? AND \(opened_at,review_id\)<\(\?,\?\)\)",
    "NOTICES_ABOUT": r"notices_reference \(reference=\?\)",
    "NEWEST_NOTICES": r"notices_reference \(reference=\?\)",
    "UNKNOWN_BEYOND": r"notices_unknown \(provider=\?\)",
    "REVIEW_TRAIL": r"sqlite_autoindex_review_audit_1 \(review_id=\?\)",
    "REVIEWS_ALONE_AFTER": r"reviews_alone \(review_id>\?\)",
    "REVIEW_TRAILS_AFTER": r"sqlite_autoindex_review_audit_1 \(review_id>\?\)",
    "LEASE_NOTICES": r"notices_due \(next_try_at<\?\)",
    "LEASE_MESSAGES": r"messages_due \(next_try_at<\?\)",
    "LEASE_ATTEMPTS": r"attempts_due \(next_check_at<\?\)",
    "FINISH_NOTICE": BY_KEY,
    "FINISH_MESSAGE": BY_KEY,
    "ANSWER": BY_KEY,
    "ANSWERS_TO_FORGET": r"answers_expiry \(expires_at<\?\)",
    "BODIES_TO_ERASE": r"notices_bodies \(received_at<\?\)",
    "PAYERS_TO_ERASE": r"payments_people \(created_at<\?\)",
    "PHONES_TO_ERASE": r"attempts_phones \(claimed_at<\?\)",
    "MAILS_TO_ERASE": r"messages_mails \(created_at<\?\)",
    "ERASE_PHONES": r"attempts_payment \(payment_id=\?\)",
    "ERASE_MAILS": r"messages_payment \(payment_id=\?\)",
}


def plan(database: Path, statement: Compiled) -> str:
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute(f"EXPLAIN QUERY PLAN {statement.text}", [None] * len(statement.names))
        return "\n".join(row[3] for row in rows)


@pytest.mark.parametrize("name", PLANS)
def test_a_hot_statement_is_answered_from_its_index(name: str, database: Path) -> None:
    found = plan(database, compiled(STATEMENTS[name], sqlite.dialect()))
    assert re.search(f"USING (COVERING )?INDEX {PLANS[name]}", found), found


@pytest.mark.parametrize("name", STATEMENTS)
def test_no_statement_reads_a_whole_table_or_sorts_it(name: str, database: Path) -> None:
    found = plan(database, compiled(STATEMENTS[name], sqlite.dialect()))
    # A scan of a partial index reads the rows that count, and no other.
    partial = "messages_parked|reviews_open|attempts_unknown|collections_held"
    counted = rf"SCAN (messages|reviews|attempts|collections) USING INDEX ({partial})"
    scans = [line for line in found.splitlines() if "SCAN" in line and not re.fullmatch(counted, line)]
    assert scans in ([], ["SCAN CONSTANT ROW"])
    assert "TEMP B-TREE" not in found


@pytest.mark.parametrize("name", STATEMENTS)
def test_every_statement_is_one_for_postgresql_too(name: str) -> None:
    text = compiled(STATEMENTS[name], POSTGRESQL).text
    assert "?" not in text
    assert re.match(r"\(?(SELECT|INSERT|UPDATE|DELETE)", text)


def test_a_statement_is_compiled_once() -> None:
    texts = Statements(sqlite.dialect())
    assert texts[statements.HISTORY] is texts[statements.HISTORY]
    assert texts[statements.HISTORY] is not texts[statements.HISTORY_WITH_STATUS]


def test_a_statement_of_the_moment_is_taken_for_no_other() -> None:
    texts = Statements(sqlite.dialect())
    for number in range(100):
        assert texts[select(literal_column(f"{number}"))].text == f"SELECT {number}"


def test_a_forgotten_value_is_noticed_before_the_database_is() -> None:
    with pytest.raises(KeyError, match="payment_id"):
        compiled(statements.PAYMENT, sqlite.dialect()).arguments({"order_id": "order_1"})


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_no_statement_is_written_as_text(path: Path) -> None:
    said = [
        node.value
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.match(r"\s*(SELECT|INSERT INTO|UPDATE \w+ SET|DELETE FROM|CREATE|ALTER|DROP)\b", node.value)
    ]
    assert said == []
