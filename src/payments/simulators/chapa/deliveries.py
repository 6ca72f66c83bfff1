"""Webhooks and callbacks on their way: stored before they are sent, tried again, resumed after a restart."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from weakref import WeakValueDictionary

import attrs
import httpx

from payments.simulators.chapa.config import ChapaSimulatorConfig
from payments.simulators.documents import Documents

_KIND = "delivery"
_HELD = "held"
# "Every 10 minutes, up to 10 attempts"; a callback is documented once [6.2, 3].
_TRIES = {"webhook": 10, "callback": 1}
_ACCEPTED = 200
_LONGEST_ANSWER_CHARACTERS = 2000


def _log(entries: Iterable[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
    return tuple(entries)


@attrs.frozen(kw_only=True)
class Delivery:
    """One message to the merchant; `state` is pending, delivered, gave_up or lost.

    `held` is a pending webhook that waits for the transaction's next one to go first; `due_at` is when it
    goes at the latest.
    """

    id: str
    kind: str
    tx_ref: str
    event: str
    method: str
    url: str
    headers: dict[str, str]
    body: str
    created_at: float
    due_at: float
    state: str = "pending"
    held: bool = False
    tries: tuple[dict[str, Any], ...] = attrs.field(default=(), converter=_log)


Groups = Sequence[Sequence[Delivery]]


@attrs.define
class Deliveries:
    """Sends what is stored. `running` owns the tasks; a delivery has one at most."""

    _documents: Documents
    _config: ChapaSimulatorConfig
    _client: httpx.AsyncClient | None = attrs.field(default=None, init=False)
    _waiting: dict[str, asyncio.Task[None]] = attrs.field(factory=dict, init=False)
    _chains: set[asyncio.Task[None]] = attrs.field(factory=set, init=False)
    _latest: WeakValueDictionary[str, asyncio.Task[None]] = attrs.field(
        factory=WeakValueDictionary, init=False
    )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with httpx.AsyncClient(timeout=self._config.webhook_timeout_s, trust_env=False) as client:
            self._client = client
            for delivery in self.all():
                if delivery.state == "pending":
                    self._wait_for(delivery)
            try:
                yield
            finally:
                tasks = [*self._chains, *self._waiting.values()]
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                self._waiting.clear()
                self._client = None

    def all(self) -> list[Delivery]:
        return [Delivery(**stored) for stored in self._documents.all(_KIND)]

    def get(self, delivery_id: str) -> Delivery | None:
        stored = self._documents.get(_KIND, delivery_id)
        return None if stored is None else Delivery(**stored)

    def held(self, tx_ref: str) -> list[str]:
        """Return the ids of the deliveries that wait for a newer webhook of the transaction."""
        stored = self._documents.get(_HELD, tx_ref)
        return [] if stored is None else list(stored["ids"])

    def put(self, delivery: Delivery) -> None:
        self._documents.put(_KIND, delivery.id, attrs.asdict(delivery))

    def start(
        self, tx_ref: str, groups: Groups, then: Groups = (), then_after_s: float = 0.0
    ) -> asyncio.Event:
        """Store all messages of one event, then try them once, group after group.

        The event is set when `groups` were tried; those of `then` follow after a while. Events of one
        transaction go in turn, but what is late or held back is not waited for.
        """
        for delivery in (one for group in (*groups, *then) for one in group):
            self.put(delivery)
            if delivery.held:
                ids = [*self.held(tx_ref), delivery.id]
                self._documents.put(_HELD, tx_ref, {"ids": ids})
        tried = asyncio.Event()
        earlier = self._latest.get(tx_ref)
        chain = self._chain(earlier, groups, tried, then, then_after_s)
        task = asyncio.get_running_loop().create_task(chain)
        self._latest[tx_ref] = task
        self._chains.add(task)
        task.add_done_callback(self._chains.discard)
        return tried

    async def send_now(self, delivery: Delivery) -> Delivery:
        """Send once, whatever its state, and return it with the answer.

        A failed try is not followed by others.
        """
        return await self._try(delivery)

    def forget(self) -> None:
        """Stop everything that is on its way."""
        for task in (*self._chains, *self._waiting.values()):
            task.cancel()
        self._waiting.clear()

    async def _chain(
        self,
        earlier: asyncio.Task[None] | None,
        groups: Groups,
        tried: asyncio.Event,
        then: Groups,
        then_after_s: float,
    ) -> None:
        if earlier is not None:
            await asyncio.wait({earlier})
        for group in groups:
            await self._first_tries(group)
        tried.set()
        if then:
            await asyncio.sleep(then_after_s)
        for group in then:
            await self._first_tries(group)

    async def _first_tries(self, group: Sequence[Delivery]) -> None:
        await asyncio.gather(*(self._first_try(delivery) for delivery in group))
        for delivery in group:
            if delivery.kind == "webhook" and not delivery.held:
                self._release_held(delivery)

    async def _first_try(self, delivery: Delivery) -> None:
        if delivery.state != "pending":
            return
        if delivery.due_at <= time.time():
            delivery = await self._try(delivery)
        if delivery.state == "pending":
            self._wait_for(delivery)

    def _release_held(self, newer: Delivery) -> None:
        """Let go what was held back until this newer webhook of its transaction had been tried."""
        for delivery_id in self.held(newer.tx_ref):
            held = self.get(delivery_id)
            if held is not None and held.held and held.state == "pending":
                released = attrs.evolve(held, held=False, due_at=time.time())
                self.put(released)
                self._wait_for(released)
        self._documents.remove(_HELD, newer.tx_ref)

    def _wait_for(self, delivery: Delivery) -> None:
        if (task := self._waiting.pop(delivery.id, None)) is not None:
            task.cancel()
        self._waiting[delivery.id] = asyncio.get_running_loop().create_task(self._until_done(delivery))

    async def _until_done(self, delivery: Delivery) -> None:
        while delivery.state == "pending":
            await asyncio.sleep(max(0.0, delivery.due_at - time.time()))
            # It may have been sent by hand, or forgotten, in the meantime.
            stored = self.get(delivery.id)
            if stored is None or stored.state != "pending":
                break
            delivery = await self._try(attrs.evolve(stored, held=False))
        self._waiting.pop(delivery.id, None)

    async def _try(self, delivery: Delivery) -> Delivery:
        answer = await self._answer_to(delivery)
        now = time.time()
        tries = (*delivery.tries, {"at": now, **answer})
        if answer["status"] == _ACCEPTED:
            state = "delivered"
        elif len(tries) >= _TRIES[delivery.kind]:
            state = "gave_up"
        else:
            state = delivery.state
        tried = attrs.evolve(delivery, tries=tries, state=state, due_at=now + self._config.retry_unit_s)
        self.put(tried)
        return tried

    async def _answer_to(self, delivery: Delivery) -> dict[str, Any]:
        if self._client is None:
            raise RuntimeError("The simulator is not running: hold it open with `async with running(app)`.")
        try:
            response = await self._client.request(
                delivery.method, delivery.url, headers=delivery.headers, content=delivery.body.encode()
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return {"status": None, "answer": None, "error": f"{type(error).__name__}: {error}"}
        return {
            "status": response.status_code,
            "answer": response.text[:_LONGEST_ANSWER_CHARACTERS],
            "error": None,
        }
