"""Trails of reviews that are about no payment; how many notices wait about references nobody knows.

Revision ID: 2026_11_28
Revises: 2026_11_26
"""

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from alembic import op

from payments.adapters.sql.adding import add_index

revision = "2026_11_28"
down_revision = "2026_11_26"
branch_labels = None
depends_on = None

_ID = sa.String(length=36).with_variant(sa.String(length=36, collation="C"), "postgresql")
_CAUSE = "migration"


def upgrade() -> None:
    # First, because they commit: what follows is one transaction.
    waiting = "next_try_at IS NOT NULL AND outcome = 'unknown reference'"
    add_index("notices_unknown", "notices", ["provider"], **_only(waiting))
    add_index("reviews_alone", "reviews", ["review_id"], **_only("payment_id IS NULL"))
    links = op.create_table(
        "review_audit",
        sa.Column("review_id", _ID, nullable=False),
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("events", sa.LargeBinary(), nullable=False),
        sa.Column("evidence_id", _ID, nullable=True),
        sa.Column("state_digest", sa.Text(), nullable=False),
        sa.Column("previous_hash", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("review_id", "sequence", name="pk_review_audit"),
    )
    known = op.get_bind().execute(sa.text("SELECT * FROM reviews WHERE payment_id IS NULL"))
    begun = [link for row in known.mappings() for link in _trail(dict(row))]
    if begun:
        op.bulk_insert(links, begun)
    _append_only("review_audit")


def downgrade() -> None:
    op.drop_table("review_audit")
    op.drop_index("reviews_alone", "reviews")
    op.drop_index("notices_unknown", "notices")


def _append_only(table: str) -> None:
    if op.get_context().dialect.name == "postgresql":
        # As in the first revision: for each statement, so that TRUNCATE is refused too.
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change()"
        )
        return
    for deed in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER {table}_no_{deed.lower()} BEFORE {deed} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, 'the table {table} is append-only'); END"
        )


def _only(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


# What was opened before has its trail begun as the code of this revision would have written it. It is
# spelled out here, because a revision says the same for ever.


def _trail(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    nobody = dict.fromkeys(("decision", "actor", "reason", "resolved_at", "refund_id"))
    about = {"kind": row["kind"], "subject": row["subject"]}
    opened = {"event": "ReviewOpened", **about, "detail": row["detail"]}
    first = _link({**row, **nobody, "state": "open"}, None, row["opened_at"], "system", opened)
    yield first
    if row["state"] == "resolved":
        said = {"decision": row["decision"] or "", "reason": row["reason"] or ""}
        resolved = {"event": "ReviewResolved", **about, **said}
        at = row["opened_at"] if row["resolved_at"] is None else row["resolved_at"]
        yield _link(row, first, at, row["actor"] or "system", resolved)


def _link(
    row: dict[str, Any], before: dict[str, Any] | None, at: int, actor: str, event: dict[str, Any]
) -> dict[str, Any]:
    names = ("review_id", "kind", "subject", "payment_id", "detail", "opened_at", "state", "decision")
    state = [row[name] for name in (*names, "actor", "reason", "resolved_at", "refund_id")]
    state[5], state[10] = _written(row["opened_at"]), _written(row["resolved_at"])
    events = _canonical([event])
    fields = {
        "review_id": row["review_id"],
        "sequence": before["sequence"] + 1 if before else 1,
        "at": _written(at),
        "actor": actor,
        "cause": _CAUSE,
        "events": events.decode(),
        "evidence_id": None,
        "state_digest": _digest(state),
        "previous_hash": before["hash"] if before else "",
    }
    link_hash = _digest([[name, fields[name]] for name in sorted(fields)])
    return {**fields, "at": at, "events": events, "hash": link_hash}


def _written(at: int | None) -> str | None:
    if at is None:
        return None
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)).isoformat(timespec="microseconds")


def _digest(value: Any) -> str:
    return hashlib.sha256(_canonical(value)).hexdigest()


def _canonical(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"), sort_keys=True).encode()
