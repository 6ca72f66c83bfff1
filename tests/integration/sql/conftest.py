"""A migrated SQLite database for each test, copied from one that was migrated once."""

import shutil
from pathlib import Path

import pytest

from payments.adapters.sql import migrate


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("migrated") / "payments.db"
    migrate.upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
def database(migrated: Path, tmp_path: Path) -> Path:
    """A fresh database that nobody has opened."""
    return Path(shutil.copy(migrated, tmp_path / "payments.db"))
