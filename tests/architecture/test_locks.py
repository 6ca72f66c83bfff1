"""The lock files pin bytes, name no host, and stay above the releases that mend known faults."""

import ast
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.architecture.dependencies import declared, distributions_of, names_declared

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("run.lock", "dev.lock")
FEWEST = {"run.lock": 41, "dev.lock": 41, "mutation.lock": 10, "bench.lock": 40}

# Each floor is the release that mended a fault which reaches us.
FLOORS = {
    "starlette": "1.3.1",  # CVE-2026-54282 and -54283: the host of a URL, and limits of form bodies
    "pyjwt": "2.13.0",  # CVE-2026-48523: algorithm confusion
    "h11": "0.16.0",  # CVE-2025-43859: request smuggling through chunked bodies
    "aiohttp": "3.12.14",  # CVE-2025-53643: request smuggling through trailers
    "cryptography": "44.0.1",  # CVE-2024-12797: a bundled OpenSSL that skipped raw public keys' checks
    "jinja2": "3.1.6",  # CVE-2025-27516: out of the sandbox through a filter
}


def locked(lock: str) -> dict[str, tuple[str, list[str]]]:
    """Each requirement of a lock file: its version (or what stands there instead) and its hashes."""
    text = (ROOT / "requirements" / lock).read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    answer: dict[str, tuple[str, list[str]]] = {}
    for line in lines:
        requirement = Requirement(line.partition(" --hash")[0])
        version = str(requirement.specifier).removeprefix("==")
        answer[canonicalize_name(requirement.name)] = (version, re.findall(r"--hash=(\S+)", line))
    return answer


@pytest.mark.parametrize("lock", FEWEST)
def test_a_lock_file_holds_no_address(lock: str) -> None:
    text = (ROOT / "requirements" / lock).read_text(encoding="utf-8")
    address = re.compile(r"://|--index|--find-links|--trusted-host|\bfile:")
    assert [line for line in text.splitlines() if address.search(line)] == []


@pytest.mark.parametrize("lock", FEWEST)
def test_every_requirement_is_pinned_to_one_version_and_its_hashes(lock: str) -> None:
    requirements = locked(lock)
    assert len(requirements) >= FEWEST[lock]
    for name, (version, hashes) in requirements.items():
        assert str(Version(version)) == version, name
        assert hashes, name
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", digest) for digest in hashes), name


def test_tests_run_on_the_versions_the_service_runs_on() -> None:
    assert locked("run.lock").items() <= locked("dev.lock").items()


def test_mutants_are_judged_by_the_versions_the_tests_run_on() -> None:
    judging, testing = locked("mutation.lock"), locked("dev.lock")
    assert all(testing[name] == judging[name] for name in judging.keys() & testing.keys())


@pytest.mark.parametrize("name", ["run", "dev", "mutation", "bench"])
def test_a_lock_satisfies_what_it_was_made_for(name: str) -> None:
    versions = {package: version for package, (version, _) in locked(f"{name}.lock").items()}
    lines = (ROOT / "requirements" / f"{name}.in").read_text(encoding="utf-8").splitlines()
    wanted = [Requirement(line.partition(" #")[0]) for line in lines if not line.startswith("#")]
    assert wanted
    for requirement in wanted:
        assert versions[canonicalize_name(requirement.name)] in requirement.specifier, str(requirement)


def test_what_is_imported_is_declared_and_what_is_declared_is_imported() -> None:
    imported = distributions_of(
        package for path in (ROOT / "src").rglob("*.py") for package in _imported(path)
    )
    # The test kit serves whoever has these: pytest loads its plugin, and its strategies are for Hypothesis.
    assert imported - {"pytest", "hypothesis"} == names_declared()


def _imported(path: Path) -> set[str]:
    """The top-level packages that a module imports, wherever in it."""
    named = set[str]()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            named |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            named.add((node.module or "").partition(".")[0])
    return named


def test_the_running_lock_satisfies_every_declared_dependency() -> None:
    versions = {name: version for name, (version, _) in locked("run.lock").items()}
    for requirement in declared():
        assert versions[canonicalize_name(requirement.name)] in requirement.specifier, str(requirement)


@pytest.mark.parametrize("lock", LOCKS)
@pytest.mark.parametrize("name", FLOORS)
def test_no_release_with_a_known_fault_is_locked(name: str, lock: str) -> None:
    assert Version(locked(lock)[name][0]) >= Version(FLOORS[name])


def test_the_declared_ranges_exclude_the_releases_with_a_known_fault() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {
        canonicalize_name(Requirement(text).name): Requirement(text) for text in project["dependencies"]
    }
    for name in FLOORS.keys() & declared.keys():
        floor = Version(FLOORS[name])
        just_below = f"{floor.major}.{floor.minor - 1}.999"
        assert just_below not in declared[canonicalize_name(name)].specifier, name
