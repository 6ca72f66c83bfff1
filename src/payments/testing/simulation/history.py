"""Running one history: chaos, then everything heals, then the judge compares what is left with the truth."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

import attrs

from payments.application.addresses import Addresses
from payments.application.answers import Violation
from payments.application.payments import Payments
from payments.application.ports.providers import Provider, Providers
from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.retention import Retention
from payments.bootstrap import assemble
from payments.domain.review import ReviewState
from payments.domain.transitions import RefundStatus
from payments.testing.simulation.behaviours import Behaviour
from payments.testing.simulation.chance import Chance
from payments.testing.simulation.coverage import Coverage
from payments.testing.simulation.faults import Weather
from payments.testing.simulation.loop import Endless, VirtualLoop
from payments.testing.simulation.people import People
from payments.testing.simulation.plan import RULES, Plan
from payments.testing.simulation.ports import (
    PlainCipher,
    SimulatedClock,
    SimulatedIdentifiers,
    SimulatedNotifier,
    SimulatedOrders,
    SimulatedSharedState,
    SimulatedUnitOfWork,
    patience,
)
from payments.testing.simulation.stage import Stage
from payments.testing.simulation.world import World

HEALS_WITHIN_S: Final = 9 * 86_400.0
"""After so long without faults everything must have ended, or have been put before a person."""

ROUND_S: Final = 300.0
LONGEST_ROUND_S: Final = 6 * 3600.0
"""How often operators look at the reviews while everything heals."""


@attrs.frozen(kw_only=True)
class History:
    """How one history went."""

    seed: int
    violations: tuple[Violation, ...]
    trace: str
    """The hash of its trace."""
    story: tuple[str, ...]
    """Every line of it."""
    coverage: Coverage
    steps: int


Tell = Callable[[World], Coroutine[Any, Any, None]]
"""Has a history happen in a world, from its beginning to its end."""


@attrs.frozen
class AsItIs:
    """The service as it is. A test of the simulation puts a mistake into it here, and sees it found."""

    def unit_of_work(self, right: UnitOfWork) -> UnitOfWork:
        """The unit of work that the use-cases get."""
        return right

    def providers(self, right: dict[str, Provider]) -> dict[str, Provider]:
        """The gateways that the use-cases get."""
        return right


@attrs.define(eq=False)
class Theatre:
    """The service, put together once, and the stage that its ports look at."""

    _planted: AsItIs = attrs.field(factory=AsItIs)
    _stage: Stage = attrs.field(factory=Stage, init=False)
    _providers: dict[str, Provider] = attrs.field(factory=dict, init=False)
    _services: dict[tuple[int, Retention | None], Payments] = attrs.field(factory=dict, init=False)

    def history(self, seed: int) -> History:
        """Run the history ``seed``."""
        return self.run(Plan.of(seed), Weather.of(seed))

    def run(self, plan: Plan, weather: Weather, tell: "Tell | None" = None) -> History:
        """Run the history of ``plan`` in this ``weather``; ``tell`` has it happen, in place of the plan."""
        world = World(
            plan, weather, self._service(plan.rules, plan.retention), Chance.of(plan.seed, "order").below
        )
        self._stage.show(world)
        self._providers.clear()
        self._providers.update(self._planted.providers(world.providers))
        world.loop.set_exception_handler(lambda _loop, _context: None)
        try:
            world.loop.run_until_complete((tell or _told)(world))
        except Endless as endless:
            world.judge.found.append(Violation(invariant="I13", subject="loop", detail=str(endless)))
        finally:
            _close(world.loop)
            self._stage.show(None)
        world.coverage.steps.update(world.steps.taken)
        world.coverage.faults.update(weather.struck)
        world.coverage.behaviours.update(world.steps.noted)
        return History(
            seed=plan.seed,
            violations=tuple(world.judge.found),
            trace=world.trace.hash(),
            story=world.trace.lines,
            coverage=world.coverage,
            steps=world.loop.steps,
        )

    def _service(self, rules: int, retention: Retention | None = None) -> Payments:
        known = self._services.get((rules, retention))
        if known is None:
            stage = self._stage
            known = self._services[rules, retention] = assemble(
                Addresses("http://payments.example"),
                cipher=PlainCipher(),
                clock=SimulatedClock(stage),
                identifiers=SimulatedIdentifiers(stage),
                notifier=SimulatedNotifier(stage),
                orders=SimulatedOrders(stage),
                providers=Providers(self._providers),
                refund_rules=RULES[rules],
                retention=retention,
                shared_state=SimulatedSharedState(stage, patience(stage)),
                unit_of_work=self._planted.unit_of_work(SimulatedUnitOfWork.of(stage)),
            )
        return known


async def _told(world: World) -> None:
    people = People(world)
    world.post.deliver = people.delivered
    world.prompts.prompted = lambda reference: world.soon(
        world.minds.between(3, 60), people.prompted, reference
    )
    for machine in world.machines:
        machine.start()
    for action in world.plan.actions:
        world.soon(action.at_s, people.does, action)
    await asyncio.sleep(world.plan.chaos_s)
    await ended(world, people)


async def ended(world: World, people: People) -> None:
    """Let everything heal and come to rest, and have the judge compare what is left with the truth."""
    loop = world.loop
    world.weather.heal()
    world.trace.add(loop.time(), "world", "heals")
    for machine in world.machines:
        machine.process.ahead *= 0
    world.workers.plan()
    heals_until_s, round_s = loop.time() + HEALS_WITHIN_S, ROUND_S
    while loop.time() < heals_until_s:
        await asyncio.sleep(round_s)
        if world.judge.found:
            return
        if _waits_for_people(world):
            await people.decide_all()
        elif world.workers.idle() and not world.post.under_way:
            break
        round_s = min(round_s * 1.5, LONGEST_ROUND_S)
    await _looked_over(world)
    for _, key in world.ledger.unheard:
        world.steps.note(Behaviour.NEVER_REPORTED, key)
    world.judge.at_rest(frozenset(world.orders.refused), kept_too_long=world.workers.late())


def _waits_for_people(world: World) -> bool:
    tables = world.database.committed
    asked = any(
        review.decision is None and review.state is ReviewState.OPEN for review in tables.reviews.values()
    )
    return asked or any(
        refund.status is RefundStatus.AWAITING_APPROVAL
        for payment in tables.payments.values()
        for refund in payment.refunds
    )


async def _looked_over(world: World) -> None:
    """``payments check``, as an operator runs it."""
    machine = world.serving()
    if machine is None:
        return

    async def check() -> None:
        world.judge.found.extend(await world.payments.check())

    await machine.run("check", check())


def _close(loop: VirtualLoop) -> None:
    """Leave nothing behind that would complain later: whoever still waits belongs to a world that is over."""
    for task in asyncio.all_tasks(loop):
        task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001 -- see above
    loop.close()
