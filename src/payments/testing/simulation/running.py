"""Running many histories, over several processes of this machine, and counting what they went through."""

import gc
import hashlib
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Final

import attrs

from payments.application.answers import Violation
from payments.testing.simulation.coverage import Coverage
from payments.testing.simulation.guard import only_through_ports
from payments.testing.simulation.history import Theatre

CHUNK: Final = 100
"""Histories that one process runs in a row, before it clears away what is left of them."""


@attrs.frozen(kw_only=True)
class Batch:
    """How some histories went."""

    histories: int
    broken: tuple[tuple[int, Violation], ...]
    """By seed, the first promise that each history broke."""
    trace: str
    """A hash over the traces of all, in order."""
    coverage: Coverage
    steps: int


def run_batch(seeds: tuple[int, ...], theatre: Theatre | None = None) -> Batch:
    """Run the histories ``seeds`` one after the other, in this process."""
    stage, coverage = theatre or Theatre(), Coverage()
    digest, broken, steps = hashlib.sha256(), [], 0
    collecting = gc.isenabled()
    gc.disable()
    # All that is there already outlives the batch: nobody has to walk over it at the end.
    gc.freeze()
    try:
        with only_through_ports():
            for seed in seeds:
                history = stage.history(seed)
                digest.update(history.trace.encode())
                coverage.add(history.coverage)
                steps += history.steps
                broken += [(seed, violation) for violation in history.violations[:1]]
    finally:
        if collecting:
            gc.enable()
        gc.collect()
        gc.unfreeze()
    return Batch(
        histories=len(seeds),
        broken=tuple(broken),
        trace=digest.hexdigest()[:16],
        coverage=coverage,
        steps=steps,
    )


def run_batches(seeds: range, processes: int) -> Iterator[Batch]:
    """Run the histories ``seeds`` on so many processes; their batches in order, as they are done."""
    chunks = [tuple(seeds[start : start + CHUNK]) for start in range(0, len(seeds), CHUNK)]
    if processes == 1:
        yield from map(run_batch, chunks)
        return
    fresh = multiprocessing.get_context("forkserver")
    with ProcessPoolExecutor(processes, mp_context=fresh) as pool:
        yield from pool.map(run_batch, chunks)
