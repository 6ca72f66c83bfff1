"""When `make instructions` says that a path got slower, and when it says that nobody can tell."""

from pathlib import Path

import pytest

from bench.instructions.__main__ import HOW_TO_ACCEPT, NOT_COMPARED, told
from bench.instructions.comparing import Counts, Difference, Ruling, compare

HERE = {"python": "3.11.7 (main) [GCC 12.2.0]", "machine": "x86_64"}
BEFORE = Counts(made_with=HERE, instructions={"one payment": 100_000, "verdict": 50_000})


def counted(**paths: int) -> Counts:
    return Counts(made_with=HERE, instructions={**BEFORE.instructions, **paths})


def test_a_path_that_takes_six_per_cent_more_fails_and_says_how_to_accept_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert told(BEFORE, counted(verdict=53_000)) == 1
    said = capsys.readouterr().out
    (line,) = [line for line in said.splitlines() if "SLOWER" in line]
    assert line.split() == ["verdict", "50,000", "53,000", "+6.0%", "SLOWER"]
    assert HOW_TO_ACCEPT in said


def test_four_per_cent_more_or_less_pass_in_silence(capsys: pytest.CaptureFixture[str]) -> None:
    assert told(BEFORE, counted(verdict=52_000)) == 0
    assert told(BEFORE, counted(verdict=48_000)) == 0
    assert HOW_TO_ACCEPT not in capsys.readouterr().out


def test_six_per_cent_less_passes_and_asks_to_be_accepted(capsys: pytest.CaptureFixture[str]) -> None:
    assert told(BEFORE, counted(verdict=47_000)) == 0
    assert HOW_TO_ACCEPT in capsys.readouterr().out


def test_a_fast_path_does_not_make_up_for_a_slow_one() -> None:
    slow_and_fast = Counts(made_with=HERE, instructions={"one payment": 10_000, "verdict": 53_000})
    assert told(BEFORE, slow_and_fast) == 1


@pytest.mark.parametrize(
    ("before", "now", "ruling"), [(None, 5, Ruling.NEW), (5, None, Ruling.GONE), (5, 5, Ruling.SAME)]
)
def test_a_path_needs_a_count_on_both_sides(before: int | None, now: int | None, ruling: Ruling) -> None:
    assert Difference(path="verdict", before=before, now=now).ruling is ruling


def test_a_path_that_is_new_or_gone_fails() -> None:
    other = Counts(made_with=HERE, instructions={"verdict": 50_000, "another": 1})
    assert {each.path: each.ruling for each in compare(BEFORE, other)} == {
        "verdict": Ruling.SAME,
        "another": Ruling.NEW,
        "one payment": Ruling.GONE,
    }
    assert told(BEFORE, other) == 1


def test_counts_of_another_interpreter_are_shown_and_not_compared(capsys: pytest.CaptureFixture[str]) -> None:
    elsewhere = Counts(made_with={**HERE, "python": "3.12.1"}, instructions={"verdict": 99_000})
    assert told(BEFORE, elsewhere) == 0
    said = capsys.readouterr().out
    (line,) = [line for line in said.splitlines() if line.startswith(NOT_COMPARED)]
    assert "nobody looked" in line
    assert HOW_TO_ACCEPT in said
    assert "python: 3.11.7 (main) [GCC 12.2.0] there, 3.12.1 here" in said
    assert "99,000" in said


def test_ci_repeats_at_its_end_that_nothing_was_compared() -> None:
    """A build may have another interpreter than the counts, and stays green; it must not stay silent."""
    ending = (Path(__file__).resolve().parents[3] / ".ci" / "run").read_text(encoding="utf-8")
    assert f"grep '^{NOT_COMPARED}' " in ending.partition('cat "$aside"')[2]


def test_what_is_kept_is_what_is_read(tmp_path: Path) -> None:
    BEFORE.write(tmp_path / "kept.json")
    assert Counts.read(tmp_path / "kept.json") == BEFORE
