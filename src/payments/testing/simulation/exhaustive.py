"""``make points``: faults at every point of every scene, in pairs; and every way two flows can meet."""

import argparse
import gc
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from typing import Final

import attrs

from payments.application.answers import Violation
from payments.testing.simulation.faults import Fault
from payments.testing.simulation.guard import only_through_ports
from payments.testing.simulation.history import Theatre
from payments.testing.simulation.interleavings import pairs, run, schedules
from payments.testing.simulation.points import Point, seconds, singles, told
from payments.testing.simulation.scenes import SCENES

MOST_TOLD: Final = 5


@attrs.frozen(kw_only=True)
class Part:
    """How one part of the work went."""

    name: str
    singles: int = 0
    pairs: int = 0
    behind: int = 0
    """How many pairs there are in all."""
    schedules: int = 0
    broken: tuple[str, ...] = ()
    """How each that broke a promise is run again, and what it broke."""
    labels: Counter[str] = attrs.field(factory=Counter)
    """Where faults struck."""


def crashed(scene: int, share: int, skip: int = 0) -> Part:
    """A fault at each point of a scene, and about ``share`` pairs of them, spread evenly over all.

    Another ``skip`` takes other pairs: so many are left out before the first.
    """
    theatre = Theatre()
    single, broken = [], []
    labels: Counter[str] = Counter()
    for telling in singles(theatre, SCENES[scene]):
        single.append(telling)
        labels.update(telling.struck)
        if telling.violations:
            broken.append(_named(scene, telling.points, telling.violations[0]))
    behind = sum(len(telling.after) for telling in single if telling.points)
    one_in = max(1, behind // share) if share else behind + 1
    told_pairs, skipped = 0, skip
    for number, telling in enumerate(single):
        if not telling.points:
            continue
        for point in seconds(telling, one_in, skipped):
            both = told(theatre, SCENES[scene], (*telling.points, point))
            told_pairs += 1
            if both.violations:
                broken.append(_named(scene, both.points, both.violations[0]))
        skipped = (skipped - len(telling.after)) % one_in
        if number % 50 == 0:
            gc.collect()
    return Part(
        name=SCENES[scene].name,
        singles=len(single) - 1,
        pairs=told_pairs,
        behind=behind,
        broken=tuple(broken),
        labels=labels,
    )


def interleaved(pair: int, preemptions: int) -> Part:
    """Every schedule of two flows with at most so many preemptions."""
    theatre, number, broken = Theatre(), 0, []
    for schedule in schedules(theatre, pairs()[pair], preemptions):
        number += 1
        if schedule.history.violations:
            at = ",".join(map(str, schedule.preempted))
            broken.append(f"MEET={pair}/{at} breaks {_said(schedule.history.violations[0])}")
        if number % 100 == 0:
            gc.collect()
    return Part(name=str(pairs()[pair]), schedules=number, broken=tuple(broken))


def main() -> int:
    """Run what the command line asks for; 1 if a promise was broken."""
    asked = _asked()
    if asked.story is not None:
        return _tell(asked.story)
    if asked.meet is not None:
        return _tell_meeting(asked.meet)
    started_s, parts = time.perf_counter(), list(_parts(asked))
    labels: Counter[str] = Counter()
    for part in parts:
        labels.update(part.labels)
    _say(f"\nFaults struck at {len(labels)} points by name.")
    broken = [line for part in parts for line in part.broken]
    for line in broken[:MOST_TOLD]:
        _say(f"BROKEN {line}")
    _say(
        f"{sum(p.singles for p in parts):,} points, {sum(p.pairs for p in parts):,} of"
        f" {sum(p.behind for p in parts):,} pairs, {sum(p.schedules for p in parts):,} schedules with at most"
        f" {asked.preemptions} preemptions, {len(broken)} violations, {time.perf_counter() - started_s:.0f} s"
    )
    return 1 if broken else 0


def _parts(asked: argparse.Namespace) -> Iterator[Part]:
    share = -(-asked.pairs // len(SCENES)) if asked.pairs else 0
    # Longest first, so that no process is left alone with one of them.
    work = [
        partial(_alone, partial(crashed, scene, share, asked.skip)) for scene in reversed(range(len(SCENES)))
    ]
    work += [
        partial(_alone, partial(interleaved, pair, asked.preemptions))
        for pair in range(len(pairs()) if asked.preemptions >= 0 else 0)
    ]
    fresh = multiprocessing.get_context("forkserver")
    with ProcessPoolExecutor(asked.processes, mp_context=fresh) as pool:
        for done in as_completed([pool.submit(each) for each in work]):
            part = done.result()
            _say(
                f"{part.name:50} {part.singles:5} points {part.pairs:7} of {part.behind:7} pairs"
                f" {part.schedules:6} schedules {len(part.broken):3} violations"
            )
            yield part


def _alone(work: "partial[Part]") -> Part:
    """What ``work`` returns; meanwhile nothing is reached but through ports, and nothing is collected."""
    gc.disable()
    try:
        with only_through_ports():
            return work()
    finally:
        gc.enable()
        gc.collect()


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make points", description=__doc__)
    parser.add_argument("--pairs", type=int, default=20_000, help="about how many pairs; 0 for none")
    parser.add_argument(
        "--skip", type=int, default=0, help="so many pairs later, for others than the last time"
    )
    parser.add_argument("--preemptions", type=int, default=2, help="at most so many; -1 for no schedules")
    parser.add_argument("-j", "--processes", type=int, default=2)
    parser.add_argument("--story", metavar="SCENE/POINT[,POINT]", help="tell one of them, whole")
    parser.add_argument("--meet", metavar="PAIR/CHOICE[,CHOICE]", help="tell one schedule, whole")
    return parser.parse_args()


def _tell(story: str) -> int:
    scene, _, names = story.partition("/")
    points = tuple(
        Point(Fault[fault], int(nth))
        for fault, _, nth in (name.partition(":") for name in names.split(",") if name)
    )
    telling = told(Theatre(), SCENES[int(scene)], points)
    for line in (*telling.history.story, *telling.struck):
        _say(f"  {line}")
    for violation in telling.violations:
        _say(f"  BROKEN {_said(violation)}")
    return 1 if telling.violations else 0


def _tell_meeting(meeting: str) -> int:
    pair, _, choices = meeting.partition("/")
    preempted = tuple(int(choice) for choice in choices.split(",") if choice)
    history = run(Theatre(), pairs()[int(pair)], preempted).history
    for line in history.story:
        _say(f"  {line}")
    for violation in history.violations:
        _say(f"  BROKEN {_said(violation)}")
    return 1 if history.violations else 0


def _named(scene: int, points: tuple[Point, ...], violation: Violation) -> str:
    return f"POINT={scene}/{','.join(map(str, points))} breaks {_said(violation)}"


def _said(violation: Violation) -> str:
    return f"{violation.invariant} {violation.subject}: {violation.detail}"


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":
        # The order of a set must not decide anything, and here it cannot.
        os.environ["PYTHONHASHSEED"] = "0"
        again = [sys.executable, "-m", "payments.testing.simulation.exhaustive", *sys.argv[1:]]
        os.execv(sys.executable, again)  # noqa: S606 -- this very program, with a variable more
    sys.exit(main())
