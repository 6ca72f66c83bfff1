"""What a user installs: the wheel holds every file of the package, not the Python ones alone."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The names inside a freshly built wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=60,
    )
    (built,) = folder.glob("payments-*.whl")
    return zipfile.ZipFile(built).namelist()


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
