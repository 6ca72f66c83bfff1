"""What tests of hostile input may ask for. All of them are for ``make hostile``."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from payments.bootstrap import migrate_database
from payments.settings import Settings
from tests.e2e.outside_world import Outside, outside_world
from tests.e2e.service import imported_once

HERE = Path(__file__).parent

CLOSED_S = 15.0
"""Half-open connections are closed by then: it is the promise itself, and no patience of the test."""


@pytest.hookimpl(tryfirst=True)  # before pytest deselects by mark
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == HERE:
            item.add_marker(pytest.mark.hostile)


@pytest.fixture(scope="session")
async def outside(anyio_backend: str) -> AsyncIterator[Outside]:
    """The simulators, once for all tests of a process."""
    imported_once()
    async with outside_world() as world:
        yield world


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite database with its tables and nothing in them, to begin with a copy of it."""
    path = tmp_path_factory.mktemp("database") / "empty.db"
    migrate_database(Settings.from_env({"PAYMENTS_DATABASE_URL": f"sqlite:///{path}"}))
    return path


def copied(empty: Path, directory: Path) -> Path:
    """A fresh copy of ``empty``, to be written to."""
    path = directory / "payments.db"
    shutil.copyfile(empty, path)
    return path


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say at the end what was measured, whichever process measured it."""
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name == "measured":
                terminalreporter.write_line(str(value))
