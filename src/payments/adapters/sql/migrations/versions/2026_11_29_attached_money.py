"""Which money a person put to an attempt.

Revision ID: 2026_11_29
Revises: 2026_11_28_retention
"""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_29"
down_revision = "2026_11_28_retention"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A constant: no row is written anew, and processes of the version before add theirs without it.
    op.add_column("captures", sa.Column("attached", sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade() -> None:
    op.drop_column("captures", "attached")
