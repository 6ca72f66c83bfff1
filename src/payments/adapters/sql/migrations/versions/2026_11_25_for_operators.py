"""What operators look through: payments by status, and reviews by state and kind.

Revision ID: 2026_11_25
Revises: 2026_11_24
"""

from alembic import op

from payments.adapters.sql.adding import add_index

revision = "2026_11_25"
down_revision = "2026_11_24"
branch_labels = None
depends_on = None


def upgrade() -> None:
    add_index("payments_status", "payments", ["status", "payment_id"])
    add_index("reviews_state", "reviews", ["state", "opened_at", "review_id"])
    add_index("reviews_kind", "reviews", ["kind", "state", "opened_at", "review_id"])


def downgrade() -> None:
    op.drop_index("reviews_kind", "reviews")
    op.drop_index("reviews_state", "reviews")
    op.drop_index("payments_status", "payments")
