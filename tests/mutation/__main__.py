"""Mutation: change the code one piece at a time, and see which changes no test notices.

``make mutate`` runs the groups of ``tests/mutation/groups.py`` that it is given (``GROUPS="money settle"``),
with mutmut, over a copy of the sources and the tests in ``.mutation/``: the working tree is never touched.
"""

import argparse
import fnmatch
import json
import math
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import attrs

from tests.mutation.groups import CRITICAL, GROUPS, Group

ROOT = Path(__file__).resolve().parents[2]
COPIES = ROOT / ".mutation"
COPIED = ("src", "tests", "pyproject.toml")
KILLED = frozenset({1, 3, 24, -24, 152})
"""What mutmut keeps for a mutant that a test noticed: red, an error, or work that never ended.
Whatever else it keeps, such as 0 for "all green", 33 for "no test ran it" and None for "not yet", counts as
alive."""

GENERATE = "import mutmut.__main__ as it; it.copy_src_dir(); it.copy_also_copy_files(); it.create_mutants(2)"
"""Writes every mutant and runs none: mutmut has no command for that."""
DEVIATIONS = 1.96
"""So many standard deviations to each side leave out five of a hundred."""


@attrs.frozen
class Score:
    """How many mutants there were, and the names of those that lived."""

    mutants: int
    survivors: tuple[str, ...]

    @property
    def per_cent(self) -> float:
        """How many of a hundred were killed."""
        return 100 * (1 - len(self.survivors) / self.mutants) if self.mutants else 100.0

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval, in per cent: where the score of all lies, if these were drawn from them."""
        share, z2 = self.per_cent / 100, DEVIATIONS**2 / self.mutants
        middle = share + z2 / 2
        half = math.sqrt(z2 * share * (1 - share) + z2**2 / 4)
        return 100 * (middle - half) / (1 + z2), 100 * (middle + half) / (1 + z2)


def main(words: list[str]) -> int:
    """0 if every group reached what it owes; of a sample, if the least of its interval did."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("groups", nargs="*", default=CRITICAL, metavar="GROUP", help=", ".join(GROUPS))
    parser.add_argument("--only", default="*", help="modules of these names alone, such as *.refunding")
    parser.add_argument(
        "--again", action="store_true", help="only what survived the last run, by today's tests"
    )
    parser.add_argument("--sample", type=int, default=0, help="only so many, drawn from all groups together")
    parser.add_argument("--seed", type=int, default=1, help="draws another sample")
    parser.add_argument("--children", type=int, default=2, help="how many mutants at a time")
    chosen = parser.parse_args(words)
    groups = [GROUPS[name] for name in chosen.groups]
    for group in groups:
        _copy(group, again=chosen.again)
    if chosen.sample and not chosen.again:
        _draw([_place(group) for group in groups], chosen.only, chosen.sample, chosen.seed)
    scores = [_run(group, chosen.only, chosen.children) for group in groups]
    if chosen.sample:
        return 0 if _estimated(_together(scores), min(group.owed for group in groups)) else 1
    return 0 if all(score.per_cent >= group.owed for score, group in zip(scores, groups, strict=True)) else 1


def _draw(places: Sequence[Path], only: str, size: int, seed: int) -> None:
    """Forget every mutant but ``size``: each of all these places is as likely to stay as any other."""
    every = [name for place in places for score in _scores(place, only).values() for name in score.survivors]
    print(f"{min(size, len(every))} of {len(every)} mutants, seed {seed}", flush=True)
    drawn = frozenset(random.Random(seed).sample(every, min(size, len(every))))  # noqa: S311 -- no secret
    for kept in (kept for place in places for kept in _kept(place)):
        known = json.loads(kept.read_text(encoding="utf-8"))
        known["exit_code_by_key"] = {name: None for name in known["exit_code_by_key"] if name in drawn}
        kept.write_text(json.dumps(known), encoding="utf-8")


def _run(group: Group, only: str, children: int) -> Score:
    """Each mutant that is not killed yet meets the near tests; what survives, the far ones."""
    place = _place(group)
    for tests in (group.near, group.far):
        alive = _together(_scores(place, only).values()).survivors
        if alive and tests:
            (place / "mutants" / "mutmut-stats.json").unlink(missing_ok=True)
            _settings(place, group, tests)
            _python(place, "-m", "mutmut", "run", "--max-children", str(children), *alive)
    return _told(group, _scores(place, only), place)


def _place(group: Group) -> Path:
    return COPIES / group.name


def _copy(group: Group, *, again: bool) -> None:
    """The sources with all their mutants, and the tests; ``again``, only the tests of today."""
    place = _place(group)
    if again:
        shutil.copytree(ROOT / "tests", place / "tests", dirs_exist_ok=True)
        shutil.copytree(ROOT / "tests", place / "mutants" / "tests", dirs_exist_ok=True)
        return
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(ROOT / name, place / name)
    _settings(place, group, group.near)
    _python(place, "-c", GENERATE)


def _settings(place: Path, group: Group, tests: Iterable[str]) -> None:
    """Write down for mutmut what it changes and what it runs."""
    below = place / "src" / "payments"
    found, others = (
        {path for pattern in patterns for path in below.glob(pattern)}
        for patterns in (group.sources, group.but)
    )
    settings = {
        "source_paths": ("src",),
        # Whole names: an asterisk of mutmut's would reach into the folders below, too.
        "only_mutate": sorted(str(path.relative_to(place)) for path in found - others),
        "pytest_add_cli_args": ("-ptests.mutation.patience",),
        "pytest_add_cli_args_test_selection": tuple(tests),
    }
    lines = [f"{key} =\n" + "".join(f"    {value}\n" for value in values) for key, values in settings.items()]
    # What never ends is noticed by its own test: see tests/mutation/patience.py.
    lines.append("timeout_constant = 5\ntimeout_multiplier = 4\n")
    (place / "setup.cfg").write_text("[mutmut]\n" + "".join(lines), encoding="utf-8")


def _python(place: Path, *words: str) -> None:
    # Examples are drawn alike for every mutant, and set order does not decide which test comes first.
    surroundings = {**os.environ, "PYTHONHASHSEED": "0", "NO_COLOR": "1"}
    with (place / "mutmut.log").open("a", encoding="utf-8") as log:
        subprocess.run(
            (sys.executable, *words), cwd=place, env=surroundings, stdout=log, stderr=log, check=True
        )


def _kept(place: Path) -> Iterator[Path]:
    """The files in which mutmut keeps what became of each mutant."""
    yield from sorted((place / "mutants" / "src" / "payments").rglob("*.meta"))


def _scores(place: Path, only: str) -> Mapping[str, Score]:
    """The score of each module."""
    found = {}
    for kept in _kept(place):
        module = ".".join(kept.relative_to(place / "mutants" / "src").parts).removesuffix(".py.meta")
        codes: dict[str, int | None] = json.loads(kept.read_text(encoding="utf-8"))["exit_code_by_key"]
        if codes and fnmatch.fnmatch(module, f"payments.{only}*"):
            found[module] = Score(len(codes), tuple(name for name in codes if codes[name] not in KILLED))
    return found


def _together(scores: Iterable[Score]) -> Score:
    told = tuple(scores)
    return Score(
        sum(score.mutants for score in told), tuple(name for score in told for name in score.survivors)
    )


def _estimated(sample: Score, owed: int) -> bool:
    least, most = sample.interval
    print(
        f"\nsample: {sample.mutants - len(sample.survivors)} of {sample.mutants} killed, "
        f"{sample.per_cent:.1f} %, 95 % interval {least:.1f} % to {most:.1f} % "
        f"({owed} % owed){'' if least >= owed else ': not shown'}"
    )
    return least >= owed


def _told(group: Group, scores: Mapping[str, Score], place: Path) -> Score:
    whole = _together(scores.values())
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
    return whole


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
