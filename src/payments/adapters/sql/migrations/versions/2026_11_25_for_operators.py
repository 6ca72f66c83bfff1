"""What operators look through: payments by status, and the open reviews.

Revision ID: 2026_11_25
Revises: 2026_11_24
"""

import sqlalchemy as sa
from alembic import op

from payments.adapters.sql.adding import add_index

revision = "2026_11_25"
down_revision = "2026_11_24"
branch_labels = None
depends_on = None


def upgrade() -> None:
    is_open = sa.text("state = 'open'")
    add_index("payments_status", "payments", ["status", "payment_id"])
    add_index(
        "reviews_queue",
        "reviews",
        ["opened_at", "review_id"],
        sqlite_where=is_open,
        postgresql_where=is_open,
    )


def downgrade() -> None:
    op.drop_index("reviews_queue", "reviews")
    op.drop_index("payments_status", "payments")
