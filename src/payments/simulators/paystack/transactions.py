"""What Paystack knows about a payment, a refund and a dispute."""

from collections.abc import Iterable
from typing import Any

import attrs


def _log(entries: Iterable[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
    return tuple(entries)


@attrs.frozen(kw_only=True)
class Customer:
    """Who pays: one for each e-mail address and domain."""

    id: int
    email: str
    customer_code: str


@attrs.frozen(kw_only=True)
class Transaction:
    """One payment. Amounts are subunits; times are seconds since the epoch.

    `status` is Paystack's word, and `abandoned` until somebody pays [5]. `amount` is what was charged,
    `requested_amount` what was asked for [2]. `waiting` is what a direct charge still
    asks for, and what it then does [7]. `refund_end` is what becomes of a refund, by what paid [12].
    """

    id: int
    domain: str
    reference: str
    access_code: str
    requested_amount: int
    amount: int
    currency: str
    customer: Customer
    metadata: Any
    callback_url: str | None
    channels: tuple[str, ...] | None
    label: str | None
    entry_point: str
    created_at: float
    status: str = "abandoned"
    paid_at: float | None = None
    channel: str | None = None
    gateway_response: str | None = None
    fees: int | None = None
    authorization: dict[str, Any] = attrs.field(factory=dict)
    refund_end: str = "processed"
    waiting: dict[str, Any] | None = None
    attempts: int = 0
    errors: int = 0
    started_at: float | None = None
    history: tuple[dict[str, Any], ...] = attrs.field(default=(), converter=_log)

    @property
    def paid(self) -> bool:
        """Whether money arrived, returned later or not."""
        return self.paid_at is not None

    @property
    def cancel_action(self) -> str | None:
        """Where the customer goes who cancels [3]."""
        found = self.metadata.get("cancel_action") if isinstance(self.metadata, dict) else None
        return found if isinstance(found, str) else None

    def logged(self, now: float, kind: str, message: str, **changes: Any) -> "Transaction":
        """Return the transaction after a change, with a line in its log; the first starts the clock."""
        started_at = self.started_at or now
        entry = {"type": kind, "message": message, "time": int(now - started_at)}
        return attrs.evolve(self, started_at=started_at, history=(*self.history, entry), **changes)


@attrs.frozen(kw_only=True)
class Refund:
    """One refund; `status` is pending, processing, processed, failed or needs-attention [8]."""

    id: int
    transaction_id: int
    amount: int
    currency: str
    customer_note: str
    merchant_note: str
    created_at: float
    updated_at: float
    end: str
    status: str = "pending"
    reference: str | None = None
    refunded_at: float | None = None

    @property
    def counts(self) -> bool:
        """Whether the amount is gone from what is left: a failed one goes back to the merchant."""
        return self.status != "failed"

    @property
    def under_way(self) -> bool:
        return self.status in {"pending", "processing", "needs-attention"}


@attrs.frozen(kw_only=True)
class Dispute:
    """One dispute. `resolution` is merchant-accepted, declined or auto-accepted once it is resolved [9]."""

    id: int
    transaction_id: int
    refund_amount: int
    category: str
    created_at: float
    updated_at: float
    due_at: float
    status: str = "awaiting-merchant-feedback"
    resolution: str | None = None
    resolved_at: float | None = None
    evidence: dict[str, Any] | None = None
    note: str | None = None
    history: tuple[dict[str, Any], ...] = attrs.field(default=(), converter=_log)
    messages: tuple[dict[str, Any], ...] = attrs.field(default=(), converter=_log)

    def changed(self, now: float, by: str, **changes: Any) -> "Dispute":
        """Return the dispute after a change, with a line in its history."""
        after = attrs.evolve(self, updated_at=now, **changes)
        return attrs.evolve(after, history=(*self.history, {"status": after.status, "by": by, "at": now}))
