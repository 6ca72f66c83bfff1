"""``make provider`` begins a gateway whose contract tests run at once; a deleted one is missed by nobody."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.new_provider import NotPossible, begin

pytestmark = pytest.mark.stories

ROOT = Path(__file__).resolve().parents[2]
PROVIDERS = Path("src", "payments", "adapters", "providers")


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[Path]:
    """The project, to be changed."""
    root = tmp_path / "project"
    for folder in ("src", "tests", "examples", "docs"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, root)
    # What `make check` learned of each file holds for its copy, which is as old: mypy looks at what is new.
    if (known := ROOT / ".mypy_cache").is_dir():
        shutil.copytree(known, root / known.name)
    yield root
    shutil.rmtree(root)


def run(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    surroundings = {**os.environ, "PYTHONPATH": str(root / "src"), "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, "-m", *words],
        cwd=root,
        env=surroundings,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


def passes(root: Path, *words: str) -> None:
    answer = run(root, *words)
    assert answer.returncode == 0, answer.stdout[-4000:] + answer.stderr[-2000:]


def test_the_contract_tests_of_a_new_provider_run_at_once(copy: Path) -> None:
    written = begin(copy, "zebra")
    assert copy / PROVIDERS / "zebra" / "mapping.py" in written
    assert not [path for path in written if "acme" in path.read_text(encoding="utf-8").lower()]
    passes(copy, "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", "tests/contract/test_zebra_gateway.py")
    passes(copy, "ruff", "check", "--fix-only", "--quiet", ".")
    passes(copy, "ruff", "format", "--quiet", ".")
    passes(copy, "ruff", "check", "--quiet", ".")
    passes(copy, "mypy", "src", "tests/contract/test_zebra_gateway.py")
    passes(
        copy,
        "pytest",
        "-q",
        "-n",
        "0",
        "-p",
        "no:cacheprovider",
        "tests/unit/adapters/providers/test_listing.py",
    )


@pytest.mark.parametrize("name", ["", "Zebra", "chapa", "9lives", "../up", "a-b"])
def test_a_name_that_cannot_be_is_refused_and_nothing_written(name: str) -> None:
    with pytest.raises(NotPossible):
        begin(ROOT, name)


def built_in() -> list[str]:
    return sorted(folder.parent.name for folder in (ROOT / PROVIDERS).glob("*/__init__.py"))


def without(root: Path, name: str) -> None:
    """Delete a provider as ``docs/providers.md`` says: its folder, its line, and the tests of it alone."""
    shutil.rmtree(root / PROVIDERS / name)
    listing = root / PROVIDERS / "listing.py"
    text = listing.read_text(encoding="utf-8")
    names = re.search(r"^from payments\.adapters\.providers import (.+)$", text, re.MULTILINE)
    assert names is not None
    left = ", ".join(other for other in names[1].split(", ") if other != name)
    text = text.replace(names[0], f"from payments.adapters.providers import {left}" if left else "")
    listing.write_text(text.replace(f"    {name},\n", ""), encoding="utf-8")
    for test in (root / "tests").rglob("*.py"):
        words = test.read_text(encoding="utf-8")
        if f"adapters.providers.{name}" in words or re.search(
            rf"adapters\.providers import .*\b{name}\b", words
        ):
            test.unlink()


@pytest.mark.parametrize("name", built_in())
def test_a_provider_can_be_deleted_with_its_folder_and_its_line(copy: Path, name: str) -> None:
    without(copy, name)
    rest = (
        "unit/adapters",
        "unit/testing",
        "unit/test_settings.py",
        "contract/test_orders.py",
        "integration/http",
    )
    kept = [f"tests/{place}" for place in rest if (copy / "tests" / place).exists()]
    passes(copy, "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", *kept)
