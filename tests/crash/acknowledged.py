"""What a service said yes to, as those who asked it remember; and what of that its tables do not hold."""

import hashlib
from typing import Any
from urllib.parse import urlsplit

import attrs

from payments.application.tokens import hash_of
from tests.e2e.databases import Database
from tests.e2e.outside_world import Outside


@attrs.frozen
class Acknowledged:
    """Only what was answered 2xx is in here: whoever got no answer was promised nothing."""

    attempts: dict[str, str] = attrs.field(factory=dict)
    """Payment by reference: an initiate that was answered with a checkout."""
    paid: set[str] = attrs.field(factory=set)
    """Payments that their payer was shown as paid."""
    refunds: dict[str, str] = attrs.field(factory=dict)
    """Payment by refund."""
    collections: dict[str, tuple[str, int]] = attrs.field(factory=dict)
    """Order and minor units by the collector's record."""
    notices: set[tuple[str, str, str]] = attrs.field(factory=set)
    """Provider, address and body of each webhook or callback whose sender was answered 200."""

    def count(self) -> int:
        kinds = (self.attempts, self.paid, self.refunds, self.collections, self.notices)
        return sum(len(kind) for kind in kinds)

    def writes(self) -> int:
        """How many of them somebody waited for who wanted something written."""
        return len(self.attempts) + len(self.refunds) + len(self.collections)

    async def ask_the_providers(self, outside: Outside) -> None:
        """Take in which webhooks and callbacks the providers were answered 200."""
        for provider, word in (("chapa", "webhooks"), ("paystack", "webhooks"), ("mpesa", "callbacks")):
            told = (await outside.client.get(f"/{provider}/_sim/{word}")).json()[word]
            self.notices.update(
                (provider, sent["url"], sent["body"])
                for sent in told
                if sent["method"] == "POST" and any(tried["status"] == 200 for tried in sent["tries"])
            )

    def lost(self, database: Database) -> list[str]:
        """A sentence for each thing that was acknowledged and is not there."""
        return [
            *self._lost_attempts(database),
            *self._lost_payments(database),
            *self._lost_refunds(database),
            *self._lost_collections(database),
            *self._lost_notices(database),
        ]

    def _lost_attempts(self, database: Database) -> list[str]:
        there = dict(database.rows("SELECT reference, payment_id FROM attempts"))
        return [
            f"the attempt {reference} of payment {payment_id}"
            for reference, payment_id in self.attempts.items()
            if there.get(reference) != payment_id
        ]

    def _lost_payments(self, database: Database) -> list[str]:
        there = {
            name for (name,) in database.rows("SELECT payment_id FROM payments WHERE status = 'success'")
        }
        return [f"the payment {payment_id}, shown as paid" for payment_id in sorted(self.paid - there)]

    def _lost_refunds(self, database: Database) -> list[str]:
        there = dict(database.rows("SELECT refund_id, payment_id FROM refunds"))
        return [
            f"the refund {refund_id} of payment {payment_id}"
            for refund_id, payment_id in self.refunds.items()
            if there.get(refund_id) != payment_id
        ]

    def _lost_collections(self, database: Database) -> list[str]:
        rows = database.rows(
            "SELECT collection_id, payments.order_id, collections.amount_minor"
            " FROM collections JOIN payments USING (payment_id)"
        )
        there = {collection_id: (order_id, minor) for collection_id, order_id, minor in rows}
        return [
            f"the cash record {collection_id} of {minor} for {order_id}"
            for collection_id, (order_id, minor) in self.collections.items()
            if there.get(collection_id) != (order_id, minor)
        ]

    def _lost_notices(self, database: Database) -> list[str]:
        there = {digest for (digest,) in database.rows("SELECT digest FROM notices")}
        named: dict[Any, str] = dict(
            database.rows(
                "SELECT callback_token_hash, reference FROM attempts WHERE callback_token_hash IS NOT NULL"
            )
        )
        return [
            f"the notice {provider} sent to {url}: {body[:120]}"
            for provider, url, body in sorted(self.notices)
            if _digest(provider, url, body, named) not in there
        ]


def _digest(provider: str, url: str, body: str, named: dict[Any, str]) -> str:
    """The name under which a notice is kept; a callback's holds whose address it was sent to."""
    whose = []
    if provider == "mpesa":
        token = urlsplit(url).path.rstrip("/").rpartition("/")[2]
        whose = [named.get(hash_of(token), "nobody")]
    parts = (provider, *whose, body)
    return hashlib.sha256(b"\x00".join(part.encode() for part in parts)).hexdigest()
