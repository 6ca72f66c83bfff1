"""The Makefile explains itself, and says in a sentence what a machine lacks."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def make(*words: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run make as a person would: nothing of a surrounding make, no terminal."""
    surroundings = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    surroundings.pop("MFLAGS", None)
    return subprocess.run(
        ["make", "--no-print-directory", "--file", ROOT / "Makefile", *words],  # noqa: S607 - whichever make is there
        cwd=folder,
        env=surroundings,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """A checkout without an environment, as far as the Makefile looks at it."""
    (tmp_path / "requirements").mkdir()
    for name in ("pyproject.toml", "requirements/run.lock", "requirements/dev.lock"):
        (tmp_path / name).touch()
    return tmp_path


def interpreter(folder: Path, script: str) -> Path:
    path = folder / "stand-in-python"
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_make_alone_lists_the_commands() -> None:
    answer = make()
    assert answer.returncode == 0
    for command in ("run", "test", "check", "lock", "help"):
        assert f"make {command} " in answer.stdout


def test_an_old_python_is_named_in_a_sentence(fresh: Path) -> None:
    answer = make("run", f"PYTHON={interpreter(fresh, 'exit 1')}", folder=fresh)
    assert answer.returncode != 0
    assert "This needs Python 3.11 or newer" in answer.stderr
    assert not (fresh / ".venv").exists()


def test_a_python_without_its_venv_module_is_told_what_to_install(fresh: Path) -> None:
    script = 'case "$2" in *ensurepip*) exit 1;; *) exit 0;; esac'
    answer = make("test", f"PYTHON={interpreter(fresh, script)}", folder=fresh)
    assert answer.returncode != 0
    assert "apt-get install python3-venv" in answer.stderr
    assert not (fresh / ".venv").exists()
