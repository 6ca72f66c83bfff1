"""The list of providers: ours, and those other packages bring."""

import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from payments.adapters.environment import Environment
from payments.adapters.providers.listing import BUILT_IN, available_providers, build_providers
from payments.adapters.providers.surroundings import Surroundings
from payments.domain.errors import ConfigurationInvalid
from payments.domain.evidence import Mode
from payments.testing.clock import MovableClock

OURS = BUILT_IN[0].NAME

MODULE = """
NAME = {name!r}

def read_settings(environment, mode):
    return environment.secret("ELSEWHERE_KEY")

{build}
"""


def installed(
    folder: Path, name: Any = "elsewhere", build: str = "def build(settings, surroundings): ..."
) -> None:
    """Lay out a package with an entry point, as an installer would."""
    (folder / "elsewhere_provider.py").write_text(MODULE.format(name=name, build=build))
    info = folder / "elsewhere-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: elsewhere\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[payments.providers]\nelsewhere = elsewhere_provider\n")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of packages."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "elsewhere_provider", raising=False)
    return tmp_path


def test_every_provider_of_ours_is_there_once() -> None:
    assert list(available_providers()) == [folder.NAME for folder in BUILT_IN]


def test_another_packages_provider_is_there_too(site: Path) -> None:
    installed(site)
    folder = available_providers()["elsewhere"]
    environment = Environment({"PAYMENTS_ELSEWHERE_KEY": "a-key"})
    assert folder.read_settings(environment, Mode.TEST) is not None


@pytest.mark.parametrize(
    ("name", "build", "problem"),
    [
        (OURS, "def build(settings, surroundings): ...", f"{OURS!r} is there already"),
        ("elsewhere", "", "lacks build"),
        ("elsewhere", "import nothing_of_that_name", "cannot be used"),
        ("elsewhere", "raise RuntimeError('no licence')", "cannot be used: no licence"),
        ("elsewhere", "def build(:", "cannot be used"),
        ("Else Where", "def build(settings, surroundings): ...", "no name that a request could ask for"),
        (7, "def build(settings, surroundings): ...", "no name that a request could ask for"),
    ],
)
def test_a_provider_that_cannot_be_used_is_named(site: Path, name: Any, build: str, problem: str) -> None:
    installed(site, name, build)
    with pytest.raises(ConfigurationInvalid) as caught:
        available_providers()
    (mistake,) = caught.value.errors
    assert mistake.pointer == "entry point elsewhere"
    assert problem in mistake.detail


def test_only_what_is_configured_is_built() -> None:
    surroundings = Surroundings(
        client=httpx.AsyncClient(
            transport=httpx.MockTransport(lambda _: httpx.Response(500)), trust_env=False
        ),
        clock=MovableClock(),
    )
    assert build_providers({}, surroundings).by_name == {}
