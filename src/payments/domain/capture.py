"""A capture: money that arrived, whatever it then turns out to be."""

from datetime import datetime
from uuid import UUID

import attrs

from payments.domain.evidence import Mode
from payments.domain.money import Money
from payments.domain.transitions import Disposition


@attrs.frozen(kw_only=True)
class Capture:
    """One provider transaction, or one cash record. ``key`` is unique per provider and mode."""

    capture_id: UUID
    reference: str
    provider: str
    mode: Mode
    key: str
    amount: Money
    disposition: Disposition
    captured_at: datetime
    receipt: str | None = None
    attached: bool = False
    """A person put it to this attempt (docs/model.md section 8): it was paid elsewhere, and says nothing of
    the attempt's own page."""
