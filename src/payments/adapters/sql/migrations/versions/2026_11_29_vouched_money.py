"""Which money is here by a person's word.

Revision ID: 2026_11_29
Revises: 2026_11_28_retention
"""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_29"
down_revision = "2026_11_28_retention"
branch_labels = None
depends_on = None

_NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    # Nothing stands in it yet: no row is written anew, and processes of the version before go on without it.
    op.add_column("captures", sa.Column("vouched", _NAME, nullable=True))


def downgrade() -> None:
    op.drop_column("captures", "vouched")
