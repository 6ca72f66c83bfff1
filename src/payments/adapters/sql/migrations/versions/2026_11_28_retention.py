"""What is kept for a while only: indexes over the rows that still hold it, which lose them as it is erased.

Revision ID: 2026_11_28_retention
Revises: 2026_11_28
"""

import sqlalchemy as sa
from alembic import op

from payments.adapters.sql.adding import add_index

revision = "2026_11_28_retention"
down_revision = "2026_11_28"
branch_labels = None
depends_on = None

_NAMES_SOMEONE = (
    "email IS NOT NULL OR first_name IS NOT NULL OR last_name IS NOT NULL OR phone_number IS NOT NULL"
)


def upgrade() -> None:
    _add("payments_people", "payments", ["created_at", "payment_id"], _NAMES_SOMEONE)
    _add("attempts_phones", "attempts", ["claimed_at", "reference"], "phone IS NOT NULL")
    mails = "destination = 'payer' AND length(body) > 2"
    _add("messages_mails", "messages", ["created_at", "message_id"], mails)
    bodies = "next_try_at IS NULL AND length(sealed) > 0"
    _add("notices_bodies", "notices", ["received_at", "notice_id"], bodies)


def downgrade() -> None:
    op.drop_index("notices_bodies", "notices")
    op.drop_index("messages_mails", "messages")
    op.drop_index("attempts_phones", "attempts")
    op.drop_index("payments_people", "payments")


def _add(name: str, table: str, columns: list[str], condition: str) -> None:
    only = sa.text(condition)
    add_index(name, table, columns, sqlite_where=only, postgresql_where=only)
