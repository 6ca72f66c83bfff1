"""What arrived where a provider's fees were passed on to the payer, beside what was asked for.

Revision ID: 2026_11_27
Revises: 2026_11_26
"""

import sqlalchemy as sa
from alembic import op

from payments.adapters.sql.adding import add_check_online, add_columns_online

revision = "2026_11_27"
down_revision = "2026_11_26"
branch_labels = None
depends_on = None

_ID = sa.String(length=36).with_variant(sa.String(length=36, collation="C"), "postgresql")
_NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_BOTH_OR_NONE = "(captured_minor IS NULL) = (captured_currency IS NULL)"
_WORDS = {
    "attested_mode": "test live",
    "channel": "status_check collector",
    "outcome": "paid declined payable in_flight closed not_found returned nothing",
    "rule": "settled surplus amount_differs currency_differs not_ours key_taken not_attested already_counted"
    " declined old_decline still_payable in_flight closed not_found_yet never_created returned return_known"
    " return_of_ours no_longer_live no_information",
}


def upgrade() -> None:
    if op.get_context().dialect.name != "postgresql":
        _remake(captured=True)
        return
    add_columns_online("evidence", *_captured())
    add_check_online("ck_evidence_captured", "evidence", _BOTH_OR_NONE)


def downgrade() -> None:
    if op.get_context().dialect.name != "postgresql":
        _remake(captured=False)
        return
    op.drop_constraint(op.f("ck_evidence_captured"), "evidence")
    op.drop_column("evidence", "captured_currency")
    op.drop_column("evidence", "captured_minor")


def _remake(*, captured: bool) -> None:
    """Copy the table into a new one: SQLite adds no check to a table that is there, and takes none away.

    What made the old one append-only goes with it.
    """
    op.drop_index("evidence_payment", "evidence")
    op.rename_table("evidence", "evidence_before")
    op.create_table("evidence", *_evidence(captured=captured))
    names = ", ".join(column.name for column in _evidence(captured=False) if isinstance(column, sa.Column))
    op.execute(f"INSERT INTO evidence ({names}) SELECT {names} FROM evidence_before")  # noqa: S608 -- ours
    op.drop_table("evidence_before")
    op.create_index("evidence_payment", "evidence", ["payment_id", "observed_at", "evidence_id"])
    for deed in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER evidence_no_{deed.lower()} BEFORE {deed} ON evidence "
            "BEGIN SELECT RAISE(ABORT, 'the table evidence is append-only'); END"
        )


def _captured() -> list[sa.Column[int] | sa.Column[str]]:
    return [
        sa.Column("captured_minor", sa.BigInteger(), nullable=True),
        sa.Column("captured_currency", sa.String(length=3), nullable=True),
    ]


def _evidence(*, captured: bool) -> list[sa.schema.SchemaItem]:
    columns = [
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
        *(_captured() if captured else []),
    ]
    pairs = ("attested", "returned", *(["captured"] if captured else []))
    return [
        *columns,
        *(
            sa.CheckConstraint(
                f"{column} IN ({', '.join(repr(word) for word in words.split())})",
                name=op.f(f"ck_evidence_{column}"),
            )
            for column, words in _WORDS.items()
        ),
        *(
            sa.CheckConstraint(
                f"({pair}_minor IS NULL) = ({pair}_currency IS NULL)", name=op.f(f"ck_evidence_{pair}")
            )
            for pair in pairs
        ),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.payment_id"], name="fk_evidence_payment_id"),
        sa.ForeignKeyConstraint(["reference"], ["attempts.reference"], name="fk_evidence_reference"),
        sa.PrimaryKeyConstraint("evidence_id", name="pk_evidence"),
    ]
