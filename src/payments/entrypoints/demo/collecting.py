"""How the collector's page talks to the payments API: as the collector at the door, as an operator inside."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import attrs

from payments.entrypoints.demo.payments_api import Answer, PaymentsApi, local_client
from payments.entrypoints.demo.surroundings import COLLECTOR, DemoAddresses


@attrs.frozen(kw_only=True)
class Collecting:
    """One collector, and the operator to whom the cash is handed over."""

    at_the_door: PaymentsApi
    inside: PaymentsApi

    async def record(self, said: dict[str, str]) -> Answer:
        """Record what happened at the door. The same ``collection_id`` is recorded once."""
        return await self.at_the_door.call("POST", "/payments/verify/cash/", said)

    async def in_hand(self) -> list[dict[str, Any]]:
        """What the collector holds, by currency."""
        answer = await self.inside.call("GET", f"/payments/cash/?collector={quote(COLLECTOR)}")
        return list(answer.body.get("data", []))

    async def hand_over(self, handover_id: str, collections: list[str]) -> Answer:
        """Record that these collections were handed over, all of them or none."""
        said = {"handover_id": handover_id, "collector": COLLECTOR, "collections": collections}
        return await self.inside.call("POST", "/payments/cash/handovers/", said)


@asynccontextmanager
async def open_collecting(
    addresses: DemoAddresses, collector_token: str, operator_token: str
) -> AsyncIterator[Collecting]:
    """Both of them, for as long as the block runs."""
    async with local_client() as client:
        yield Collecting(
            at_the_door=PaymentsApi(client=client, url=addresses.public, token=collector_token),
            inside=PaymentsApi(client=client, url=addresses.public, token=operator_token),
        )
