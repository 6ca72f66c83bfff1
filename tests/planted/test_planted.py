"""The tests of the tests: each planted fault turns the one test red that must catch it."""

import json
from pathlib import Path

import pytest

from tests.planted.apart import imported_once, run_apart
from tests.planted.fault import Fault
from tests.planted.faults import FAULTS
from tests.planted.planting import ASSERTED, FAULT, REPORT

pytestmark = pytest.mark.planted

TESTS = sorted({fault.caught_by for fault in FAULTS})
EVERY_MARK = "races or not races"


@pytest.fixture(scope="module", autouse=True)
def prepared() -> None:
    imported_once()


def run(report: Path, *tests: str, fault: str = "") -> tuple[list[tuple[str, str, str]], str]:
    """How ``tests`` end in a process of their own, and what they print."""
    words = ["-p", "tests.planted.planting", "-n", "0", "-q", "--tb=short", "-p", "no:cacheprovider"]
    printed = report.with_name("printed")
    run_apart([*words, "-m", EVERY_MARK, *tests], {FAULT: fault, REPORT: str(report)}, printed)
    lines = report.read_text(encoding="utf-8").splitlines() if report.exists() else []
    return [tuple(json.loads(line)) for line in lines], printed.read_text(encoding="utf-8", errors="replace")


@pytest.mark.parametrize("half", [0, 1])
def test_without_a_fault_each_of_these_tests_is_green(half: int, tmp_path: Path) -> None:
    mine = TESTS[half::2]
    ends, printed = run(tmp_path / "report", *mine)
    assert {end for _, _, end in ends} == {"passed"}, printed
    ran = {node.partition("[")[0] for node, _, _ in ends}
    assert ran == {test.partition("[")[0] for test in mine}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.slug)
def test_the_fault_is_caught(fault: Fault, tmp_path: Path) -> None:
    ends, printed = run(tmp_path / "report", fault.caught_by, fault=fault.slug)
    red = [(when, end) for _, when, end in ends if end != "passed"]
    assert red, f"{fault.caught_by} does not notice that {fault.name}.\n{printed}"
    wanted = fault.seen_as or ASSERTED
    assert ("call", wanted) in red, f"It is red, and not by {wanted}: {red}\n{printed}"
