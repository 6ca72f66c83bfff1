"""One demonstration for all who look at it."""

from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from tests.e2e.programs import Program, payments

REAL_LOOKING = {
    "PAYMENTS_CHAPA_SECRET_KEY": "CHASECK-really-live-0123456789abcdef",
    "PAYMENTS_ORDERS_URL": "https://orders.shop.example",
}


@attrs.frozen
class Demonstration:
    """A running demonstration, and where its state lies."""

    program: Program
    state: Path
    url: str


def address_in(output: str) -> str:
    """The address of the shop that the banner names."""
    line = next(line for line in output.splitlines() if line.startswith("  Shop "))
    return line.split()[1].rstrip("/")


@pytest.fixture(scope="package")
def demonstration(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demonstration]:
    """Started as `make run` starts it, with somebody's real keys in the environment."""
    here = tmp_path_factory.mktemp("demonstration")
    with payments("demo", "--port", "0", cwd=here, variables=REAL_LOOKING) as program:
        url = address_in(program.wait_for("--fresh starts over."))
        yield Demonstration(program, here / ".payments-demo", url)
