"""What a user installs: the wheel holds every file of the package, not the Python ones alone."""

import os.path
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def built(kind: str, folder: Path) -> Path:
    """A freshly built wheel or sdist."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", folder],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=300,
    )
    (one,) = folder.glob("payments-*")
    return one


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The names inside the wheel."""
    return zipfile.ZipFile(built("wheel", tmp_path_factory.mktemp("wheel"))).namelist()


def test_the_wheel_holds_every_file_of_the_package(wheel: list[str]) -> None:
    source = ROOT / "src"
    package = {
        str(path.relative_to(source))
        for path in (source / "payments").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert package - set(wheel) == set()


@pytest.mark.parametrize(
    "place",
    [
        "payments/py.typed",
        "payments/adapters/sql/migrations/",
        "payments/adapters/notifiers/templates/",
        "payments/simulators/templates/",
        "payments/simulators/static/",
        ".dist-info/licenses/LICENSE",
        ".dist-info/entry_points.txt",
    ],
)
def test_templates_static_files_and_migrations_travel_along(place: str, wheel: list[str]) -> None:
    assert any(place in name for name in wheel)


def test_nothing_but_the_package_is_in_the_wheel(wheel: list[str]) -> None:
    assert {name.partition("/")[0] for name in wheel} <= {"payments", "payments-0.1.0.dist-info"}


def test_the_source_distribution_holds_all_that_its_documents_lead_to(tmp_path: Path) -> None:
    with tarfile.open(built("sdist", tmp_path)) as packed:
        names = {name.partition("/")[2] for name in packed.getnames()}
    folders = {str(parent) for name in names for parent in Path(name).parents}
    links = {
        (document, os.path.normpath(Path(document).parent / link))
        for document in names
        if document.endswith(".md")
        for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", (ROOT / document).read_text(encoding="utf-8"))
        if "://" not in link
    }
    assert len(links) > 100
    assert {(document, place) for document, place in links if place not in names | folders} == set()
