"""What the edge cases ask for beside a story."""

from collections.abc import AsyncIterator

import pytest

from tests.e2e.databases import Database
from tests.e2e.edge_cases.scripted import Scripted, open_scripted


@pytest.fixture
async def scripted(database: Database) -> AsyncIterator[Scripted]:
    """The service on a fresh database, with providers and a clock that do as they are told."""
    async with open_scripted(database) as told:
        yield told
