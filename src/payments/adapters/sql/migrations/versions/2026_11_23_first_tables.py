"""The first tables.

Revision ID: 2026_11_23
Revises: nothing
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "2026_11_23"
down_revision = None
branch_labels = None
depends_on = None

# Byte order in both databases.
_ID = sa.String(length=36).with_variant(sa.String(length=36, collation="C"), "postgresql")
_NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    _payments()
    _attempts()
    _captures()
    _refunds()
    _evidence()
    _audit()
    _messages()
    _reviews()
    _notices()
    _answers()
    _cash()
    if _on_postgresql():
        op.execute(
            "CREATE FUNCTION refuse_to_change() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'the table % is append-only', TG_TABLE_NAME; END $$"
        )
    for table in ("evidence", "audit"):
        _append_only(table)


def downgrade() -> None:
    op.drop_table("collections")
    op.drop_table("handovers")
    op.drop_table("answers")
    op.drop_table("notices")
    op.drop_table("reviews")
    op.drop_table("messages")
    op.drop_table("audit")
    op.drop_table("evidence")
    op.drop_table("refunds")
    op.drop_table("captures")
    op.drop_table("attempts")
    op.drop_table("payments")
    if _on_postgresql():
        op.execute("DROP FUNCTION refuse_to_change()")


def _only(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def _on_postgresql() -> bool:
    return op.get_context().dialect.name == "postgresql"


def _append_only(table: str) -> None:
    if _on_postgresql():
        # For each statement, so that TRUNCATE is refused too, and a statement that finds no row.
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


def _one_of(table: str, column: str, *words: str) -> sa.CheckConstraint:
    # Not as a list after IN: SQLite makes a table in memory of one, for each row that is written.
    one = " OR ".join(f"{column} = '{word}'" for word in " ".join(words).split())
    return sa.CheckConstraint(one, name=op.f(f"ck_{table}_{column}"))


def _payments() -> None:
    op.create_table(
        "payments",
        sa.Column("payment_id", _ID, nullable=False),
        sa.Column("order_id", _NAME, nullable=False),
        sa.Column("payer", _NAME, nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("order_version", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("first_name", sa.Text(), nullable=True),
        sa.Column("last_name", sa.Text(), nullable=True),
        sa.Column("phone_number", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("status", _NAME, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("told", sa.BigInteger(), nullable=False),
        sa.Column("last_told", sa.Text(), nullable=False),
        sa.Column("trail", sa.Text(), nullable=False),
        sa.Column("provider", _NAME, nullable=True),
        sa.Column("reference", _NAME, nullable=True),
        sa.Column("checkout_url", sa.Text(), nullable=True),
        sa.Column("received_minor", sa.BigInteger(), nullable=False),
        sa.Column("given_back_minor", sa.BigInteger(), nullable=False),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("failure_detail", sa.Text(), nullable=False),
        sa.Column("in_review", sa.Boolean(), nullable=False),
        _one_of("payments", "status", "pending processing success failed"),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_payments_amount")),
        sa.CheckConstraint("version >= 0", name=op.f("ck_payments_version")),
        sa.PrimaryKeyConstraint("payment_id", name="pk_payments"),
    )
    op.create_index("payments_order", "payments", ["order_id"], unique=True)
    op.create_index("payments_payer", "payments", ["payer", "created_at", "payment_id"])
    op.create_index("payments_payer_provider", "payments", ["payer", "provider", "created_at", "payment_id"])
    op.create_index("payments_payer_status", "payments", ["payer", "status", "created_at", "payment_id"])


def _attempts() -> None:
    op.create_table(
        "attempts",
        sa.Column("reference", _NAME, nullable=False),
        sa.Column("payment_id", _ID, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("provider", _NAME, nullable=False),
        sa.Column("mode", _NAME, nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("order_version", sa.Text(), nullable=False),
        sa.Column("claimed_at", sa.BigInteger(), nullable=False),
        sa.Column("watch_until", sa.BigInteger(), nullable=True),
        sa.Column("payable_until", sa.BigInteger(), nullable=True),
        sa.Column("next_check_at", sa.BigInteger(), nullable=True),
        sa.Column("status", _NAME, nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("return_to", sa.Text(), nullable=True),
        sa.Column("checkout_url", sa.Text(), nullable=True),
        sa.Column("provider_reference", _NAME, nullable=True),
        sa.Column("callback_token_hash", _NAME, nullable=True),
        sa.Column("page_token_hash", _NAME, nullable=True),
        sa.Column("on_delivery", sa.Boolean(), nullable=False),
        sa.Column("handed_out_at", sa.BigInteger(), nullable=True),
        sa.Column("page_closed", sa.Boolean(), nullable=False),
        sa.Column("reopened_at", sa.BigInteger(), nullable=True),
        sa.Column("declines", sa.Text(), nullable=False),
        sa.Column("not_found_at", sa.BigInteger(), nullable=True),
        sa.Column("said_paid_at", sa.BigInteger(), nullable=True),
        sa.Column("wrong_codes", sa.Integer(), nullable=False),
        sa.Column("checks", sa.Integer(), nullable=False),
        sa.Column("last_checked_at", sa.BigInteger(), nullable=True),
        sa.Column("last_word", sa.Text(), nullable=False),
        _one_of("attempts", "mode", "test live"),
        _one_of(
            "attempts",
            "reason",
            "declined refused not_sent timed_out cancelled_by_payer superseded",
            "order_closed never_created returned",
        ),
        _one_of("attempts", "status", "claimed open unknown succeeded failed expired"),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_attempts_amount")),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.payment_id"], name="fk_attempts_payment_id"),
        sa.PrimaryKeyConstraint("reference", name="pk_attempts"),
    )
    op.create_index(
        "attempts_callback_token",
        "attempts",
        ["callback_token_hash"],
        unique=True,
        **_only("callback_token_hash IS NOT NULL"),
    )
    op.create_index(
        "attempts_page_token",
        "attempts",
        ["page_token_hash"],
        unique=True,
        **_only("page_token_hash IS NOT NULL"),
    )
    op.create_index(
        "attempts_due", "attempts", ["next_check_at", "reference"], **_only("next_check_at IS NOT NULL")
    )
    op.create_index(
        "attempts_live",
        "attempts",
        ["payment_id"],
        unique=True,
        **_only("status = 'claimed' OR status = 'open' OR status = 'unknown'"),
    )
    op.create_index("attempts_payment", "attempts", ["payment_id", "position"], unique=True)
    op.create_index(
        "attempts_provider_reference",
        "attempts",
        ["provider", "mode", "provider_reference"],
        unique=True,
        **_only("provider_reference IS NOT NULL"),
    )
    op.create_index("attempts_unknown", "attempts", ["reference"], **_only("status = 'unknown'"))


def _captures() -> None:
    op.create_table(
        "captures",
        sa.Column("capture_id", _ID, nullable=False),
        sa.Column("payment_id", _ID, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("reference", _NAME, nullable=False),
        sa.Column("provider", _NAME, nullable=False),
        sa.Column("mode", _NAME, nullable=False),
        sa.Column("key", _NAME, nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("disposition", _NAME, nullable=False),
        sa.Column("captured_at", sa.BigInteger(), nullable=False),
        sa.Column("receipt", _NAME, nullable=True),
        _one_of("captures", "disposition", "settles surplus held"),
        sa.CheckConstraint("key <> ''", name=op.f("ck_captures_key")),
        _one_of("captures", "mode", "test live"),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_captures_amount")),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.payment_id"], name="fk_captures_payment_id"),
        sa.ForeignKeyConstraint(["reference"], ["attempts.reference"], name="fk_captures_reference"),
        sa.PrimaryKeyConstraint("capture_id", name="pk_captures"),
    )
    op.create_index("captures_key", "captures", ["provider", "mode", "key"], unique=True)
    op.create_index("captures_payment", "captures", ["payment_id", "position"], unique=True)
    op.create_index(
        "captures_receipt",
        "captures",
        ["provider", "mode", "receipt"],
        unique=True,
        **_only("receipt IS NOT NULL"),
    )
    op.create_index(
        "captures_settling", "captures", ["payment_id"], unique=True, **_only("disposition = 'settles'")
    )


def _refunds() -> None:
    op.create_table(
        "refunds",
        sa.Column("refund_id", _ID, nullable=False),
        sa.Column("payment_id", _ID, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("capture_id", _ID, nullable=False),
        sa.Column("reference", _NAME, nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("status", _NAME, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("approver", sa.Text(), nullable=True),
        sa.Column("provider_reference", _NAME, nullable=True),
        sa.Column("callback_token_hash", _NAME, nullable=True),
        sa.Column("requested_at", sa.BigInteger(), nullable=True),
        sa.Column("next_check_at", sa.BigInteger(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        _one_of("refunds", "status", "awaiting_approval reserved requested unknown succeeded failed"),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_refunds_amount")),
        sa.ForeignKeyConstraint(["capture_id"], ["captures.capture_id"], name="fk_refunds_capture_id"),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.payment_id"], name="fk_refunds_payment_id"),
        sa.PrimaryKeyConstraint("refund_id", name="pk_refunds"),
    )
    op.create_index("refunds_payment", "refunds", ["payment_id", "position"], unique=True)
    op.create_index("refunds_reference", "refunds", ["reference"], unique=True)
    op.create_index(
        "refunds_callback_token",
        "refunds",
        ["callback_token_hash"],
        unique=True,
        **_only("callback_token_hash IS NOT NULL"),
    )
    op.create_index(
        "refunds_due", "refunds", ["next_check_at", "refund_id"], **_only("next_check_at IS NOT NULL")
    )


def _evidence() -> None:
    op.create_table(
        "evidence",
        sa.Column("evidence_id", _ID, nullable=False),
        sa.Column("payment_id", _ID, nullable=False),
        sa.Column("reference", _NAME, nullable=False),
        sa.Column("channel", _NAME, nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("rule", _NAME, nullable=False),
        sa.Column("observed_at", sa.BigInteger(), nullable=False),
        sa.Column("outcome", _NAME, nullable=False),
        sa.Column("word", sa.Text(), nullable=False),
        sa.Column("attested_reference", sa.Text(), nullable=True),
        sa.Column("attested_minor", sa.BigInteger(), nullable=True),
        sa.Column("attested_currency", sa.String(length=3), nullable=True),
        sa.Column("attested_mode", _NAME, nullable=True),
        sa.Column("provider_reference", sa.Text(), nullable=True),
        sa.Column("capture_key", sa.Text(), nullable=True),
        sa.Column("fingerprint", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("returned_minor", sa.BigInteger(), nullable=True),
        sa.Column("returned_currency", sa.String(length=3), nullable=True),
        sa.Column("captured_minor", sa.BigInteger(), nullable=True),
        sa.Column("captured_currency", sa.String(length=3), nullable=True),
        _one_of("evidence", "attested_mode", "test live"),
        _one_of("evidence", "channel", "status_check collector operator"),
        _one_of("evidence", "outcome", "paid declined payable in_flight closed not_found returned nothing"),
        _one_of(
            "evidence",
            "rule",
            "settled surplus amount_differs currency_differs not_ours key_taken",
            "said_once not_attested already_counted declined old_decline still_payable in_flight",
            "closed not_found_yet never_created returned return_known return_of_ours",
            "no_longer_live no_information code_wrong",
        ),
        sa.CheckConstraint(
            "(attested_minor IS NULL) = (attested_currency IS NULL)", name=op.f("ck_evidence_attested")
        ),
        sa.CheckConstraint(
            "(returned_minor IS NULL) = (returned_currency IS NULL)", name=op.f("ck_evidence_returned")
        ),
        sa.CheckConstraint(
            "(captured_minor IS NULL) = (captured_currency IS NULL)", name=op.f("ck_evidence_captured")
        ),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.payment_id"], name="fk_evidence_payment_id"),
        sa.ForeignKeyConstraint(["reference"], ["attempts.reference"], name="fk_evidence_reference"),
        sa.PrimaryKeyConstraint("evidence_id", name="pk_evidence"),
    )
    op.create_index("evidence_payment", "evidence", ["payment_id", "observed_at", "evidence_id"])


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("payment_id", _ID, nullable=False),
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("events", sa.LargeBinary(), nullable=False),
        sa.Column("evidence_id", _ID, nullable=True),
        sa.Column("state_digest", sa.Text(), nullable=False),
        sa.Column("previous_hash", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.payment_id"], name="fk_audit_payment_id"),
        sa.PrimaryKeyConstraint("payment_id", "sequence", name="pk_audit"),
    )


def _messages() -> None:
    op.create_table(
        "messages",
        sa.Column("message_id", _ID, nullable=False),
        sa.Column("payment_id", _ID, nullable=False),
        sa.Column("order_id", _NAME, nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("destination", _NAME, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("state", _NAME, nullable=False),
        sa.Column("next_try_at", sa.BigInteger(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("delivered_at", sa.BigInteger(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.Column("lease", _ID, nullable=True),
        sa.CheckConstraint("(state = 'pending') = (next_try_at IS NOT NULL)", name=op.f("ck_messages_due")),
        _one_of("messages", "destination", "orders payer"),
        _one_of("messages", "state", "pending delivered parked overtaken"),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.payment_id"], name="fk_messages_payment_id"),
        sa.PrimaryKeyConstraint("message_id", name="pk_messages"),
    )
    op.create_index(
        "messages_due",
        "messages",
        ["next_try_at", "created_at", "message_id"],
        **_only("next_try_at IS NOT NULL"),
    )
    op.create_index("messages_order", "messages", ["order_id", "sequence"], unique=True)
    op.create_index("messages_parked", "messages", ["message_id"], **_only("state = 'parked'"))
    op.create_index("messages_payment", "messages", ["payment_id", "sequence"])


def _reviews() -> None:
    op.create_table(
        "reviews",
        sa.Column("review_id", _ID, nullable=False),
        sa.Column("kind", _NAME, nullable=False),
        sa.Column("subject", _NAME, nullable=False),
        sa.Column("payment_id", _ID, nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("state", _NAME, nullable=False),
        sa.Column("decision", sa.Text(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("resolved_at", sa.BigInteger(), nullable=True),
        sa.Column("refund_id", _ID, nullable=True),
        _one_of(
            "reviews",
            "kind",
            "amount_mismatch currency_mismatch surplus paid_after_cancel orphan",
            "stuck_unknown refund_unknown dispute cash_code_locked",
        ),
        _one_of("reviews", "state", "open resolved"),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.payment_id"], name="fk_reviews_payment_id"),
        sa.PrimaryKeyConstraint("review_id", name="pk_reviews"),
    )
    op.create_index("reviews_open", "reviews", ["kind", "subject"], unique=True, **_only("state = 'open'"))
    op.create_index(
        "reviews_payment",
        "reviews",
        ["payment_id", "opened_at", "review_id"],
        **_only("payment_id IS NOT NULL"),
    )


def _notices() -> None:
    op.create_table(
        "notices",
        sa.Column("notice_id", _ID, nullable=False),
        sa.Column("provider", _NAME, nullable=False),
        sa.Column("digest", _NAME, nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("reference", _NAME, nullable=True),
        sa.Column("claim", _NAME, nullable=False),
        sa.Column("word", sa.Text(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("handled_at", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("next_try_at", sa.BigInteger(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("lease", _ID, nullable=True),
        _one_of("notices", "claim", "paid failed returned disputed charged_back other ignored"),
        sa.CheckConstraint("(handled_at IS NULL) = (next_try_at IS NOT NULL)", name=op.f("ck_notices_due")),
        sa.PrimaryKeyConstraint("notice_id", name="pk_notices"),
    )
    op.create_index("notices_digest", "notices", ["digest"], unique=True)
    op.create_index(
        "notices_due",
        "notices",
        ["next_try_at", "received_at", "notice_id"],
        **_only("next_try_at IS NOT NULL"),
    )
    op.create_index(
        "notices_reference",
        "notices",
        ["reference", "received_at", "notice_id"],
        **_only("reference IS NOT NULL"),
    )


def _answers() -> None:
    op.create_table(
        "answers",
        sa.Column("user", _NAME, nullable=False),
        sa.Column("operation", _NAME, nullable=False),
        sa.Column("key", _NAME, nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("holder", _ID, nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("user", "operation", "key", name="pk_answers"),
    )
    op.create_index("answers_expiry", "answers", ["expires_at"])


def _cash() -> None:
    op.create_table(
        "handovers",
        sa.Column("handover_id", _NAME, nullable=False),
        sa.Column("collector", _NAME, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("handover_id", name="pk_handovers"),
    )
    op.create_table(
        "collections",
        sa.Column("collection_id", _NAME, nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("collector", _NAME, nullable=False),
        sa.Column("outcome", _NAME, nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column("payment_id", _ID, nullable=True),
        sa.Column("reference", _NAME, nullable=True),
        sa.Column("order_id", _NAME, nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("result", _NAME, nullable=False),
        sa.Column("status", _NAME, nullable=True),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("handover_id", _NAME, nullable=True),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_collections_amount")),
        sa.CheckConstraint(
            "(outcome = 'collected') = (amount_minor IS NOT NULL)", name=op.f("ck_collections_collected")
        ),
        sa.CheckConstraint(
            "(amount_minor IS NULL) = (currency IS NULL)", name=op.f("ck_collections_currency")
        ),
        sa.CheckConstraint(
            "handover_id IS NULL OR outcome = 'collected'", name=op.f("ck_collections_handed_in")
        ),
        _one_of("collections", "outcome", "collected refused"),
        _one_of("collections", "result", "settled surplus held declined orphan unchanged"),
        _one_of("collections", "status", "pending processing success failed"),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.payment_id"], name="fk_collections_payment_id"),
        sa.ForeignKeyConstraint(["reference"], ["attempts.reference"], name="fk_collections_reference"),
        sa.ForeignKeyConstraint(
            ["handover_id"], ["handovers.handover_id"], name="fk_collections_handover_id"
        ),
        sa.PrimaryKeyConstraint("collection_id", name="pk_collections"),
    )
    op.create_index(
        "collections_payment",
        "collections",
        ["payment_id", "recorded_at", "collection_id"],
        **_only("payment_id IS NOT NULL"),
    )
    op.create_index(
        "collections_held",
        "collections",
        ["collector", "currency", "recorded_at", "collection_id"],
        **_only("outcome = 'collected' AND handover_id IS NULL"),
    )
    op.create_index(
        "collections_handover",
        "collections",
        ["handover_id", "collection_id"],
        **_only("handover_id IS NOT NULL"),
    )
