"""What every test may ask for."""

import logging
import os
import shutil
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import settings

from tests.postgres import Databases, databases

# Two busy cores may take long over one example; that is no finding. The parent is Hypothesis's own CI profile
# where there is CI.
settings.register_profile("shared-machine", parent=settings(), deadline=None)
settings.load_profile("shared-machine")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Asyncio alone: it is what the service runs on."""
    return "asyncio"


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """The browser of the machine. Where it is absent the test is skipped by name, and fails in CI."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None and os.environ.get("CI") == "true":
        pytest.fail("chromium is missing, and CI skips nothing (.ci/run installs it)")
    if path is None:
        pytest.skip("chromium is missing (apt-get install chromium)")
    return path


@pytest.fixture
def logs_go_back() -> Iterator[None]:
    """For whoever runs a command in this process: afterwards logs go where they went before."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = before
    root.setLevel(level)


@pytest.fixture(scope="session")
def long_run() -> bool:
    """Whether there is time: ``make races`` gives it."""
    return os.environ.get("PAYMENTS_TEST_LONG") == "true"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Databases]:
    """PostgreSQL, started by the first test that asks for it."""
    with databases() as found:
        yield found


@pytest.fixture
def postgres_url(postgres: Databases) -> Iterator[str]:
    """The address of a fresh PostgreSQL database with this version's tables."""
    with postgres.migrated() as url:
        yield url
