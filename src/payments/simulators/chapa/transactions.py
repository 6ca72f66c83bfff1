"""What Chapa knows about a payment and a refund, and where it keeps it."""

from collections.abc import Iterable
from typing import Any

import attrs

from payments.simulators.documents import Documents

# The payer's first try and ten more [3].
TRIES = 11


def _log(entries: Iterable[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
    return tuple(entries)


@attrs.frozen(kw_only=True)
class Transaction:
    """One initialized payment. Amounts are decimal text with two digits; times are seconds since the epoch.

    `status` is Chapa's word: pending, failed, success, refunded, reversed. `cancelled` is of the link only:
    cancelling does not change the status [5].
    """

    tx_ref: str
    token: str
    mode: str
    amount: str
    currency: str
    email: str | None
    first_name: str | None
    last_name: str | None
    phone_number: str | None
    callback_url: str | None
    return_url: str | None
    title: str | None
    description: str | None
    logo: str | None
    meta: Any
    created_at: float
    updated_at: float
    expires_at: float
    status: str = "pending"
    cancelled: bool = False
    failed_tries: int = 0
    reference: str | None = None
    method: str | None = None
    charge: str | None = None
    failure_reason: str | None = None
    events: tuple[dict[str, Any], ...] = attrs.field(default=(), converter=_log)

    @property
    def customization(self) -> dict[str, str | None]:
        return {"title": self.title, "description": self.description, "logo": self.logo}

    @property
    def paid(self) -> bool:
        return self.status in {"success", "refunded", "reversed"}

    def link(self, now: float) -> str:
        """Return `paid`, `cancelled`, `expired` or `open`."""
        if self.paid:
            return "paid"
        if self.cancelled:
            return "cancelled"
        return "expired" if now >= self.expires_at or self.failed_tries >= TRIES else "open"

    def changed(self, now: float, event: str, **changes: Any) -> "Transaction":
        """Return the transaction after a change, with the event in its log."""
        entry = {"message": event, "type": "log", "at": now}
        return attrs.evolve(self, updated_at=now, events=(*self.events, entry), **changes)


@attrs.frozen(kw_only=True)
class Refund:
    """One refund.

    `status` is initiated, refunded or reversed. `reference` is the merchant's, unique if given.
    """

    ref: str
    tx_ref: str
    amount: str
    currency: str
    reason: str | None
    reference: str | None
    created_at: float
    updated_at: float
    status: str = "initiated"


@attrs.frozen
class Ledger:
    """Transactions by `tx_ref`, by checkout token and by Chapa's reference; refunds by `ref`."""

    _documents: Documents

    def put(self, transaction: Transaction) -> None:
        self._documents.put("transaction", transaction.tx_ref, attrs.asdict(transaction))
        self._documents.put("name", transaction.token, {"tx_ref": transaction.tx_ref})
        if transaction.reference is not None:
            self._documents.put("name", transaction.reference, {"tx_ref": transaction.tx_ref})

    def by_tx_ref(self, tx_ref: str) -> Transaction | None:
        stored = self._documents.get("transaction", tx_ref)
        return None if stored is None else Transaction(**stored)

    def by_name(self, name: str) -> Transaction | None:
        """Find by checkout token or by Chapa's reference."""
        stored = self._documents.get("name", name)
        return None if stored is None else self.by_tx_ref(stored["tx_ref"])

    def all(self) -> list[Transaction]:
        return [Transaction(**stored) for stored in self._documents.all("transaction")]

    def put_refund(self, refund: Refund) -> None:
        self._documents.put("refund", refund.ref, attrs.asdict(refund))

    def refund(self, ref: str) -> Refund | None:
        stored = self._documents.get("refund", ref)
        return None if stored is None else Refund(**stored)

    def refunds(self, tx_ref: str | None = None) -> list[Refund]:
        refunds = [Refund(**stored) for stored in self._documents.all("refund")]
        return [refund for refund in refunds if tx_ref in (None, refund.tx_ref)]
