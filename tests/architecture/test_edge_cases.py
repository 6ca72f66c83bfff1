"""Each of the 38 edge cases of docs/edge-cases.md has tests of its number, and each such test has its row."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CASES = range(1, 39)
ROW = re.compile(r"^\| (\d+) \| .+ \| .+ \| (.+) \|$", re.MULTILINE)
NAME = re.compile(r"`(test_case_(\d\d)_[a-z0-9_]+)`")
ON_BOTH_DATABASES = {"story", "scripted", "restored", "database"}
"""Fixtures that run a test on SQLite, and in ``make stories`` on PostgreSQL."""


def rows() -> dict[int, list[tuple[str, str]]]:
    """The tests that the table names, each with the number in its name, by the number of their case."""
    text = (ROOT / "docs/edge-cases.md").read_text(encoding="utf-8")
    return {int(number): NAME.findall(told_by) for number, told_by in ROW.findall(text)}


def told() -> dict[str, set[str]]:
    """What each test of an edge case asks for."""
    return {
        node.name: {argument.arg for argument in node.args.args}
        for path in (ROOT / "tests/e2e/edge_cases").glob("test_*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.AsyncFunctionDef) and node.name.startswith("test_")
    }


def test_the_table_has_a_row_for_each_case_and_names_a_test_of_its_number() -> None:
    assert list(rows()) == list(CASES)
    wrong = {
        number: told_by
        for number, told_by in rows().items()
        if not told_by or any(int(said) != number for _, said in told_by)
    }
    assert wrong == {}


def test_the_tests_that_the_table_names_are_those_there_are() -> None:
    assert sorted(name for told_by in rows().values() for name, _ in told_by) == sorted(told())


def test_every_edge_case_is_told_on_both_databases() -> None:
    assert [name for name, asks_for in told().items() if not asks_for & ON_BOTH_DATABASES] == []
