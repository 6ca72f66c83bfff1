"""``make bench-scaling``: does it stay flat? Each part prints facts, with the bounds they have to keep."""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import attrs

from bench.measuring import end_in_order_when_told, machine, versions
from bench.neighbours import neighbours
from bench.place import Place, execute
from bench.postgres import measured_server
from bench.scaling import running, stored
from bench.scaling.fact import Fact, facts_table
from bench.servers import OUTSIDE_PORT, PEERS, missing
from bench.tables import heading


def parts(given: argparse.Namespace, place: Place) -> Mapping[str, Callable[[], Iterator[Fact]]]:
    """All parts by name, in their order."""
    return {
        "hot": lambda: running.hot(place),
        "far": lambda: running.far(place),
        "workers": lambda: running.workers(place),
        "writers": lambda: running.writers(place),
        "backlogs": lambda: stored.backlogs(place, given.size),
        "depth": lambda: stored.depth(place, given.size),
        # Over what "depth" stored.
        "check": lambda: stored.check(place, given.size),
        "soak": lambda: running.soak(place, given.minutes),
    }


def main(words: Sequence[str] | None = None) -> int:
    """Measure and print; 1 if something is missing, or a bound is not kept."""
    given = _arguments(words)
    if (lacking := missing(peers=False)) is not None:
        sys.stderr.write(f"{lacking}\n")
        return 1
    end_in_order_when_told()
    facts: list[Fact] = []
    with ExitStack() as resources:
        made = resources.enter_context(
            tempfile.TemporaryDirectory(prefix="payments-bench-", dir=given.folder)
        )
        postgres = resources.enter_context(measured_server(execute))
        around = resources.enter_context(neighbours(OUTSIDE_PORT))
        place = Place(folder=Path(made), postgres=postgres, around=around)
        about = machine(place.folder) | versions(PEERS)
        for name, part in parts(given, place).items():
            if not given.only or name in given.only.split(","):
                for fact in part():
                    facts.append(fact)
                    sys.stderr.write(facts_table([fact]).splitlines()[-1] + "\n")
    if given.json:
        report = {"about": about, "arguments": vars(given), "facts": [attrs.asdict(each) for each in facts]}
        Path(given.json).write_text(json.dumps(report, indent=1, default=str))
    sys.stdout.write(f"{heading(about)}\n\n{facts_table(facts)}")
    return 1 if any(fact.kept is False for fact in facts) else 0


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.scaling", description=__doc__)
    parser.add_argument("--size", type=int, default=1_000_000, help="how many payments are many")
    parser.add_argument("--minutes", type=float, default=10.0, help="how long the soak is")
    parser.add_argument("--only", default="", help="only these parts: hot,far,workers,writers,...")
    parser.add_argument("--json", default="", help="where every fact is written")
    parser.add_argument("--folder", default=None, help="where databases are made; a disk, not memory")
    return parser.parse_args(words)


if __name__ == "__main__":
    sys.exit(main())
