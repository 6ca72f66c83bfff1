"""The HTTP interface over a real database, where providers, time and money do as a test says."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import Any

import attrs
import httpx

from payments.adapters.sql.postgres import open_postgres
from payments.adapters.sql.sqlite import open_sqlite
from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.records import Claim
from payments.testing import ScriptedProvider, cash_on_delivery, in_memory_payments
from payments.testing.provider import ScriptedRefunds
from tests.e2e.databases import Database
from tests.integration.http.door import Door, bearer, open_door

OPERATOR = bearer("boss", "payments:operate")
REFUNDER = bearer("clerk", "payments:refund")
RIDER = bearer("rider_7", "payments:collect")


@attrs.frozen(kw_only=True)
class Scripted(Door):
    """A running application with ``order_1`` (1000.00 ETB of ``user_1``), cash and two scripted providers."""

    provider: ScriptedProvider
    """Called ``scripted``, as :attr:`other` is called ``other``."""
    other: ScriptedProvider

    @property
    def refunds(self) -> ScriptedRefunds:
        """How ``scripted`` sends money back."""
        assert self.provider.refunds is not None
        return self.provider.refunds

    async def ask(self, reference: str) -> None:
        """Have the provider asked, as the schedule would."""
        await self.kit.payments.settle(reference)

    async def hear(self, reference: str, claim: Claim = Claim.PAID, **more: Any) -> httpx.Response:
        """A signed notice comes in; nobody has worked on it yet."""
        said = {"at": self.kit.clock.now().isoformat()} | more
        notice = self.provider.notice(reference, claim, **said)
        path = f"/payments/verify/{self.provider.name}/"
        return await self.anonymous("POST", path, content=notice.body, headers=dict(notice.headers))

    async def paid(self) -> dict[str, Any]:
        """The checkout of ``order_1``, which was paid and is told so."""
        opened = await self.initiated()
        self.provider.pays(opened["reference"])
        await self.ask(opened["reference"])
        assert await self.told() == ["paid"]
        return opened

    async def payment(self, payment_id: str) -> dict[str, Any]:
        answer = await self.client.get(f"/payments/{payment_id}/")
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def refund(self, payment_id: str, amount: str, *, key: str, **more: str) -> httpx.Response:
        body = {"amount": amount, "reason": "it came back"} | more
        path = f"/payments/{payment_id}/refunds/"
        return await self.client.post(path, json=body, headers=REFUNDER | {"Idempotency-Key": key})

    async def refund_statuses(self, payment_id: str) -> list[str]:
        return [refund["status"] for refund in (await self.payment(payment_id))["refunds"]]

    async def cash(self) -> tuple[dict[str, Any], str]:
        """The checkout of ``order_1`` when it is to be paid at the door, and its delivery code."""
        opened = await self.initiated(provider="cash")
        return opened, await self.kit.delivery_code(opened["checkout_url"])

    async def collect(
        self, name: str, code: str | None, amount: str = "1000.00", **more: str
    ) -> httpx.Response:
        """A rider records under ``name`` what they were given for ``order_1``."""
        body = {"collection_id": name, "order_id": "order_1", "outcome": "collected"}
        body |= {"amount": amount, "currency": "ETB"} | ({"delivery_code": code} if code else {}) | more
        return await self.anonymous("POST", "/payments/verify/cash/", json=body, headers=RIDER)

    async def reviews(self) -> list[dict[str, Any]]:
        """The questions that wait for a person, newest first."""
        answer = await self.client.get("/payments/reviews/", headers=OPERATOR)
        assert answer.status_code == 200, answer.text
        return list(answer.json()["data"])

    async def kinds(self) -> list[str]:
        return [review["kind"] for review in await self.reviews()]

    async def decide(self, decision: str, **details: str) -> httpx.Response:
        """An operator decides the one question there is."""
        (review,) = await self.reviews()
        wish = {"decision": decision, "reason": "seen"} | details
        path = f"/payments/reviews/{review['review_id']}/resolve/"
        return await self.client.post(path, json=wish, headers=OPERATOR)

    async def told(self) -> list[str]:
        """What the orders service was told about ``order_1``, now that all is told."""
        await self.kit.work()
        return [message.kind for message in self.kit.orders.received if message.order_id == "order_1"]

    async def pass_time(self, *, step: timedelta = timedelta(seconds=30), **span: float) -> None:
        """Let the time pass with the worker at work."""
        await self.kit.pass_time(timedelta(**span), step=step)


@asynccontextmanager
async def open_scripted(database: Database) -> AsyncIterator[Scripted]:
    """An application over ``database``. When it ends, every promise must be kept."""
    provider, other = ScriptedProvider(), ScriptedProvider(name="other")
    async with units_of(database) as units:
        kit = in_memory_payments(provider, other, cash=cash_on_delivery(), unit_of_work=units)
        async with open_door(kit) as door:
            yield Scripted(kit=kit, client=door.client, woken=door.woken, provider=provider, other=other)
        assert await kit.payments.check() == ()


def units_of(database: Database) -> AbstractAsyncContextManager[UnitOfWork]:
    """Units of work on ``database``."""
    if database.by_many:
        return open_postgres(database.url)
    return open_sqlite(database.url.removeprefix("sqlite:///"))
