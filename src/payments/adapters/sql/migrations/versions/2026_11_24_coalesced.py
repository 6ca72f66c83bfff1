"""Who was told that nobody asked just now, for processes that share nothing else.

Revision ID: 2026_11_24
Revises: 2026_11_23
"""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_24"
down_revision = "2026_11_23"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "coalesced",
        sa.Column("key", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("told_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_coalesced"),
    )
    op.create_index("coalesced_told_at", "coalesced", ["told_at"])
    if op.get_context().dialect.name == "postgresql":
        # It may be lost, so it need not wait for the disk.
        op.execute("ALTER TABLE coalesced SET UNLOGGED")


def downgrade() -> None:
    op.drop_table("coalesced")
