"""Which money is here, or is the payment, by a person's word.

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
    # Nothing or a constant stands in them: no row is written anew. The version before goes on without them.
    op.add_column("captures", sa.Column("vouched", _NAME, nullable=True))
    op.add_column("captures", sa.Column("accepted", sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade() -> None:
    op.drop_column("captures", "accepted")
    op.drop_column("captures", "vouched")
