"""What a story asks for: the world outside, and a service in it."""

from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path

import pytest

from payments.bootstrap import migrate_database
from payments.settings import Settings
from tests.e2e.databases import KINDS, Database, fresh_database
from tests.e2e.outside_world import Outside, outside_world
from tests.e2e.service import imported_once
from tests.e2e.story import LAST_LINES, Story, open_story


@pytest.fixture(scope="session")
async def outside(anyio_backend: str) -> AsyncIterator[Outside]:
    """The simulators, once for all stories of a test process."""
    imported_once()
    async with outside_world() as world:
        yield world


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with its tables and nothing in them, for stories to begin with a copy of it."""
    path = tmp_path_factory.mktemp("database") / "empty.db"
    migrate_database(Settings.from_env({"PAYMENTS_DATABASE_URL": f"sqlite:///{path}"}))
    return path


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, empty_database: Path, tmp_path: Path) -> Iterator[Database]:
    """A fresh database: every story is told on SQLite by one process, and on PostgreSQL by many."""
    with fresh_database(request, empty_database, tmp_path) as database:
        yield database


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave stories on PostgreSQL to ``make stories``, save races and those that tell most (``on_both``)."""
    for item in items:
        told_on = getattr(item, "callspec", None)
        if (
            told_on is not None
            and "postgresql" in (told_on.params.get("database"), told_on.params.get("told"))
            and item.get_closest_marker("on_both") is None
            and item.get_closest_marker("races") is None
        ):
            item.add_marker(pytest.mark.stories)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the end of what its service logged with a story that failed: a build keeps nothing else of it."""
    report = yield
    directory = getattr(item, "funcargs", {}).get("tmp_path")
    if report.failed and directory is not None:
        for log in sorted(directory.rglob("service.log")):
            lines = log.read_text(errors="replace").splitlines()[-LAST_LINES:]
            report.sections.append((f"end of {log.relative_to(directory)}", "\n".join(lines)))
    return report


@pytest.fixture
async def story(outside: Outside, database: Database, tmp_path: Path) -> AsyncIterator[Story]:
    """A running service on a fresh database. When the story ends, every promise must be kept."""
    async with open_story(outside, database, tmp_path) as told:
        yield told
