"""The stage of every race: one world, and its sides on PostgreSQL and on SQLite."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from payments.adapters.sql import migrate
from tests.integration.races.sides import Side, World, sides

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)  # before pytest deselects by mark
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == HERE:
            item.add_marker(pytest.mark.races)


@pytest.fixture
def rounds(long_run: bool) -> range:  # noqa: FBT001 -- a fixture by name
    return range(30 if long_run else 3)


@pytest.fixture(params=["postgresql", "sqlite"])
def urls(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, ...]:
    """Where the sides keep what they know: two on PostgreSQL, one on SQLite, which takes no second."""
    if request.param == "postgresql":
        url: str = request.getfixturevalue("postgres_url")
        return (url, url)
    url = f"sqlite:///{tmp_path / 'payments.db'}"
    migrate.upgrade(url)
    return (url,)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def racing(world: World, urls: tuple[str, ...]) -> Iterator[tuple[Side, ...]]:
    """The sides; when the test ends, every promise must hold."""
    with sides(world, *urls) as opened:
        yield opened
