"""Killing at every point, and letting two flows meet in every way: each finds what it is there to find."""

import pytest

from payments.testing.simulation.behaviours import Behaviour
from payments.testing.simulation.faults import Fault
from payments.testing.simulation.history import AsItIs, Theatre
from payments.testing.simulation.interleavings import FLOWS, Stand, pairs, run, schedules
from payments.testing.simulation.points import KINDS, Point, seconds, singles, told
from payments.testing.simulation.scenes import SCENES, Scene
from tests.simulation.planted import MISTAKES, RARE

PHONE = SCENES[2]


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_a_scene_tells_of_its_flow(scene: Scene) -> None:
    assert told(Theatre(), scene).violations == ()


def test_every_kind_of_fault_has_its_points() -> None:
    calm = told(Theatre(), PHONE)

    assert {point.fault for point in calm.opportunities} == set(KINDS)


def test_a_fault_strikes_at_its_point_and_nowhere_else() -> None:
    telling = told(Theatre(), PHONE, (Point(Fault.COMMIT_UNCONFIRMED, 1),))

    assert list(telling.history.coverage.faults.values()) == [1]
    assert telling.violations == ()


def test_the_second_of_a_pair_comes_after_the_first() -> None:
    theatre, first = Theatre(), Point(Fault.ANSWER_LOST, 0)
    single = told(theatre, PHONE, (first,))

    second = seconds(single, 1, 0)[0]
    both = told(theatre, PHONE, (first, second))

    assert both.history.coverage.faults.total() == 2
    assert (
        both.opportunities[: both.opportunities.index(second)]
        == single.opportunities[: single.opportunities.index(second)]
    )


def test_each_pair_is_taken_by_one_of_as_many_runs_as_it_is_one_in() -> None:
    single = told(Theatre(), PHONE, (Point(Fault.ANSWER_LOST, 0),))

    taken = [point for skip in range(7, 7 + 5) for point in seconds(single, 5, skip)]

    assert sorted(taken) == sorted(single.after)


def test_two_flows_meet_in_many_ways() -> None:
    pair = next(
        p for p in pairs() if (p.first, p.second) == ("switch", "collect") and p.stand is Stand.UNKNOWN
    )

    met = list(schedules(Theatre(), pair, 1))

    assert len(met) > 5
    assert [schedule.history.violations for schedule in met] == [()] * len(met)
    assert len({schedule.history.trace for schedule in met}) > 5


def test_who_asks_first_for_an_order_is_met_at_every_step_by_who_asks_for_it_too() -> None:
    (pair,) = (p for p in pairs() if (p.stand, p.first, p.second) == (Stand.FRESH, "page", "prompt"))

    met = list(schedules(Theatre(), pair, 1))

    assert [schedule.history.violations for schedule in met] == [()] * len(met)
    answers = {tuple(sorted(schedule.history.coverage.answers)) for schedule in met}
    assert len(answers) > 1, "the one or the other is told to wait, or neither is"


def test_a_notice_is_received_beside_every_flow_over_a_payment() -> None:
    for stand in (Stand.UNKNOWN, Stand.PAID):
        beside = {pair.second for pair in pairs() if (pair.stand, pair.first) == (stand, "receive")}
        assert beside == set(FLOWS[stand])


@pytest.mark.parametrize("flow", FLOWS[Stand.OLD])
def test_whatever_meets_erasing_the_payer_is_erased(flow: str) -> None:
    (pair,) = (p for p in pairs() if (p.stand, p.first, p.second) == (Stand.OLD, flow, "erase"))

    history = run(Theatre(), pair, (1,)).history

    assert history.violations == ()
    assert history.coverage.behaviours[Behaviour.NOTICE_ERASED] > 1
    assert history.coverage.behaviours[Behaviour.PAYER_ERASED] >= 1


def test_a_schedule_can_be_run_again() -> None:
    pair = pairs()[3]

    assert run(Theatre(), pair, (2,)).history.trace == run(Theatre(), pair, (2,)).history.trace


def _mistake(words: str) -> AsItIs:
    return next(mistake for mistake in (*MISTAKES, *RARE) if words in str(mistake))


@pytest.mark.races
def test_a_message_outside_of_its_transaction_is_found_by_a_crash() -> None:
    theatre = Theatre(_mistake("transaction of its own"))

    assert any(telling.violations for telling in singles(theatre, PHONE))


@pytest.mark.races
def test_a_second_prompt_is_found_by_a_lost_request() -> None:
    theatre = Theatre(_mistake("pushes again"))

    assert any(telling.violations for telling in singles(theatre, PHONE))


@pytest.mark.races
def test_settling_without_a_lock_is_found_where_a_refund_meets_the_sweep() -> None:
    theatre = Theatre(_mistake("without a lock"))
    (pair,) = (p for p in pairs() if p.stand is Stand.PAID and (p.first, p.second) == ("sweep", "refund"))

    assert any(schedule.history.violations for schedule in schedules(theatre, pair, 2))


@pytest.mark.races
def test_a_payment_opened_without_looking_is_found_where_two_ask_for_a_fresh_order() -> None:
    theatre = Theatre(_mistake("without looking"))
    (pair,) = (p for p in pairs() if (p.stand, p.first, p.second) == (Stand.FRESH, "page", "prompt"))

    assert any(schedule.history.violations for schedule in schedules(theatre, pair, 1))


@pytest.mark.races
def test_erasing_what_somebody_changes_is_found_where_it_meets_a_refund() -> None:
    theatre = Theatre(_mistake("erases what somebody changes"))
    (pair,) = (p for p in pairs() if (p.stand, p.first, p.second) == (Stand.OLD, "erase", "refund"))

    assert any(schedule.history.violations for schedule in schedules(theatre, pair, 1))
