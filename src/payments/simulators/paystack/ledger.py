"""Where the simulated Paystack keeps what it knows. Test and live are apart [1]."""

from typing import Any

import attrs

from payments.simulators.documents import Documents
from payments.simulators.paystack import formats
from payments.simulators.paystack.transactions import Customer, Dispute, Refund, Transaction

# Today's numbers: transactions are past 32 bits [1].
_LAST_TRANSACTION_ID = 6_641_907_105
_LAST_CUSTOMER_ID = 181_873_745
_LAST_REFUND_ID = 18_625_647
_LAST_DISPUTE_ID = 358_949


@attrs.frozen
class Ledger:
    """Transactions by domain and reference, by id and by access code; refunds and disputes by id."""

    _documents: Documents

    def next_transaction_id(self) -> int:
        return _LAST_TRANSACTION_ID + self._documents.next_number("transaction")

    def next_refund_id(self) -> int:
        return _LAST_REFUND_ID + self._documents.next_number("refund")

    def next_dispute_id(self) -> int:
        return _LAST_DISPUTE_ID + self._documents.next_number("dispute")

    def customer(self, domain: str, email: str) -> Customer:
        """Return the customer with that address, a new one where there is none."""
        key = f"{domain}:{email.lower()}"
        stored = self._documents.get("customer", key)
        if stored is not None:
            return Customer(**stored)
        number = _LAST_CUSTOMER_ID + self._documents.next_number("customer")
        customer = Customer(id=number, email=email, customer_code=formats.customer_code())
        self._documents.put("customer", key, attrs.asdict(customer))
        return customer

    def put(self, transaction: Transaction) -> None:
        key = f"{transaction.domain}:{transaction.reference}"
        self._documents.put("transaction", key, attrs.asdict(transaction))
        self._documents.put("transaction_id", str(transaction.id), {"key": key})
        self._documents.put("access_code", transaction.access_code, {"key": key})

    def by_reference(self, domain: str, reference: str) -> Transaction | None:
        return self._transaction({"key": f"{domain}:{reference}"})

    def by_id(self, transaction_id: int | str) -> Transaction | None:
        return self._transaction(self._documents.get("transaction_id", str(transaction_id)))

    def by_access_code(self, code: str) -> Transaction | None:
        return self._transaction(self._documents.get("access_code", code))

    def by_any_domain(self, reference: str) -> Transaction | None:
        """Find by reference in test mode, then in live mode."""
        return self.by_reference("test", reference) or self.by_reference("live", reference)

    def named(self, domain: str, name: Any) -> Transaction | None:
        """Find by reference or by id, as a number or as text."""
        text = str(name)
        found = self.by_reference(domain, text) or self.by_id(text)
        return found if found is not None and found.domain == domain else None

    def all(self) -> list[Transaction]:
        return [_transaction(stored) for stored in self._documents.all("transaction")]

    def put_refund(self, refund: Refund) -> None:
        self._documents.put("refund", str(refund.id), attrs.asdict(refund))

    def refund(self, refund_id: str) -> Refund | None:
        stored = self._documents.get("refund", refund_id)
        return None if stored is None else Refund(**stored)

    def refunds(self, transaction_id: int | None = None) -> list[Refund]:
        refunds = [Refund(**stored) for stored in self._documents.all("refund")]
        return [refund for refund in refunds if transaction_id in (None, refund.transaction_id)]

    def put_dispute(self, dispute: Dispute) -> None:
        self._documents.put("dispute", str(dispute.id), attrs.asdict(dispute))

    def dispute(self, dispute_id: str) -> Dispute | None:
        stored = self._documents.get("dispute", dispute_id)
        return None if stored is None else Dispute(**stored)

    def disputes(self, transaction_id: int | None = None) -> list[Dispute]:
        disputes = [Dispute(**stored) for stored in self._documents.all("dispute")]
        return [dispute for dispute in disputes if transaction_id in (None, dispute.transaction_id)]

    def _transaction(self, name: dict[str, Any] | None) -> Transaction | None:
        stored = None if name is None else self._documents.get("transaction", name["key"])
        return None if stored is None else _transaction(stored)


def _transaction(stored: dict[str, Any]) -> Transaction:
    return Transaction(**{**stored, "customer": Customer(**stored["customer"])})
