"""``make simulate``: run histories from a seed on, and tell of the first ones that break a promise."""

import argparse
import hashlib
import os
import sys
import time
from pathlib import Path
from typing import Final

from payments.testing.simulation.behaviours import Behaviour
from payments.testing.simulation.code_state import code_state
from payments.testing.simulation.coverage import Coverage, every_edge
from payments.testing.simulation.faults import Fault
from payments.testing.simulation.history import Theatre
from payments.testing.simulation.minimal import Shrinking, told
from payments.testing.simulation.plan import Plan
from payments.testing.simulation.running import Batch, run_batch, run_batches

MOST_TOLD: Final = 3
"""So many broken histories are made small and told; of the others the seeds are enough."""


def main() -> int:
    """Run what the command line asks for; 1 if a promise was broken."""
    asked = _asked()
    if asked.story is not None:
        return _tell_story(asked.story)
    seeds = range(asked.seed, asked.seed + asked.histories)
    started_s = time.perf_counter()
    known = _regressions(asked.regressions)
    batches = [run_batch(known)] if known else []
    for batch in run_batches(seeds, asked.processes):
        batches.append(batch)
        _progress(batches, started_s)
    coverage = Coverage()
    for batch in batches:
        coverage.add(batch.coverage)
    _say("")
    _report(coverage)
    if asked.steps:
        _report_steps(coverage)
    broken = {seed: violation for batch in batches for seed, violation in batch.broken}
    for seed in list(broken)[:MOST_TOLD]:
        _tell_broken(seed, broken[seed].invariant)
    if broken:
        _say(f"Broken: {' '.join(map(str, broken))}")
        _remember(asked.regressions, [seed for seed in broken if seed not in known])
    _say(_last_line(batches, coverage, len(broken)))
    return 1 if broken else 0


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make simulate", description=__doc__)
    parser.add_argument("--histories", type=int, default=1000, help="how many")
    parser.add_argument("--seed", type=int, default=1, help="the first one")
    parser.add_argument("-j", "--processes", type=int, default=2, help="how many processes run them")
    parser.add_argument("--story", type=int, metavar="SEED", help="run this one alone and tell all of it")
    parser.add_argument("--steps", action="store_true", help="count every fault at every step")
    parser.add_argument("--regressions", type=Path, help="a file of seeds that are run before all others")
    return parser.parse_args()


def _tell_story(seed: int) -> int:
    history = Theatre().history(seed)
    for action in Plan.of(seed).actions:
        _say(f"  plan   {action}")
    for line in history.story:
        _say(f"  {line}")
    for violation in history.violations:
        _say(f"  BROKEN {violation.invariant} {violation.subject}: {violation.detail}")
    _say(f"seed {seed}: {len(history.violations)} violations, trace {history.trace}")
    return 1 if history.violations else 0


def _tell_broken(seed: int, invariant: str) -> None:
    small = Shrinking(Theatre(), invariant, Plan.of(seed))
    history = small.shrink()
    _say(f"\nSeed {seed} breaks {invariant} (all of it: make simulate STORY={seed}); the smallest that does:")
    for line in told(history, small.plan.actions):
        _say(line)


def _report(coverage: Coverage) -> None:
    """Every fault with how often it struck and at how many steps; every edge; and what was never seen."""
    _say("fault                 struck  at steps")
    for fault in Fault:
        at = {step: count for (each, step), count in coverage.faults.items() if each is fault}
        _say(f"{fault.name.lower():20} {sum(at.values()):8}  {len(at):8}")
    _say(f"\n{'behaviour':24} seen")
    for done in Behaviour:
        _say(f"{done.name.lower():24} {coverage.behaviours[done]:8}")
    _say(f"\n{'edge':50} walked")
    for edge in every_edge():
        _say(f"{edge:50} {coverage.edges[edge]:8}")
    rare = [f"{step} ({count})" for step, count in sorted(coverage.steps.items()) if count < RARE]
    _say(f"\n{len(coverage.steps)} steps; seldom: {', '.join(rare) or 'none'}")
    _say(f"edges never walked: {', '.join(coverage.edges_missed) or 'none'}")
    _say(f"behaviours never seen: {', '.join(b.name.lower() for b in coverage.behaviours_missed) or 'none'}")
    _say(f"faults never struck: {', '.join(f.name.lower() for f in coverage.faults_missed) or 'none'}")


RARE: Final = 10
"""A step taken less often is named."""


def _report_steps(coverage: Coverage) -> None:
    """Every step with how often it was taken, and each fault that struck there."""
    for step, taken in sorted(coverage.steps.items()):
        struck = {f.name.lower(): count for (f, at), count in coverage.faults.items() if at == step}
        _say(f"{step:50} {taken:8}  {', '.join(f'{name} {n}' for name, n in sorted(struck.items()))}")


def _last_line(batches: list[Batch], coverage: Coverage, broken: int) -> str:
    traces = hashlib.sha256("".join(batch.trace for batch in batches).encode()).hexdigest()[:16]
    return (
        f"{sum(batch.histories for batch in batches)} histories, {broken} violations, trace {traces}, "
        f"{sum(1 for edge in every_edge() if coverage.edges[edge])} of {len(every_edge())} edges, "
        f"{len(Fault) - len(coverage.faults_missed)} of {len(Fault)} faults at "
        f"{len({step for _, step in coverage.faults})} steps, of code {code_state()}"
    )


def _progress(batches: list[Batch], started_s: float) -> None:
    done = sum(batch.histories for batch in batches)
    if done % 1000 == 0:
        _say(f"{done} histories in {time.perf_counter() - started_s:.0f} s")


def _regressions(path: Path | None) -> tuple[int, ...]:
    if path is None or not path.exists():
        return ()
    lines = path.read_text(encoding="utf-8").splitlines()
    return tuple(int(line.split()[0]) for line in lines if line.strip() and not line.startswith("#"))


def _remember(path: Path | None, seeds: list[int]) -> None:
    if path is not None and seeds:
        with path.open("a", encoding="utf-8") as kept:
            kept.writelines(f"{seed}\n" for seed in seeds)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":
        # The order of a set must not decide anything, and here it cannot.
        os.environ["PYTHONHASHSEED"] = "0"
        again = [sys.executable, "-m", "payments.testing.simulation", *sys.argv[1:]]
        os.execv(sys.executable, again)  # noqa: S606 -- this very program, with its own arguments
    sys.exit(main())
