"""The table of log events in docs/operations.md names each event that a service in live mode may log."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "payments"
LOGGED = re.compile(
    r'(?:\btold|(?<!\blogger)\.a?(?:info|warning|error|exception))\(\s*"([^"]+)"|"(operator_[a-z_]+)"\)'
)
"""An event where it is logged, or where the console hands on what it calls one. Debug events are left out:
live mode refuses to log them. ``logger`` is uvicorn's, and speaks as uvicorn does."""
TOLD_BEFORE_ITS_KIND_HAD_A_FORM = {"provider call"}
"""People search for it by this name."""


def logged() -> set[str]:
    """What the code calls its events."""
    files = [*(PACKAGE / "adapters").rglob("*.py"), *(PACKAGE / "entrypoints").rglob("*.py")]
    found = (pair for file in files for pair in LOGGED.findall(file.read_text(encoding="utf-8")))
    return {name or handed_on for name, handed_on in found}


def test_every_event_is_in_the_table_of_operations_and_no_row_is_left_over() -> None:
    chapter = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8").split("\n## Logs\n")[1]
    table = chapter.split("\n## ")[0].split("| Event | Means |\n")[1]
    firsts = [line.split(" | ")[0] for line in table.splitlines()[1:] if line.startswith("| ")]
    assert {name for first in firsts for name in re.findall("`([^`]+)`", first)} == logged()


def test_events_are_named_in_one_form() -> None:
    odd = {name for name in logged() if not re.fullmatch("[a-z]+(?:_[a-z]+)*", name)}
    assert odd == TOLD_BEFORE_ITS_KIND_HAD_A_FORM
