"""The unit-of-work contract over PostgreSQL, over SQLite and in memory."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from payments.adapters.memory.unit_of_work import MemoryUnitOfWork
from payments.adapters.sql import migrate
from payments.adapters.sql.postgres import open_postgres
from payments.adapters.sql.sqlite import open_sqlite
from payments.application.ports.unit_of_work import UnitOfWork
from payments.testing.contracts.unit_of_work import UnitOfWorkContract

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("migrated") / "payments.db"
    migrate.upgrade(f"sqlite:///{path}")
    return path


class TestSqliteUnitOfWork(UnitOfWorkContract):
    @pytest.fixture(autouse=True)
    def _fresh(self, migrated: Path, tmp_path: Path) -> None:
        self.database = shutil.copy(migrated, tmp_path / "payments.db")

    @asynccontextmanager
    async def stage(self) -> AsyncIterator[UnitOfWork]:
        async with open_sqlite(str(self.database)) as unit_of_work:
            yield unit_of_work


class TestPostgresUnitOfWork(UnitOfWorkContract):
    @pytest.fixture(autouse=True)
    def _fresh(self, postgres_url: str) -> None:
        self.url = postgres_url

    @asynccontextmanager
    async def stage(self) -> AsyncIterator[UnitOfWork]:
        async with open_postgres(self.url) as unit_of_work:
            yield unit_of_work


class TestMemoryUnitOfWork(UnitOfWorkContract):
    @asynccontextmanager
    async def stage(self) -> AsyncIterator[UnitOfWork]:
        yield MemoryUnitOfWork()
