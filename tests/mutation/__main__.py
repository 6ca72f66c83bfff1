"""Mutation: change the code one piece at a time, and see which changes no test notices.

``make mutate`` runs the groups of ``tests/mutation/groups.py`` that it is given (``GROUPS="money settle"``),
with mutmut, over a copy of the sources and the tests in ``.mutation/``: the working tree is never touched.
"""

import argparse
import fnmatch
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import attrs

from tests.mutation.groups import CRITICAL, GROUPS, Group

ROOT = Path(__file__).resolve().parents[2]
COPIES = ROOT / ".mutation"
COPIED = ("src", "tests", "pyproject.toml")
KILLED = frozenset({1, 3, 24, -24, 152})
"""What mutmut keeps for a mutant that a test noticed: red, an error, or work that never ended (by CPU time).
Whatever else it keeps, such as 0 for "all green", 33 for "no test ran it" and None for "not yet", counts as
alive."""


@attrs.frozen
class Score:
    """How many mutants there were, and the names of those that lived."""

    mutants: int
    survivors: tuple[str, ...]

    @property
    def per_cent(self) -> float:
        """How many of a hundred were killed."""
        return 100 * (1 - len(self.survivors) / self.mutants) if self.mutants else 100.0


def main(words: list[str]) -> int:
    """0 if every group reached what it owes."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("groups", nargs="*", default=CRITICAL, metavar="GROUP", help=", ".join(GROUPS))
    parser.add_argument("--only", default="*", help="modules of these names alone, such as *.refunding")
    parser.add_argument(
        "--again", action="store_true", help="only what survived the last run, by today's tests"
    )
    parser.add_argument("--children", type=int, default=2, help="how many mutants at a time")
    chosen = parser.parse_args(words)
    run = _again if chosen.again else _run
    reached = [run(GROUPS[name], chosen.only, chosen.children) for name in chosen.groups]
    return 0 if all(reached) else 1


def _run(group: Group, only: str, children: int) -> bool:
    place = _copy(group)
    _mutmut(place, group, group.near, children, (f"payments.{only}*",))
    _meet(place, group, group.far, children, only)
    return _told(group, _scores(place, only), place)


def _again(group: Group, only: str, children: int) -> bool:
    place = COPIES / group.name
    shutil.copytree(ROOT / "tests", place / "tests", dirs_exist_ok=True)
    for tests in (group.near, group.far):
        _meet(place, group, tests, children, only)
    return _told(group, _scores(place, only), place)


def _meet(place: Path, group: Group, tests: tuple[str, ...], children: int, only: str) -> None:
    """Run ``tests`` against what is still alive."""
    alive = [name for score in _scores(place, only).values() for name in score.survivors]
    if alive and tests:
        (place / "mutants" / "mutmut-stats.json").unlink(missing_ok=True)
        _mutmut(place, group, tests, children, alive)


def _copy(group: Group) -> Path:
    place = COPIES / group.name
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(ROOT / name, place / name)
    return place


def _mutmut(place: Path, group: Group, tests: Iterable[str], children: int, mutants: Iterable[str]) -> None:
    settings = {
        "source_paths": ("src",),
        "only_mutate": tuple(f"src/payments/{pattern}" for pattern in group.sources),
        "pytest_add_cli_args_test_selection": tuple(tests),
    }
    lines = [f"{key} =\n" + "".join(f"    {value}\n" for value in values) for key, values in settings.items()]
    lines.append("timeout_multiplier = 4\n")
    (place / "setup.cfg").write_text("[mutmut]\n" + "".join(lines), encoding="utf-8")
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", str(children), *mutants]
    # Examples are drawn alike for every mutant, and set order does not decide which test comes first.
    surroundings = {**os.environ, "PYTHONHASHSEED": "0", "NO_COLOR": "1"}
    with (place / "mutmut.log").open("a", encoding="utf-8") as log:
        subprocess.run(command, cwd=place, env=surroundings, stdout=log, stderr=log, check=True)


def _scores(place: Path, only: str) -> Mapping[str, Score]:
    """The score of each module."""
    found = {}
    for kept in sorted((place / "mutants" / "src" / "payments").rglob("*.meta")):
        module = ".".join(kept.relative_to(place / "mutants" / "src").parts).removesuffix(".py.meta")
        codes: dict[str, int | None] = json.loads(kept.read_text(encoding="utf-8"))["exit_code_by_key"]
        if codes and fnmatch.fnmatch(module, f"payments.{only}*"):
            found[module] = Score(len(codes), tuple(name for name in codes if codes[name] not in KILLED))
    return found


def _told(group: Group, scores: Mapping[str, Score], place: Path) -> bool:
    whole = Score(
        sum(score.mutants for score in scores.values()),
        tuple(name for score in scores.values() for name in score.survivors),
    )
    for module, score in scores.items():
        print(f"{module:55} {score.mutants:5} mutants  {score.per_cent:5.1f} %")
    for name in whole.survivors:
        shown = subprocess.run(
            [sys.executable, "-m", "mutmut", "show", name],
            cwd=place,
            capture_output=True,
            text=True,
            check=True,
        )
        changed = [
            line for line in shown.stdout.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")
        ]
        print(f"\n{name}", *changed, sep="\n")
    reached = whole.per_cent >= group.owed
    print(
        f"\n{group.name}: {whole.mutants - len(whole.survivors)} of {whole.mutants} killed, "
        f"{whole.per_cent:.1f} % ({group.owed} % owed){'' if reached else ': too few'}"
    )
    return reached


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
