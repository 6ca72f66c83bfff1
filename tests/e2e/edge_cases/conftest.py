"""What the edge cases ask for beside a story."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.databases import Database
from tests.e2e.edge_cases.scripted import Scripted, open_scripted

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)  # before pytest deselects by mark
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have ``make stories`` tell all of it, on both databases: the list is long."""
    for item in items:
        if item.path.parent == HERE:
            item.add_marker(pytest.mark.stories)


@pytest.fixture
async def scripted(database: Database) -> AsyncIterator[Scripted]:
    """The service on a fresh database, with providers and a clock that do as they are told."""
    async with open_scripted(database) as told:
        yield told
