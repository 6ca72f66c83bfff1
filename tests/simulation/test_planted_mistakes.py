"""The simulation can fail: known mistakes, put in one by one, are found."""

import gc

import pytest

from payments.testing.simulation.history import Theatre
from tests.simulation.planted import MISTAKES, Planted

pytestmark = pytest.mark.races

SEEDS = 10_000


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_planted_mistake_is_found(mistake: Planted) -> None:
    theatre = Theatre(mistake)
    gc.disable()
    try:
        found = next((seed for seed in range(SEEDS) if theatre.history(seed).violations), None)
    finally:
        gc.enable()
    assert found is not None, f"{SEEDS} histories, and nobody noticed that it {mistake}"
