"""Counting all hot paths: some processes under callgrind, and the outside world beside them."""

import asyncio
import os
import platform
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

from bench.instructions.comparing import Counts
from bench.instructions.outside import open_outside
from bench.instructions.paths import PATHS
from bench.instructions.requests import MACHINES
from bench.instructions.service import settings
from payments.bootstrap import migrate_database

_ROOT: Final = Path(__file__).parents[2]
_LONGEST_S: Final = 600.0

# Which paths share a process, and a database, is part of what is counted: never a matter of how many
# processors there are.
_SHARES: Final = 2


class CannotCount(Exception):
    """Something that counting needs is not here; the message says what."""


async def count_all() -> Counts:
    """The instructions of one repetition of each path.

    Raises:
        CannotCount: there is no valgrind, or a path did not do what it should.
    """
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise CannotCount("valgrind is missing; on Debian and Ubuntu: apt-get install valgrind")
    try:
        async with asyncio.timeout(_LONGEST_S):
            counted = await _count_shares(valgrind)
    except TimeoutError as error:
        raise CannotCount(f"Counting took longer than {_LONGEST_S:.0f} s.") from error
    except ExceptionGroup as group:
        # What went wrong in one share ended the others.
        raise group.exceptions[0] from group
    return Counts(
        made_with=made_with(await _version(valgrind)), instructions={name: counted[name] for name in PATHS}
    )


async def _count_shares(valgrind: str) -> dict[str, int]:
    names = tuple(PATHS)
    with TemporaryDirectory(prefix="instructions-") as folder:
        async with open_outside() as outside, asyncio.TaskGroup() as tasks:
            shares = [
                tasks.create_task(_count(valgrind, names[first::_SHARES], Path(folder, str(first)), outside))
                for first in range(_SHARES)
            ]
    return {name: count for share in shares for name, count in share.result().items()}


def made_with(valgrind: str) -> dict[str, str]:
    """All that changes the counts of the same code: another build of the same Python already does."""
    return {
        "python": " ".join(sys.version.split()),
        "libc": " ".join(platform.libc_ver()),
        "machine": platform.machine(),
        "valgrind": valgrind,
    }


def can_count_here() -> bool:
    """Whether this processor's client requests are known."""
    return platform.machine() in MACHINES


async def _count(valgrind: str, names: Sequence[str], folder: Path, outside: str) -> dict[str, int]:
    database, out = _make_tables(folder, outside), folder / "callgrind.out"
    process = await asyncio.create_subprocess_exec(
        valgrind,
        *("--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={out}"),
        *(sys.executable, "-m", "bench.instructions.counted", *names),
        *("--database", str(database), "--outside", outside),
        cwd=_ROOT,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "0"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    if process.returncode != 0:
        raise CannotCount(f"Counting {', '.join(names)} failed:\n{said.decode(errors='replace')}")
    return _counts(out, names)


def _make_tables(folder: Path, outside: str) -> Path:
    """A new database in ``folder``."""
    folder.mkdir()
    database = folder / "payments.db"
    migrate_database(settings(str(database), outside))
    return database


def _counts(out: Path, names: Sequence[str]) -> dict[str, int]:
    """The instructions of one repetition of each path, from all dumps beside ``out``."""
    blocks: dict[str, list[int]] = {name: [] for name in names}
    for name, count in map(_read, out.parent.glob(f"{out.name}.*")):
        blocks[name].append(count)
    return {name: round(median(counts) / PATHS[name].at_once) for name, counts in blocks.items()}


def _read(dump: Path) -> tuple[str, int]:
    """The path whose block ``dump`` is about, and how many instructions that took."""
    text = dump.read_text(encoding="utf-8")
    name = re.search("^desc: Trigger: Client Request: (.+)$", text, re.MULTILINE)
    total = re.search("^totals: ([0-9]+)$", text, re.MULTILINE)
    if name is None or total is None:
        raise CannotCount(f"{dump.name} is no dump of callgrind's.")
    return name[1], int(total[1])


async def _version(valgrind: str) -> str:
    process = await asyncio.create_subprocess_exec(valgrind, "--version", stdout=asyncio.subprocess.PIPE)
    said, _ = await process.communicate()
    return said.decode().strip().removeprefix("valgrind-")
