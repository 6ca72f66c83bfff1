"""What operators look through: payments by status, and the open reviews.

Revision ID: 2026_11_25
Revises: 2026_11_24
"""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_25"
down_revision = "2026_11_24"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("payments_status", "payments", ["status", "payment_id"])
    is_open = sa.text("state = 'open'")
    op.create_index(
        "reviews_queue",
        "reviews",
        ["opened_at", "review_id"],
        sqlite_where=is_open,
        postgresql_where=is_open,
    )


def downgrade() -> None:
    op.drop_index("reviews_queue", "reviews")
    op.drop_index("payments_status", "payments")
