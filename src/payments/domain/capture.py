"""A capture: money that arrived, whatever it then turns out to be."""

import enum
from datetime import datetime
from uuid import UUID

import attrs

from payments.domain.evidence import Mode
from payments.domain.money import Money
from payments.domain.transitions import Disposition


class Vouched(enum.Enum):
    """What a person said of money that is here by their word (docs/model.md section 8)."""

    ATTACHED = "attached"
    """It was paid elsewhere, and belongs to this attempt: it says nothing of the attempt's own page."""
    RECORDED = "recorded"
    """They saw it at the provider. The name they gave it may be none by which the provider attests it."""


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
    vouched: Vouched | None = None
    """By whose word it is here: the provider's, or a collector's, if it is None."""
    accepted: bool = False
    """A person took it for the payment, although it is not what was due."""

    @property
    def attached(self) -> bool:
        """Whether it was paid elsewhere, and a person put it to this attempt."""
        return self.vouched is Vouched.ATTACHED

    @property
    def paid_on(self) -> str | None:
        """The reference of the attempt on whose page it was paid; None: elsewhere, and its key says where."""
        return None if self.attached else self.reference

    @property
    def known_receipt(self) -> str | None:
        """The receipt by which its provider would find it: what a person recorded may bear no other name."""
        return self.receipt or (self.key if self.vouched is Vouched.RECORDED else None)

    @property
    def names(self) -> frozenset[str]:
        """All names of this money."""
        return frozenset({self.key} if self.receipt is None else {self.key, self.receipt})
