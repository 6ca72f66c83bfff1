"""Every way in which two flows over one payment can meet, with so many preemptions.

Most of what goes wrong between two flows needs few preemptions: one is held up at a bad moment, and the other
runs. So all schedules are run in which that happens at most so often, at any step of any port. A step is what
the simulation takes for one: nobody keeps a list.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any, Final

import attrs

from payments.application.ports.providers import RawNotice
from payments.domain.collection import AtTheDoor, CashRecord
from payments.domain.payment import Payment
from payments.testing.simulation.faults import Weather
from payments.testing.simulation.history import History, Theatre, ended
from payments.testing.simulation.people import PAYER, People
from payments.testing.simulation.plan import Plan
from payments.testing.simulation.scenes import AMOUNT, ORDER
from payments.testing.simulation.turns import Turns
from payments.testing.simulation.world import World

OPERATOR: Final = "operator:ann"

_EVERYTHING_IS_DUE_S: Final = 120.0

Flow = Callable[[World, Payment], Awaitable[Any]]
"""One use-case, called for the payment that both flows are about."""


def _switch(world: World, payment: Payment) -> Awaitable[Any]:
    return world.payments.initiate(payment.order_id, PAYER, "prompts")


def _redirect(world: World, payment: Payment) -> Awaitable[Any]:
    return world.payments.settle(payment.attempts[0].reference, "redirect")


def _inbox(world: World, _payment: Payment) -> Awaitable[Any]:
    return world.payments.process_notices()


def _sweep(world: World, _payment: Payment) -> Awaitable[Any]:
    return world.payments.sweep()


def _deliver(world: World, _payment: Payment) -> Awaitable[Any]:
    return world.payments.deliver()


def _cancel(world: World, payment: Payment) -> Awaitable[Any]:
    return world.payments.cancel(payment.payment_id, PAYER, f"payer:{PAYER}")


def _collect(world: World, payment: Payment) -> Awaitable[Any]:
    record = CashRecord(
        collection_id="c1",
        collector="carl",
        outcome=AtTheDoor.COLLECTED,
        amount=payment.amount,
        reference=None,
        order_id=payment.order_id,
        delivery_code=None,
        reason="",
    )
    return world.payments.collect_cash(record)


def _refund(world: World, payment: Payment) -> Awaitable[Any]:
    return world.payments.refund(
        payment.payment_id,
        amount=payment.captures[0].amount,
        reason="asked for",
        actor=OPERATOR,
        capture_id=payment.captures[0].capture_id,
        refund_id=world.identifiers.unique(),
    )


UNKNOWN: Final[dict[str, Flow]] = {
    "switch": _switch,
    "redirect": _redirect,
    "inbox": _inbox,
    "sweep": _sweep,
    "cancel": _cancel,
    "collect": _collect,
    "deliver": _deliver,
}
"""Flows over a payment whose money has arrived at the provider, with its notice in the inbox."""

PAID: Final[dict[str, Flow]] = {
    "switch": _switch,
    "redirect": _redirect,
    "inbox": _inbox,
    "sweep": _sweep,
    "refund": _refund,
    "collect": _collect,
    "deliver": _deliver,
}
"""Flows over a payment that is paid, whose provider has just given the money back by itself."""


@attrs.frozen(kw_only=True)
class Pair:
    """Two flows, and what stands before they begin."""

    flows: dict[str, Flow] = attrs.field(repr=False)
    paid: bool
    first: str
    second: str

    def __str__(self) -> str:
        return f"{'paid' if self.paid else 'unknown'}: {self.first} | {self.second}"


@attrs.frozen(kw_only=True)
class Schedule:
    """How one schedule of a pair went."""

    pair: Pair
    preempted: tuple[int, ...]
    choices: int
    history: History


def pairs() -> tuple[Pair, ...]:
    """Every two flows, either one beginning; and each beside itself."""
    return tuple(
        Pair(flows=flows, paid=flows is PAID, first=first, second=second)
        for flows in (UNKNOWN, PAID)
        for first in flows
        for second in flows
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
    history = theatre.run(_PLAN, Weather({}, {}), lambda world: _met(world, pair, preempted, given))
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
    """Bring the payment about, let both flows meet over it, and see that everything comes to rest."""
    people = People(world)
    world.prompts.prompted = lambda reference: world.soon(5.0, people.prompted, reference)
    kept: list[RawNotice] = []

    async def keep(provider: str, notice: RawNotice | None, token: str | None, body: bytes) -> bool:
        del provider, token, body
        kept.extend([notice] if notice is not None else [])
        return True

    world.post.deliver = keep
    world.workers.asleep = True
    for machine in world.machines:
        machine.start()
    initiated = await people.request("initiate", lambda: world.payments.initiate(ORDER, PAYER, "pages"))
    if initiated is None:
        raise LookupError("Nobody was given a checkout, and nothing is wrong.")
    world.pages.pays(initiated.reference)
    if pair.paid:
        await people.request("redirect", lambda: world.payments.settle(initiated.reference, "redirect"))
        world.pages.returns(initiated.reference)
    # By then both the notice is here and the sweep is due.
    await asyncio.sleep(_EVERYTHING_IS_DUE_S)
    for notice in kept:
        await people.delivered("pages", notice, None, notice.body)
    world.post.deliver = people.delivered
    (payment,) = world.database.committed.payments.values()
    first, second = pair.first, f"{pair.second} beside it"
    turns = Turns(world.loop, (first, second), frozenset(preempted))
    given.append(turns)
    world.steps.turns = turns
    both = (
        people.request(first, partial(pair.flows[pair.first], world, payment), world.machines[0]),
        people.request(second, partial(pair.flows[pair.second], world, payment), world.machines[1]),
    )
    await _all(world, both)
    world.steps.turns = None
    world.workers.asleep = False
    await ended(world, people)


async def _all(world: World, requests: tuple[Any, ...]) -> None:
    tasks = [world.loop.create_task(request) for request in requests]
    for task in tasks:
        await task
