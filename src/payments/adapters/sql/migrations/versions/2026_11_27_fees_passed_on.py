"""What arrived where a provider's fees were passed on to the payer, beside what was asked for.

Revision ID: 2026_11_27
Revises: 2026_11_26
"""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_27"
down_revision = "2026_11_26"
branch_labels = None
depends_on = None

_CHECK = "ck_evidence_captured"
_RULE = "(captured_minor IS NULL) = (captured_currency IS NULL)"
# As the table's own words have it, and with what is new behind it.
_BEFORE = ("\treturned_currency VARCHAR(3), \n", "\tCONSTRAINT pk_evidence PRIMARY KEY")
_AFTER = (
    f"{_BEFORE[0]}\tcaptured_minor BIGINT, \n\tcaptured_currency VARCHAR(3), \n",
    f"\tCONSTRAINT {_CHECK} CHECK ({_RULE}), \n{_BEFORE[1]}",
)


def upgrade() -> None:
    if op.get_context().dialect.name != "postgresql":
        _remake(_BEFORE, _AFTER)
        return
    # Payments go on meanwhile: two changes of the catalogue alone, and a look through the rows that keeps no
    # writer away. What an earlier try left is made anew.
    op.add_column("evidence", sa.Column("captured_minor", sa.BigInteger(), nullable=True), if_not_exists=True)
    op.add_column(
        "evidence", sa.Column("captured_currency", sa.String(length=3), nullable=True), if_not_exists=True
    )
    op.drop_constraint(op.f(_CHECK), "evidence", if_exists=True)
    op.create_check_constraint(op.f(_CHECK), "evidence", _RULE, postgresql_not_valid=True)
    with op.get_context().autocommit_block():
        op.execute("SET statement_timeout = 0")
        op.execute(f"ALTER TABLE evidence VALIDATE CONSTRAINT {_CHECK}")
        op.execute("RESET statement_timeout")


def downgrade() -> None:
    if op.get_context().dialect.name != "postgresql":
        _remake(_AFTER, _BEFORE)
        return
    op.drop_constraint(op.f(_CHECK), "evidence")
    op.drop_column("evidence", "captured_currency")
    op.drop_column("evidence", "captured_minor")


def _remake(before: tuple[str, ...], after: tuple[str, ...]) -> None:
    """Copy the table into a new one of the same words but these.

    SQLite adds no check to a table that is there, and takes none away. What makes the old one append-only
    goes with it.
    """
    connection = op.get_bind()
    words = connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE name = 'evidence'").scalar_one()
    for old, new in zip(before, after, strict=True):
        if words.count(old) != 1:
            raise RuntimeError(f"The table evidence is not as the revision {down_revision} left it.")
        words = words.replace(old, new)
    op.drop_index("evidence_payment", "evidence")
    op.rename_table("evidence", "evidence_before")
    connection.exec_driver_sql(words)
    there, here = (
        [column["name"] for column in sa.inspect(connection).get_columns(table)]
        for table in ("evidence_before", "evidence")
    )
    kept = ", ".join(name for name in there if name in here)
    op.execute(f"INSERT INTO evidence ({kept}) SELECT {kept} FROM evidence_before")  # noqa: S608 -- our own names
    op.drop_table("evidence_before")
    op.create_index("evidence_payment", "evidence", ["payment_id", "observed_at", "evidence_id"])
    for deed in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER evidence_no_{deed.lower()} BEFORE {deed} ON evidence "
            "BEGIN SELECT RAISE(ABORT, 'the table evidence is append-only'); END"
        )
