"""People who order, pay, come back, want money back and pay at the door, whatever becomes of the service.

Each repeats what was not answered, as a browser, a shop or a collector would, with the same order, the same
idempotency key or the same collection. What they were answered goes into the log of what was acknowledged.
"""

import asyncio
import itertools
import random
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

import attrs
import httpx

from tests.crash.acknowledged import Acknowledged
from tests.e2e.story import Story, token

AT_ONCE = 8
"""How many of them there are."""

PATIENCE_S = 20.0
"""After that long without an answer somebody goes away, and nothing more is heard of the order."""

_AGAIN_S = 0.1
_CODE = re.compile(r'aria-label="Delivery code">([0-9]{6})<')


@attrs.define
class Load:
    """The crowd. It ends when :attr:`is_open` is False and everybody has left."""

    story: Story
    acknowledged: Acknowledged
    chance: random.Random
    """Who orders what, and when."""
    is_open: bool = attrs.field(default=True, init=False)
    defects: list[str] = attrs.field(factory=list, init=False)
    """Answers that nobody may be given, whatever dies: a 500."""
    _numbers: Iterator[int] = attrs.field(factory=lambda: itertools.count(1), init=False)
    _collector: str = attrs.field(factory=lambda: token("rider_7", scope="payments:collect"), init=False)
    _clerk: str = attrs.field(factory=lambda: token("clerk", scope="payments:refund"), init=False)

    async def come_and_go(self) -> None:
        """One after the other comes, for as long as we are open."""
        while self.is_open:
            visit = self.chance.choice(
                (self._pays_on_a_page, self._pays_on_a_page, self._pays_by_prompt, self._pays_at_the_door)
            )
            await visit()

    async def _pays_on_a_page(self) -> None:
        provider, currency = self.chance.choice((("chapa", "ETB"), ("paystack", "NGN")))
        opened = await self._initiated(provider, self.chance.choice(("1000.00", "249.75", "80.00")), currency)
        if opened is None:
            return
        reference = opened["reference"]
        await self._outside(f"/{provider}/_sim/transactions/{reference}/pay")
        if self.chance.random() < 0.7:
            await self._get(f"/payments/verify/{provider}/?trx_ref={reference}", opened)
        if await self._sees_it_paid(opened) and self.chance.random() < 0.5:
            await self._wants_money_back(opened)

    async def _pays_by_prompt(self) -> None:
        opened = await self._initiated("mpesa", self.chance.choice(("1500.00", "320.00")), "KES")
        if opened is None:
            return
        told = await self._get(f"/payments/{opened['payment_id']}/", opened)
        if told is None:
            return
        prompts = {tried["reference"]: tried["provider_reference"] for tried in told.json()["attempts"]}
        if prompt := prompts[opened["reference"]]:
            await self._outside(f"/mpesa/_sim/prompts/{prompt}/approve")
            await self._sees_it_paid(opened)

    async def _pays_at_the_door(self) -> None:
        opened = await self._initiated("cash", "480.00", "ETB")
        if opened is None:
            return
        page = await self._get(opened["checkout_url"], opened)
        shown = _CODE.search("" if page is None else page.text)
        if shown is None:
            return
        body = {
            "collection_id": f"collection-of-{opened['reference']}",
            "reference": opened["reference"],
            "outcome": "collected",
            "delivery_code": shown[1],
            "amount": "480.00",
            "currency": "ETB",
        }
        answer = await self._answer(lambda: self._post("/payments/verify/cash/", self._collector, body))
        if answer is not None and answer.is_success:
            self.acknowledged.collections[body["collection_id"]] = (opened["order_id"], 48_000)

    async def _initiated(self, provider: str, amount: str, currency: str) -> dict[str, Any] | None:
        """What initiate answered about a fresh order, with the order and its payer's token."""
        number = next(self._numbers)
        order_id, payer = f"order_under_load_{number}", f"payer_{number}"
        customer = {
            "email": f"{payer}@shop.et",
            "first_name": "Sara",
            "last_name": "Tesfaye",
            "phone_number": f"2547{number:08d}",
        }
        await self.story.outside.put_order(
            order_id, user_id=payer, amount=amount, currency=currency, customer=customer
        )
        bearer, path = token(payer), f"/payments/initiate/{order_id}/"
        key = {"Idempotency-Key": f"order-{number}"} if number % 2 else {}
        answer = await self._answer(lambda: self._post(path, bearer, {"provider": provider}, key))
        if answer is None or answer.status_code != HTTPStatus.OK:
            return None
        told: dict[str, Any] = answer.json()
        self.acknowledged.attempts[told["reference"]] = told["payment_id"]
        return told | {"order_id": order_id, "bearer": bearer, "amount": amount}

    async def _sees_it_paid(self, opened: dict[str, Any]) -> bool:
        """Whether the payer was shown that it is paid, before they lost interest."""
        for _ in range(self.chance.randrange(3, 20)):
            answer = await self._get(f"/payments/{opened['payment_id']}/", opened)
            if answer is None:
                return False
            if answer.status_code == HTTPStatus.OK and answer.json()["status"] == "success":
                self.acknowledged.paid.add(opened["payment_id"])
                return True
            await asyncio.sleep(_AGAIN_S)
        return False

    async def _wants_money_back(self, opened: dict[str, Any]) -> None:
        whole = self.chance.random() < 0.5
        body = {"amount": opened["amount"] if whole else "30.00", "reason": "it came back"}
        key = {"Idempotency-Key": f"refund-of-{opened['reference']}"}
        path = f"/payments/{opened['payment_id']}/refunds/"
        answer = await self._answer(lambda: self._post(path, self._clerk, body, key))
        if answer is not None and answer.is_success:
            self.acknowledged.refunds[answer.json()["refund_id"]] = opened["payment_id"]

    async def _post(
        self, path: str, bearer: str, body: dict[str, Any], more: dict[str, str] | None = None
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {bearer}"} | (more or {})
        return await self.story.client.post(path, json=body, headers=headers)

    async def _get(self, path: str, opened: dict[str, Any]) -> httpx.Response | None:
        headers = {"Authorization": f"Bearer {opened['bearer']}"}
        return await self._answer(lambda: self.story.client.get(path, headers=headers))

    async def _outside(self, path: str) -> None:
        """Something happens at a provider; what is paid or gone already answers 409, which is no matter."""
        await self.story.outside.client.post(path, json={})

    async def _answer(self, send: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response | None:
        """The answer to somebody who comes back until there is one, or who has left at last."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while self.is_open:
                    answer = await self._one_answer(send)
                    if answer is not None:
                        return answer
                    await asyncio.sleep(_AGAIN_S)
        except TimeoutError:
            return None
        return None

    async def _one_answer(self, send: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response | None:
        try:
            answer = await send()
        except httpx.TransportError:
            return None
        if answer.status_code == HTTPStatus.INTERNAL_SERVER_ERROR:
            failed = [line["exception"] for line in self.story.service.events("request_failed")]
            self.defects.append(f"{answer.request.url} was answered 500: {failed[-1:] or answer.text}")
        come_back = "retry-after" in answer.headers or answer.is_server_error
        return None if come_back else answer


@asynccontextmanager
async def load(story: Story, acknowledged: Acknowledged, seed: int) -> AsyncIterator[Load]:
    """A crowd at the doors of ``story``'s service until the block ends; then everybody may finish."""
    crowd = Load(story, acknowledged, random.Random(seed))  # noqa: S311 -- a seed is wanted
    visitors = [asyncio.create_task(crowd.come_and_go()) for _ in range(AT_ONCE)]
    try:
        yield crowd
    finally:
        crowd.is_open = False
        await asyncio.gather(*visitors)
