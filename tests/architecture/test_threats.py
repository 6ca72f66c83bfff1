"""Each threat of docs/threats.md has its row, and each row names tests that there are."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROW = re.compile(r"^\| ([A-Z]\d+t?) \| (.+) \| (.+) \| (.+) \|$", re.MULTILINE)
NAME = re.compile(r"`(test_[a-z0-9_]+)`")
TEST = re.compile(r"^ *(?:async )?def (test_[a-z0-9_]+)\(", re.MULTILINE)
NUMBERS = [
    *(f"W{number}" for number in range(1, 23)),
    *(f"V{number}" for number in range(1, 8)),
    *(f"I{number}t" for number in range(1, 15)),
    *(f"C{number}" for number in range(1, 10)),
    *(f"O{number}" for number in range(1, 5)),
    *(f"E{number}" for number in range(1, 5)),
    *(f"L{number}" for number in range(1, 4)),
    *("S1", "S2"),
]


def rows() -> dict[str, list[str]]:
    """The tests that each row names."""
    text = (ROOT / "docs/threats.md").read_text(encoding="utf-8")
    return {number: NAME.findall(tests) for number, _, _, tests in ROW.findall(text)}


def told() -> set[str]:
    """Every test there is, by name."""
    return {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in TEST.findall(path.read_text(encoding="utf-8"))
    }


def test_every_threat_has_a_row_and_every_row_a_test() -> None:
    assert list(rows()) == NUMBERS
    assert [number for number, tests in rows().items() if not tests] == []


def test_the_tests_that_the_rows_name_are_there() -> None:
    there = told()
    lost = {number: name for number, tests in rows().items() for name in tests if name not in there}
    assert lost == {}
