"""Webhooks and callbacks on their way: stored before they are sent, tried again, resumed after a restart."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol
from weakref import WeakValueDictionary

import attrs
import httpx

from payments.simulators.documents import Documents

_KIND = "delivery"
_HELD = "held"
_ACCEPTED = 200
_LONGEST_ANSWER_CHARACTERS = 2000


def _log(entries: Iterable[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
    return tuple(entries)


@attrs.frozen(kw_only=True)
class Delivery:
    """One message to the merchant about one subject; `state` is pending, delivered, gave_up or lost.

    `held` is a pending webhook that waits for the subject's next one to go first; `due_at` is when it
    goes at the latest; `schedule` names the waits between its tries.
    """

    id: str
    kind: str
    schedule: str
    subject: str
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


class WebhookSwitches(Protocol):
    """The switches of every provider that sends webhooks."""

    @property
    def webhook_delay_s(self) -> float: ...
    @property
    def webhook_lost(self) -> bool: ...
    @property
    def webhook_copies(self) -> int: ...
    @property
    def webhook_reordered(self) -> bool: ...
    @property
    def webhook_hold_s(self) -> float: ...


@attrs.define
class Deliveries:
    """Sends what is stored. `running` owns the tasks; a delivery has one at most.

    `waits_s` tells for each schedule how long to wait after a failed try, and so how many there are: one more
    than waits.
    """

    _documents: Documents
    _timeout_s: float
    _waits_s: Mapping[str, Sequence[float]]
    _client: httpx.AsyncClient | None = attrs.field(default=None, init=False)
    _waiting: dict[str, asyncio.Task[None]] = attrs.field(factory=dict, init=False)
    _chains: set[asyncio.Task[None]] = attrs.field(factory=set, init=False)
    _latest: WeakValueDictionary[str, asyncio.Task[None]] = attrs.field(
        factory=WeakValueDictionary, init=False
    )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with httpx.AsyncClient(timeout=self._timeout_s, trust_env=False) as client:
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

    def held(self, subject: str) -> list[str]:
        """Return the ids of the deliveries that wait for a newer webhook of the subject."""
        stored = self._documents.get(_HELD, subject)
        return [] if stored is None else list(stored["ids"])

    def put(self, delivery: Delivery) -> None:
        self._documents.put(_KIND, delivery.id, attrs.asdict(delivery))

    def new_webhooks(
        self,
        switches: WebhookSwitches,
        *,
        schedule: str,
        subject: str,
        event: str,
        url: str,
        signed: Mapping[str, str],
        body: str,
    ) -> list[Delivery]:
        """Return the wanted copies of a webhook, each as late, lost or held back as the switches say."""
        held = switches.webhook_reordered and not self.held(subject)
        now = time.time()
        webhook = Delivery(
            id="",
            kind="webhook",
            schedule=schedule,
            subject=subject,
            event=event,
            method="POST",
            url=url,
            headers={"content-type": "application/json", **signed},
            body=body,
            created_at=now,
            due_at=now + (switches.webhook_hold_s if held else switches.webhook_delay_s),
            state="lost" if switches.webhook_lost else "pending",
            held=held,
        )
        return [attrs.evolve(webhook, id=secrets.token_hex(8)) for _ in range(switches.webhook_copies)]

    def start(
        self, subject: str, groups: Groups, then: Groups = (), then_after_s: float = 0.0
    ) -> asyncio.Event:
        """Store all messages of one event, then try them once, group after group.

        The event is set when `groups` were tried; those of `then` follow after a while. Events of one
        subject go in turn, but what is late or held back is not waited for.
        """
        for delivery in (one for group in (*groups, *then) for one in group):
            self.put(delivery)
            if delivery.held:
                ids = [*self.held(subject), delivery.id]
                self._documents.put(_HELD, subject, {"ids": ids})
        tried = asyncio.Event()
        earlier = self._latest.get(subject)
        chain = self._chain(earlier, groups, tried, then, then_after_s)
        task = asyncio.get_running_loop().create_task(chain)
        self._latest[subject] = task
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
        """Let go what was held back until this newer webhook of its subject had been tried."""
        for delivery_id in self.held(newer.subject):
            held = self.get(delivery_id)
            if held is not None and held.held and held.state == "pending":
                released = attrs.evolve(held, held=False, due_at=time.time())
                self.put(released)
                self._wait_for(released)
        self._documents.remove(_HELD, newer.subject)

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
        waits_s = self._waits_s[delivery.schedule]
        if answer["status"] == _ACCEPTED:
            state = "delivered"
        elif len(tries) > len(waits_s):
            state = "gave_up"
        else:
            state = delivery.state
        wait_s = waits_s[len(tries) - 1] if len(tries) <= len(waits_s) else 0.0
        tried = attrs.evolve(delivery, tries=tries, state=state, due_at=now + wait_s)
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
