"""The table of planted faults is kept with the code: no fault of it misses its place or its test."""

import re

import pytest

from tests.planted.fault import ROOT, SOURCES, Fault, SourceMoved
from tests.planted.faults import FAULTS


def test_every_fault_finds_the_one_piece_of_source_that_it_replaces() -> None:
    for fault in FAULTS:
        assert fault.planted() != fault.path.read_text(encoding="utf-8"), fault.name


def test_every_fault_names_a_test_that_is_there() -> None:
    for fault in FAULTS:
        file, *names = fault.caught_by.partition("[")[0].split("::")
        texts = [(ROOT / file).read_text(encoding="utf-8")]
        # What a contract suite promises stands in the suite.
        texts += [
            suite.read_text(encoding="utf-8") for suite in (SOURCES / "testing" / "contracts").glob("*.py")
        ]
        assert any(re.search(rf"def {names[-1]}\(", text) for text in texts), fault.caught_by


def test_thirty_faults_and_more_each_by_a_name_of_its_own() -> None:
    assert len({fault.slug for fault in FAULTS}) == len(FAULTS) >= 30


def test_a_fault_whose_place_is_gone_is_said_to_be() -> None:
    nowhere = Fault("it is nowhere", "domain/money.py", "no such line", "", "tests/unit")
    with pytest.raises(SourceMoved, match="0 times"):
        nowhere.planted()
