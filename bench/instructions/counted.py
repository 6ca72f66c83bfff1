"""The process that is counted: it makes paths ready, warms them up, and runs them under callgrind."""

import argparse
import gc
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final, TextIO

from bench.instructions.paths import PATHS, HotPath, Once
from bench.instructions.requests import Callgrind
from bench.instructions.service import Service, open_service, settings
from payments.entrypoints.serving import run

WARM: Final = 20
"""Repetitions before counting: the interpreter adapts to the code, and statements are compiled."""

BLOCKS: Final = 7
"""How often a path is counted. What happens by the clock, as closing idle connections, is in few of them."""


async def count(names: Sequence[str], database: str, outside: str, logs: TextIO) -> None:
    """Run each path; callgrind writes a dump with its name for each block."""
    callgrind = Callgrind()
    async with open_service(settings(database, outside), logs) as service:
        ready = {name: await _warm(service, PATHS[name]) for name in names}
        gc.collect()
        gc.freeze()
        # When garbage is looked for depends on all that happened before, which is not what is compared.
        gc.disable()
        callgrind.start()
        for name, repetitions in ready.items():
            for first in range(0, len(repetitions), PATHS[name].at_once):
                block = repetitions[first : first + PATHS[name].at_once]
                callgrind.zero()
                for once in block:
                    await once()
                callgrind.dump(name)


async def _warm(service: Service, path: HotPath) -> Sequence[Once]:
    """The repetitions to be counted, after others were run."""
    repetitions = await path.prepare(service, WARM + BLOCKS * path.at_once)
    for once in repetitions[:WARM]:
        await once()
    return repetitions[WARM:]


if __name__ == "__main__":
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("names", nargs="+", choices=PATHS)
    words.add_argument("--database", required=True)
    words.add_argument("--outside", required=True)
    given = words.parse_args()
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        run(count(given.names, given.database, given.outside, nowhere))
