"""What the tests of the HTTP interface may ask for."""

from collections.abc import AsyncIterator

import pytest

from tests.integration.http.door import Door, open_door


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    async with open_door() as opened:
        yield opened
