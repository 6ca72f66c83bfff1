"""What the tests of the console may ask for."""

from collections.abc import AsyncIterator

import pytest

from tests.integration.console.operator import Operator, open_browser


@pytest.fixture
async def stranger() -> AsyncIterator[Operator]:
    """A browser that is not signed in."""
    async with open_browser() as browser:
        yield browser


@pytest.fixture
async def operator(stranger: Operator) -> Operator:
    """A browser that is signed in as ``boss``."""
    assert (await stranger.sign_in()).status_code == 303
    return stranger
