"""The map of ASVS 5.0 has each requirement of level 1 and 2 once, and the tests it names are there."""

import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MAP = ROOT / "docs" / "asvs.md"

ROW = re.compile(
    r"^\| (?P<id>\d+\.\d+\.\d+) \| (?P<level>[12]) \| (?P<what>[^|]+) \| (?P<answer>.+) \|$", re.MULTILINE
)
TEST = re.compile(r"\[(?P<name>test_\w+)\]\(\.\./(?P<path>tests/[\w/]+\.py)\)")
NAMED = re.compile(r"\btest_\w+")
REASON = re.compile(r"^\*(?:not applicable|operator)\*: \S.{4,}\.$")
EXCLUSION = re.compile(r"^\*excluded\*: \S.{40,}\.$")

# How many requirements each section of ASVS 5.0.0 has at level 1 and 2; those of level 3 come after them.
SECTIONS = {
    "1.1": 2,
    "1.2": 9,
    "1.3": 11,
    "1.4": 3,
    "1.5": 2,
    "2.1": 3,
    "2.2": 3,
    "2.3": 4,
    "2.4": 1,
    "3.2": 2,
    "3.3": 4,
    "3.4": 6,
    "3.5": 5,
    "3.7": 2,
    "4.1": 3,
    "4.2": 1,
    "4.3": 2,
    "4.4": 4,
    "5.1": 1,
    "5.2": 3,
    "5.3": 2,
    "5.4": 3,
    "6.1": 3,
    "6.2": 12,
    "6.3": 4,
    "6.4": 4,
    "6.5": 5,
    "6.6": 3,
    "6.8": 4,
    "7.1": 3,
    "7.2": 4,
    "7.3": 2,
    "7.4": 5,
    "7.5": 2,
    "7.6": 2,
    "8.1": 2,
    "8.2": 3,
    "8.3": 1,
    "8.4": 1,
    "9.1": 3,
    "9.2": 4,
    "10.1": 2,
    "10.2": 2,
    "10.3": 4,
    "10.4": 11,
    "10.5": 5,
    "10.6": 2,
    "10.7": 3,
    "11.1": 2,
    "11.2": 3,
    "11.3": 3,
    "11.4": 4,
    "11.5": 1,
    "11.6": 1,
    "12.1": 3,
    "12.2": 2,
    "12.3": 4,
    "13.1": 1,
    "13.2": 5,
    "13.3": 2,
    "13.4": 5,
    "14.1": 2,
    "14.2": 4,
    "14.3": 3,
    "15.1": 3,
    "15.2": 3,
    "15.3": 7,
    "16.1": 1,
    "16.2": 5,
    "16.3": 4,
    "16.4": 3,
    "16.5": 3,
    "17.1": 1,
    "17.2": 4,
    "17.3": 2,
}
OF_LEVEL_1, OF_LEVEL_2 = 70, 183


def rows() -> list[re.Match[str]]:
    return list(ROW.finditer(MAP.read_text(encoding="utf-8")))


def test_each_requirement_has_a_row_once() -> None:
    wanted = [f"{section}.{number}" for section, count in SECTIONS.items() for number in range(1, count + 1)]
    assert Counter(row["id"] for row in rows()) == Counter(wanted)
    assert Counter(row["level"] for row in rows()) == {"1": OF_LEVEL_1, "2": OF_LEVEL_2}


def test_each_answer_is_tests_or_a_reason_or_an_exclusion_that_tests_hold() -> None:
    for row in rows():
        answer, tests = row["answer"], TEST.findall(row["answer"])
        if answer.startswith("*excluded*"):
            assert EXCLUSION.match(answer), row[0]
            assert tests, row[0]
        elif answer.startswith("*"):
            assert REASON.match(answer), row[0]
        else:
            assert TEST.match(answer), row[0]
    text = MAP.read_text(encoding="utf-8")
    assert "not met" not in text
    assert len(re.findall(r"^\| \d", text, re.MULTILINE)) == len(rows())


def test_each_test_that_an_answer_names_is_there() -> None:
    for row in rows():
        linked = list(TEST.finditer(row["answer"]))
        for test in linked:
            file = ROOT / test["path"]
            assert file.exists(), row[0]
            whole = file.stem == test["name"]
            assert whole or re.search(
                rf"^ *(?:async )?def {test['name']}\(", file.read_text(encoding="utf-8"), re.MULTILINE
            ), row[0]
        # One that is named without its place could be gone unnoticed.
        assert NAMED.findall(TEST.sub("", row["answer"])) == [], row[0]
