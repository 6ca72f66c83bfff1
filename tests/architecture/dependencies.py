"""What the package declares that it needs, and which distribution brings what is imported."""

import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import packages_distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]


def declared() -> list[Requirement]:
    """All that `pyproject.toml` asks for, the demonstration's included."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [Requirement(text) for text in project["dependencies"] + project["optional-dependencies"]["demo"]]


def names_declared() -> set[str]:
    """Their names."""
    return {canonicalize_name(requirement.name) for requirement in declared()}


def distributions_of(packages: Iterable[str]) -> set[str]:
    """The names of the distributions that bring these packages, but for Python's own and ours."""
    installed = packages_distributions()
    others = set(packages) - sys.stdlib_module_names - {"payments"}
    return {canonicalize_name(installed[package][0]) for package in others}
