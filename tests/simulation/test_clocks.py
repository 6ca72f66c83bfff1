"""Clocks of a history jump anywhere but where nobody could tell, and a day under a key is one of theirs."""

from datetime import timedelta
from itertools import combinations

import pytest

from payments.testing.simulation.coverage import Coverage
from payments.testing.simulation.faults import Fault
from payments.testing.simulation.judge import Judge
from payments.testing.simulation.ledger import Ledger
from payments.testing.simulation.processes import UNTOLD_APART
from tests.simulation.worlds import in_a_process, world_with

HOUR = timedelta(hours=1)


def test_no_two_clocks_of_a_history_are_an_hour_apart() -> None:
    world, clocks = world_with(Fault.CLOCK_JUMP), {timedelta(0)}

    async def process() -> None:
        for _ in range(300):
            world.steps.after("test/step")
            clocks.add(world.machines[0].process.ahead)

    in_a_process(world, process())

    least, most = UNTOLD_APART
    apart = [abs(one - other) for one, other in combinations(clocks, 2)]
    assert not [each for each in apart if least < each < most]
    assert min(clocks) < -12 * HOUR
    assert max(clocks) > 12 * HOUR
    assert [each for each in clocks if timedelta(0) < each < HOUR]


@pytest.mark.parametrize(("apart", "found"), [(0 * HOUR, ["I15"]), (22 * HOUR, ["I15"]), (24 * HOUR, [])])
def test_a_key_that_is_answered_otherwise_breaks_a_promise_unless_clocks_are_a_day_apart(
    apart: timedelta, found: list[str]
) -> None:
    judge = Judge(Ledger(), Coverage())
    behind, ahead = -apart / 2, apart / 2

    judge.answered("key-1", b"p-1", behind, behind)
    judge.answered("key-1", b"p-1", ahead, ahead)
    assert judge.found == []
    judge.answered("key-1", b"p-2", ahead, ahead)

    assert [violation.invariant for violation in judge.found] == found
