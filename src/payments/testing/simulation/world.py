"""One history's world: its loop, its weather, everybody outside, the database, and the processes over it."""

import asyncio
import hashlib
import json
from collections.abc import Callable, Coroutine
from typing import Any

import attrs

from payments.adapters.memory.repository import Tables
from payments.adapters.memory.shared_state import MemorySharedState
from payments.application.payments import Payments
from payments.application.ports.clock import Clock
from payments.application.ports.providers import Provider
from payments.application.records import Claim, Message
from payments.application.tokens import hash_of
from payments.testing.cash import cash_on_delivery
from payments.testing.identifiers import CountingIdentifiers
from payments.testing.simulation.behaviours import Behaviour
from payments.testing.simulation.chance import Chance
from payments.testing.simulation.coverage import Coverage
from payments.testing.simulation.faults import Fault, Weather
from payments.testing.simulation.judge import Judge
from payments.testing.simulation.ledger import PAGES, PROMPTS, Ledger
from payments.testing.simulation.loop import Pick, VirtualLoop
from payments.testing.simulation.mail import SimulatedMail
from payments.testing.simulation.orders import SimulatedOrdersService
from payments.testing.simulation.outages import Outage
from payments.testing.simulation.plan import Plan
from payments.testing.simulation.post import Post
from payments.testing.simulation.processes import Host, Machine, Process, Steps
from payments.testing.simulation.prompts import SimulatedPrompts
from payments.testing.simulation.provider import SimulatedProvider
from payments.testing.simulation.storage import SimulatedDatabase
from payments.testing.simulation.trace import Trace
from payments.testing.simulation.workers import Workers


@attrs.define(eq=False)
class World(Host):
    """Everything there is while one history runs."""

    plan: Plan
    weather: Weather
    payments: Payments
    pick: Pick
    loop: VirtualLoop = attrs.field(init=False)
    trace: Trace = attrs.field(factory=Trace, init=False)
    coverage: Coverage = attrs.field(factory=Coverage, init=False)
    ledger: Ledger = attrs.field(factory=Ledger, init=False)
    identifiers: CountingIdentifiers = attrs.field(factory=CountingIdentifiers, init=False)
    steps: Steps = attrs.field(init=False)
    judge: Judge = attrs.field(init=False)
    database: SimulatedDatabase = attrs.field(init=False)
    shared_state: MemorySharedState = attrs.field(init=False)
    post: Post = attrs.field(init=False)
    pages: SimulatedProvider = attrs.field(init=False)
    prompts: SimulatedPrompts = attrs.field(init=False)
    orders: SimulatedOrdersService = attrs.field(init=False)
    mail: SimulatedMail = attrs.field(init=False)
    machines: tuple[Machine, ...] = attrs.field(init=False)
    workers: Workers = attrs.field(init=False)
    minds: Chance = attrs.field(init=False)
    """What people make up their minds to do."""
    habits: Chance = attrs.field(init=False)
    """Names that operators give, prompts that come twice, and what else was drawn apart from the minds."""
    pauses: Chance = attrs.field(init=False)
    _life: Chance = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        seed = self.plan.seed
        self.loop = VirtualLoop(self.pick)
        self.minds, self.pauses = Chance.of(seed, "minds"), Chance.of(seed, "pauses")
        self._life, self.habits = Chance.of(seed, "life"), Chance.of(seed, "habits")
        outside = Chance.of(seed, "outside")
        self.steps = Steps(self.loop, self.weather, self.trace, self._life)
        self.judge = Judge(self.ledger, self.coverage)
        self.database = SimulatedDatabase(
            self.steps, Chance.of(seed, "storage"), one_writer=self.plan.one_writer
        )
        self.shared_state = MemorySharedState(_TrueTime(self.loop))
        self.post = Post(self.steps, Chance.of(seed, "post"))

        def outage(fault: Fault) -> Outage:
            return Outage(self.steps, outside, fault)

        doubles = (self.steps, outside, self.ledger, self.post)
        self.pages = SimulatedProvider(*doubles, outage(Fault.PROVIDER_DOWN))
        self.prompts = SimulatedPrompts(*doubles, outage(Fault.PROVIDER_DOWN))
        self.pages.moods, self.pages.lists = Chance.of(seed, "moods"), Chance.of(seed, "lists")
        self.pages.says_how_much = self.ledger.says_how_much = self.plan.says_how_much
        self.orders = SimulatedOrdersService(self.steps, outage(Fault.ORDERS_DOWN), self._told)
        self.mail = SimulatedMail(self.steps, outage(Fault.MAIL_DOWN), self._told)
        self.machines = tuple(Machine(name, self) for name in "abc"[: self.plan.processes])
        self.steps.machines = self.machines
        self.workers = Workers(
            self.loop,
            self.payments,
            self._life,
            self.machines,
            lambda: self.database.committed,
            self.judge.trouble,
            self.plan.retention,
        )
        self.database.watchers.append(self._committed)
        for order_id, amount in self.plan.orders:
            self.orders.put(order_id, "user_1", amount)

    @property
    def providers(self) -> dict[str, Provider]:
        """All four kinds, as the service sees them."""
        return {
            PAGES: self.pages.provider(payable_for=self.plan.payable_for, watched_for=self.plan.watched_for),
            PROMPTS: self.prompts.provider(
                watched_for=self.plan.watched_for, by_receipt=self.plan.refunds_by_receipt
            ),
            "cash": cash_on_delivery(),
        }

    def serving(self) -> Machine | None:
        """A machine whose process takes requests; None while there is none."""
        able = [m for m in self.machines if m.process.alive and not m.process.stopping]
        return self.minds.one_of(able) if able else None

    def soon(self, delay_s: float, what: Callable[..., Coroutine[Any, Any, None]], *about: Any) -> None:
        """Have somebody do ``what`` after a while."""
        self.loop.call_later(delay_s, lambda: self.loop.create_task(what(*about)))

    def started(self, process: Process) -> None:
        self.trace.add(self.loop.time(), process.name, "starts")
        self.workers.plan()

    def ended(self, process: Process) -> None:
        self.database.abandon(process)

    def restart_after_s(self) -> float:
        return self._life.spread(1, 5 if self.weather.healed else 600)

    def acknowledged_body(self, provider: str, body: bytes) -> None:
        """A notice with this body was answered 2xx."""
        self.judge.acknowledge("notice", hashlib.sha256(provider.encode() + b"\x00" + body).hexdigest())

    def acknowledged_callback(self, provider: str, token: str, body: bytes) -> None:
        """A callback with this body was answered 2xx."""
        token_hash = hash_of(token)
        self._heard(provider, body)
        for payment in self.database.committed.payments.values():
            for attempt in payment.attempts:
                if attempt.callback_token_hash == token_hash:
                    identity = b"\x00".join((provider.encode(), attempt.reference.encode(), body))
                    self.judge.acknowledge("notice", hashlib.sha256(identity).hexdigest())

    def _heard(self, provider: str, body: bytes) -> None:
        """Whatever a report names as paid can be asked about from now on."""
        said = json.loads(body)
        name = (provider, said["name"] or "")
        if said["claim"] != Claim.PAID.value or name not in self.ledger.taken:
            return
        self.ledger.heard.add(name)
        if self.prompts.scripted.named(self.ledger.taken[name].reference) != name[1]:
            self.steps.note(Behaviour.OTHER_NAME_REPORTED, name[1])
        self.ledger.unheard.pop(name, None)

    def _told(self, message: Message) -> None:
        self.judge.told(message)

    def _committed(self, before: Tables, after: Tables) -> None:
        self.judge.committed(before, after)
        self.workers.plan()


@attrs.frozen
class _TrueTime(Clock):
    """The clock of the database."""

    _loop: asyncio.AbstractEventLoop

    def now(self) -> Any:
        raise NotImplementedError

    def monotonic(self) -> float:
        return self._loop.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
