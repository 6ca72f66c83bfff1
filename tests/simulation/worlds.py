"""A world of one process, in which only what a test names goes wrong."""

from collections.abc import Coroutine
from typing import Any

from payments.testing.simulation.chance import Chance
from payments.testing.simulation.faults import Fault, Weather
from payments.testing.simulation.history import Theatre
from payments.testing.simulation.plan import Plan
from payments.testing.simulation.world import World


def world_with(*faults: Fault) -> World:
    """One process over a database server, where ``faults`` strike whenever they can and nothing else does."""
    seed = next(seed for seed in range(100) if not Plan.of(seed).one_writer)
    weather = Weather(dict.fromkeys(faults, 1.0), {fault: Chance.of(seed, fault.name) for fault in faults})
    world = World(Plan.of(seed), weather, Theatre()._service(0), Chance.of(seed, "order").below)
    world.machines[0].start()
    return world


def in_a_process(world: World, work: Coroutine[Any, Any, None]) -> None:
    try:
        world.loop.run_until_complete(world.machines[0].run("test", work))
    finally:
        world.loop.close()
