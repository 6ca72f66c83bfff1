"""Budgets and short-lived values, for processes that share nothing else.

Revision ID: 2026_11_26
Revises: 2026_11_25
"""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_26"
down_revision = "2026_11_25"
branch_labels = None
depends_on = None


def upgrade() -> None:
    key = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    used = sa.ARRAY(sa.BigInteger()).with_variant(sa.Text(), "sqlite")
    op.create_table(
        "spent",
        sa.Column("key", key, nullable=False),
        sa.Column("used", used, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_spent"),
    )
    op.create_table(
        "remembered",
        sa.Column("key", key, nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_remembered"),
    )
    if op.get_context().dialect.name == "postgresql":
        # They may be lost, so they need not wait for the disk.
        op.execute("ALTER TABLE spent SET UNLOGGED")
        op.execute("ALTER TABLE remembered SET UNLOGGED")


def downgrade() -> None:
    op.drop_table("remembered")
    op.drop_table("spent")
