"""What tests of canaries ask for. All of them are for ``make hostile``."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from payments.bootstrap import migrate_database
from payments.settings import Settings
from tests.e2e.databases import SqliteDatabase
from tests.e2e.outside_world import Outside, outside_world
from tests.e2e.service import imported_once

HERE = Path(__file__).parent


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


@pytest.fixture
def database(tmp_path: Path) -> SqliteDatabase:
    """A fresh SQLite database, whose bytes can be read."""
    path = tmp_path / "payments.db"
    migrate_database(Settings.from_env({"PAYMENTS_DATABASE_URL": f"sqlite:///{path}"}))
    return SqliteDatabase(path)
