"""Every way in which two flows over one order can meet, with so many preemptions.

Most of what goes wrong between two flows needs few preemptions: one is held up at a bad moment, and the other
runs. So all schedules are run in which that happens at most so often, at any step of any port. A step is what
the simulation takes for one: nobody keeps a list.
"""

import asyncio
import enum
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from functools import partial
from itertools import product
from typing import Any, Final

import attrs

from payments.application.ports.providers import RawNotice
from payments.application.records import Claim
from payments.application.retention import Retention
from payments.domain.collection import AtTheDoor, CashRecord
from payments.domain.payment import Payment
from payments.testing.simulation.faults import Weather
from payments.testing.simulation.history import History, Theatre, ended
from payments.testing.simulation.ledger import PAGES, PROMPTS
from payments.testing.simulation.people import PAYER, People
from payments.testing.simulation.plan import Plan
from payments.testing.simulation.processes import calling
from payments.testing.simulation.scenes import AMOUNT, ORDER
from payments.testing.simulation.turns import Turns
from payments.testing.simulation.world import World

OPERATOR: Final = "operator:ann"

_EVERYTHING_IS_DUE_S: Final = 120.0
_KEPT_FOR: Final = timedelta(hours=1)
_CLAIMS_END: Final = timedelta(minutes=10)


@attrs.define(eq=False)
class Meeting:
    """The world in which two flows meet over one order."""

    world: World
    people: People
    notices: list[RawNotice] = attrs.field(factory=list, init=False)
    """What the provider has sent, and nobody has received."""

    @property
    def payment(self) -> Payment:
        """The payment of the order, as it is stored at this moment."""
        (payment,) = self.world.database.committed.payments.values()
        return payment

    async def keep(self, provider: str, notice: RawNotice | None, token: str | None, body: bytes) -> bool:
        """Hold on to what a provider sends."""
        del provider, token, body
        self.notices.extend([notice] if notice is not None else [])
        return True

    async def receive(self) -> None:
        """Hand over all that was held on to."""
        for notice in self.notices:
            await self.people.delivered(PAGES, notice, None, notice.body)


Flow = Callable[[Meeting], Awaitable[Any]]
"""One use-case, called for the order that both flows are about."""


def _initiate(provider: str) -> Flow:
    return lambda meeting: meeting.world.payments.initiate(ORDER, PAYER, provider)


def _redirect(meeting: Meeting) -> Awaitable[Any]:
    return meeting.world.payments.settle(meeting.payment.attempts[0].reference, "redirect")


async def _receive(meeting: Meeting) -> None:
    for notice in meeting.notices:
        await meeting.world.payments.receive_notice(PAGES, notice.headers, notice.body)
        meeting.world.acknowledged_body(PAGES, notice.body)


async def _report(meeting: Meeting) -> None:
    """The payer confirms a prompt as soon as it is shown, and its report is looked at."""
    world, prompts = meeting.world, meeting.world.prompts
    await world.steps.before("post")
    for reference in filter(prompts.waiting, tuple(prompts.scripted.opened)):
        prompts.confirmed(reference)
        token, receipt = prompts.scripted.token(reference), f"RCPT{prompts.scripted.named(reference)}"
        body = prompts.scripted.callback(reference, Claim.PAID, receipt=receipt)
        await world.payments.receive_callback(token, body)
        world.acknowledged_callback(PROMPTS, token, body)
    await world.payments.process_notices()


def _inbox(meeting: Meeting) -> Awaitable[Any]:
    return meeting.world.payments.process_notices()


def _sweep(meeting: Meeting) -> Awaitable[Any]:
    return meeting.world.payments.sweep()


def _sweep_ahead(meeting: Meeting) -> Awaitable[Any]:
    """By a clock for which a claim of this moment was lost long ago."""
    calling().ahead = _CLAIMS_END
    return meeting.world.payments.sweep()


def _deliver(meeting: Meeting) -> Awaitable[Any]:
    return meeting.world.payments.deliver()


def _erase(meeting: Meeting) -> Awaitable[Any]:
    return meeting.world.payments.erase()


def _cancel(meeting: Meeting) -> Awaitable[Any]:
    return meeting.world.payments.cancel(meeting.payment.payment_id, PAYER, f"payer:{PAYER}")


async def _look_and_cancel(meeting: Meeting) -> None:
    """Cancel what is there of the order by the time when its payer looks."""
    payments = meeting.world.payments
    for line in (await payments.list(PAYER, order_id=ORDER)).items:
        await payments.cancel(line.payment_id, PAYER, f"payer:{PAYER}")


def _collect(meeting: Meeting) -> Awaitable[Any]:
    record = CashRecord(
        collection_id="c1",
        collector="carl",
        outcome=AtTheDoor.COLLECTED,
        amount=AMOUNT,
        reference=None,
        order_id=ORDER,
        delivery_code=None,
        reason="",
    )
    return meeting.world.payments.collect_cash(record)


def _refund(meeting: Meeting) -> Awaitable[Any]:
    payment = meeting.payment
    return meeting.world.payments.refund(
        payment.payment_id,
        amount=payment.captures[0].amount,
        reason="asked for",
        actor=OPERATOR,
        capture_id=payment.captures[0].capture_id,
        refund_id=meeting.world.identifiers.unique(),
    )


class Stand(enum.Enum):
    """What there is of the order before two flows meet over it."""

    FRESH = "fresh"
    """Nothing: nobody has asked for a checkout."""
    UNKNOWN = "unknown"
    """A payment whose money has arrived at the provider, with its notice in the inbox."""
    PAID = "paid"
    """One that is paid, whose provider has just given the money back by itself."""
    OLD = "old"
    """The same, but that it was paid, and all was told, so long ago that it is to be erased."""


FLOWS: Final[dict[Stand, dict[str, Flow]]] = {
    Stand.FRESH: {
        "page": _initiate(PAGES),
        "prompt": _initiate(PROMPTS),
        "cash": _initiate("cash"),
        "report": _report,
        "sweep": _sweep_ahead,
        "cancel": _look_and_cancel,
        "collect": _collect,
        "deliver": _deliver,
    },
    Stand.UNKNOWN: {
        "switch": _initiate(PROMPTS),
        "redirect": _redirect,
        "receive": _receive,
        "inbox": _inbox,
        "sweep": _sweep,
        "cancel": _cancel,
        "collect": _collect,
        "deliver": _deliver,
    },
    Stand.PAID: {
        "switch": _initiate(PROMPTS),
        "redirect": _redirect,
        "receive": _receive,
        "inbox": _inbox,
        "sweep": _sweep,
        "refund": _refund,
        "collect": _collect,
        "deliver": _deliver,
    },
    Stand.OLD: {
        "erase": _erase,
        "switch": _initiate(PROMPTS),
        "redirect": _redirect,
        "receive": _receive,
        "inbox": _inbox,
        "refund": _refund,
        "collect": _collect,
    },
}


@attrs.frozen(kw_only=True)
class Pair:
    """Two flows, and what stands before they begin."""

    stand: Stand
    first: str
    second: str

    def __str__(self) -> str:
        return f"{self.stand.value}: {self.first} | {self.second}"


@attrs.frozen(kw_only=True)
class Schedule:
    """How one schedule of a pair went."""

    pair: Pair
    preempted: tuple[int, ...]
    choices: int
    history: History


_ALWAYS: Final = {Stand.FRESH: {"page", "prompt", "cash"}, Stand.OLD: {"erase"}}
"""One of which has to be there: without them nothing is begun, or it does not matter how old something is."""


def pairs() -> tuple[Pair, ...]:
    """Every two flows that have to do with each other, either one beginning; and each beside itself."""
    return tuple(
        Pair(stand=stand, first=first, second=second)
        for stand, flows in FLOWS.items()
        for first, second in product(flows, repeat=2)
        if not _ALWAYS.get(stand, {first}).isdisjoint((first, second))
    )


def schedules(theatre: Theatre, pair: Pair, preemptions: int) -> Iterator[Schedule]:
    """Every schedule of ``pair`` in which at most so many preemptions happen."""
    waiting: list[tuple[int, ...]] = [()]
    while waiting:
        preempted = waiting.pop()
        schedule = run(theatre, pair, preempted)
        yield schedule
        if len(preempted) < preemptions:
            behind = preempted[-1] + 1 if preempted else 0
            waiting += [(*preempted, choice) for choice in range(behind, schedule.choices)]


def run(theatre: Theatre, pair: Pair, preempted: tuple[int, ...]) -> Schedule:
    """One schedule: the flow whose turn it is makes way at the choices ``preempted``, counted from 0."""
    given: list[Turns] = []
    kept_for = Retention(notices_for=_KEPT_FOR, people_for=_KEPT_FOR) if pair.stand is Stand.OLD else None
    plan = attrs.evolve(_PLAN, retention=kept_for)
    history = theatre.run(plan, Weather({}, {}), lambda world: _met(world, pair, preempted, given))
    return Schedule(
        pair=pair,
        preempted=preempted,
        choices=given[0].choices if given else 0,
        history=history,
    )


_PLAN: Final = Plan(
    seed=1,
    processes=2,
    one_writer=False,
    orders=((ORDER, AMOUNT),),
    watched_for=timedelta(minutes=15),
    payable_for=timedelta(minutes=10),
    refunds_by_receipt=False,
    rules=0,
    actions=(),
    chaos_s=0.0,
)


async def _met(world: World, pair: Pair, preempted: tuple[int, ...], given: list[Turns]) -> None:
    """Bring about what stands, let both flows meet over it, and see that everything comes to rest."""
    meeting = Meeting(world, People(world))
    people = meeting.people
    world.prompts.prompted = lambda reference: world.soon(5.0, people.prompted, reference)
    world.post.deliver = meeting.keep
    world.workers.asleep = True
    for machine in world.machines:
        machine.start()
    if pair.stand is not Stand.FRESH:
        await _brought_about(meeting, pair.stand)
    if "receive" not in (pair.first, pair.second):
        await meeting.receive()
    world.post.deliver = people.delivered
    first, second = pair.first, f"{pair.second} beside it"
    turns = Turns(world.loop, (first, second), frozenset(preempted))
    given.append(turns)
    world.steps.turns = turns
    flows = FLOWS[pair.stand]
    both = (
        people.request(first, partial(flows[pair.first], meeting), world.machines[0]),
        people.request(second, partial(flows[pair.second], meeting), world.machines[1]),
    )
    await _all(world, both)
    world.steps.turns = None
    for page in filter(world.pages.payable, tuple(world.pages.opened)):
        world.pages.pays(page)
    world.workers.asleep = False
    await ended(world, people)


async def _brought_about(meeting: Meeting, stand: Stand) -> None:
    world, people = meeting.world, meeting.people
    initiated = await people.request("initiate", lambda: world.payments.initiate(ORDER, PAYER, PAGES))
    if initiated is None:
        raise LookupError("Nobody was given a checkout, and nothing is wrong.")
    world.pages.pays(initiated.reference)
    if stand is not Stand.UNKNOWN:
        await people.request("redirect", lambda: world.payments.settle(initiated.reference, "redirect"))
    if stand is Stand.OLD:
        await _grown_old(meeting)
    if stand is not Stand.UNKNOWN:
        world.pages.returns(initiated.reference)
    # By then both the notice is here and the sweep is due.
    await asyncio.sleep(_EVERYTHING_IS_DUE_S)


async def _grown_old(meeting: Meeting) -> None:
    """Have all told that there is to tell, and nobody look until what is kept of it is old."""
    world, kept_s = meeting.world, _KEPT_FOR.total_seconds()
    await asyncio.sleep(_EVERYTHING_IS_DUE_S)
    await meeting.receive()
    world.workers.asleep = False
    world.workers.plan()
    await asyncio.sleep(kept_s / 2)
    world.workers.asleep = True
    await asyncio.sleep(kept_s)


async def _all(world: World, requests: tuple[Any, ...]) -> None:
    tasks = [world.loop.create_task(request) for request in requests]
    for task in tasks:
        await task
