"""The arrows between packages hold, and each contract is seen to fail when it is broken on purpose."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest

from tests.architecture.dependencies import distributions_of, names_declared

ROOT = Path(__file__).resolve().parents[2]
SETTINGS: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CONTRACTS: dict[str, dict[str, Any]] = {
    contract["id"]: contract for contract in SETTINGS["tool"]["importlinter"]["contracts"]
}


@attrs.frozen
class Plant:
    """One wrong import: where it is written, what it imports, and the contract it must break."""

    contract: str
    importer: str
    imported: str

    @property
    def complaint(self) -> str:
        return f"{self.importer} -> {self.imported} (l."


@attrs.frozen
class Unplaced:
    """A module nobody gave a place, and the exhaustive contract that must say so."""

    contract: str
    module: str

    @property
    def complaint(self) -> str:
        return f"- {self.module}"


def every_forbidden_module(contract: str) -> list[Plant]:
    return [
        Plant(contract, f"{package}.planted_{forbidden}", forbidden)
        for package in CONTRACTS[contract]["source_modules"]
        for forbidden in CONTRACTS[contract]["forbidden_modules"]
    ]


PLANTS: list[Plant | Unplaced] = [
    Plant("layers", "payments.domain.planted_up", "payments.application"),
    Plant("layers", "payments.application.planted_up", "payments.adapters"),
    Plant("layers", "payments.adapters.planted_up", "payments.entrypoints"),
    Plant("layers", "payments.adapters.planted_settings", "payments.settings"),
    Plant("layers", "payments.settings.planted_up", "payments.bootstrap"),
    Plant("layers", "payments.bootstrap.planted_up", "payments.testing"),
    Plant("layers", "payments.entrypoints.planted_aside", "payments.testing"),
    Unplaced("layers", "payments.planted_package"),
    *every_forbidden_module("pure-core"),
    *every_forbidden_module("no-clock-no-chance"),
    Plant("punq", "payments.adapters.planted_punq", "punq"),
    Plant("punq", "payments.entrypoints.planted_punq", "punq"),
    Plant("punq", "payments.testing.planted_punq", "punq"),
    Plant("adapters-through-bootstrap", "payments.entrypoints.planted_adapter", "payments.adapters.memory"),
    Plant("simulators-know-nobody", "payments.simulators.planted_domain", "payments.domain"),
    Plant("simulators-know-nobody", "payments.simulators.planted_testing", "payments.testing"),
    Plant("simulators-known-to-two", "payments.entrypoints.planted_double", "payments.simulators"),
    Plant("simulators-known-to-two", "payments.testing.planted_double", "payments.simulators"),
    Plant(
        "providers-apart",
        "payments.adapters.providers.chapa.planted_aside",
        "payments.adapters.providers.cash",
    ),
    Plant(
        "providers-apart",
        "payments.adapters.providers.chapa.planted_shared",
        "payments.adapters.providers.planted_shared",
    ),
]


def lint(package_root: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter over the tree under `package_root`, with the contracts of pyproject.toml."""
    surroundings = {**os.environ, "PYTHONPATH": str(package_root), "COLUMNS": "250", "NO_COLOR": "1"}
    program = Path(sysconfig.get_path("scripts"), "lint-imports")
    return subprocess.run(
        [sys.executable, program, "--no-logo", "--no-cache", "--config", ROOT / "pyproject.toml"],
        cwd=package_root,
        env=surroundings,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def place_for(module: str, package_root: Path) -> Path:
    """The file that becomes `module`; packages on the way are made, single modules turned into packages."""
    folder = package_root
    *parents, name = module.split(".")
    for parent in parents:
        folder = folder / parent
        folder.mkdir(exist_ok=True)
        alone = folder.with_suffix(".py")
        if alone.exists():
            alone.rename(folder / "__init__.py")
        (folder / "__init__.py").touch()
    return folder / f"{name}.py"


@pytest.fixture(scope="module")
def complaints(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """What import-linter says of a copy of the package with every wrong import in it, by contract id."""
    package_root = tmp_path_factory.mktemp("planted")
    shutil.copytree(
        ROOT / "src" / "payments", package_root / "payments", ignore=shutil.ignore_patterns("__pycache__")
    )
    for plant in PLANTS:
        if isinstance(plant, Unplaced):
            place_for(plant.module, package_root).touch()
            continue
        place_for(plant.importer, package_root).write_text(f"import {plant.imported}\n", encoding="utf-8")
        if plant.imported.startswith("payments."):
            place_for(f"{plant.imported}.exists", package_root)
    answer = lint(package_root)
    assert answer.returncode == 1, answer.stdout + answer.stderr
    _, _, broken = answer.stdout.partition("Broken contracts")
    starts = {
        contract["id"]: match.start()
        for contract in CONTRACTS.values()
        if (match := re.search(rf"^{re.escape(contract['name'])}\n-+$", broken, re.MULTILINE))
    }
    ends = [*sorted(starts.values()), len(broken)]
    return {
        contract: " ".join(broken[start : ends[ends.index(start) + 1]].split())
        for contract, start in starts.items()
    }


def test_the_import_contracts_hold() -> None:
    answer = lint(ROOT / "src")
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_every_dependency_but_attrs_is_kept_out_of_the_core() -> None:
    forbidden = distributions_of(
        package
        for contract in ("pure-core", "no-clock-no-chance")
        for package in CONTRACTS[contract]["forbidden_modules"]
    )
    assert names_declared() - forbidden == {"attrs"}


def test_every_contract_is_broken_on_purpose_below() -> None:
    assert {plant.contract for plant in PLANTS} == set(CONTRACTS)


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: f"{plant.contract}: {plant.complaint}")
def test_a_wrong_import_breaks_the_contract_that_forbids_it(
    plant: Plant | Unplaced, complaints: Mapping[str, str]
) -> None:
    assert plant.complaint in complaints[plant.contract]
