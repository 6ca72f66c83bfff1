"""What the benchmarks print: medians, ratios within a round, goals, and rows that do not fit the answers."""

import attrs
import pytest

from bench.goals import Goal, goals, goals_table
from bench.measuring import percentile
from bench.rounds import Figure
from bench.scaling.fact import Fact, facts_table
from bench.tables import Cell, median, ratio, table

OURS, DJANGO = "payments, PostgreSQL, 2 workers", "Django + DRF, gunicorn 2 x 8"
CELL = Cell("initiate", 0.0, 16)


def figure(server: str, round_: int, rate_per_s: float, **more: float) -> Figure:
    made = Figure(
        server=server, what="initiate", connections=16, round=round_, rate_per_s=rate_per_s, answers=100
    )
    return attrs.evolve(made, **more)  # type: ignore[arg-type] # numbers all


ROUNDS = [
    figure(OURS, 0, 200.0, p99_ms=10.0),
    figure(DJANGO, 0, 100.0, p99_ms=40.0),
    figure(OURS, 1, 900.0, p99_ms=20.0),
    figure(DJANGO, 1, 300.0, p99_ms=20.0),
    figure(OURS, 2, 400.0, p99_ms=30.0),
    figure(DJANGO, 2, 50.0, p99_ms=300.0),
]


def test_a_median_is_over_the_rounds_of_one_cell() -> None:
    elsewhere = figure(OURS, 0, 7.0, late_ms=50.0)
    assert median([*ROUNDS, elsewhere], OURS, CELL, "rate_per_s") == 400.0
    assert median(ROUNDS, OURS, Cell("initiate", 0.0, 64), "rate_per_s") is None


def test_a_ratio_compares_within_a_round_and_not_across() -> None:
    # The medians alone would say 400 / 100.
    assert ratio(ROUNDS, OURS, DJANGO, CELL, "rate_per_s") == 3.0
    assert ratio(ROUNDS, OURS, DJANGO, CELL, "p99_ms") == 0.25
    assert ratio(ROUNDS, OURS, "nobody", CELL, "rate_per_s") is None


def test_a_table_shows_what_was_measured_with_its_ratio_to_the_peer() -> None:
    *_, ours, django = table(ROUNDS).splitlines()
    assert ours == f"| 16 | 0 | {OURS} | 400 | 20.0 | 3.00x |"
    assert django == f"| 16 | 0 | {DJANGO} | 100 | 40.0 | 1.00x |"


def test_a_table_shows_what_broke_or_came_too_late_for_its_percentiles() -> None:
    titles, _, ours, _ = table([*ROUNDS, figure(OURS, 3, 400.0, broken=3, overdue=1)]).splitlines()[-4:]
    assert titles == "| c | provider ms | server | a second | p99 ms | broken | overdue | / Django |"
    assert ours.startswith(f"| 16 | 0 | {OURS} | 400 | 20.0 | 0 | 0 |")


def test_goals_say_what_is_reached_and_what_was_not_measured() -> None:
    found = {goal.name: goal for goal in goals(ROUNDS)}
    rate = found["initiate, requests/s against Django"]
    assert (rate.measured, rate.reached(rate.least), rate.reached(rate.goal)) == (3.0, True, True)
    webhook = found["webhook until settled, /s against Django"]
    assert webhook.measured is None
    assert webhook.reached(webhook.least) is None
    lines = goals_table(goals(ROUNDS)).splitlines()
    assert "| initiate, requests/s against Django | 3.00x | 2.00x | 3.00x | goal reached |" in lines
    assert "| webhook until settled, /s against Django | not measured | 3.00x | 5.00x |  |" in lines


@pytest.mark.parametrize(
    ("measured", "least", "goal"), [(0.2, True, True), (0.4, True, False), (0.5, False, False)]
)
def test_a_goal_for_cost_is_reached_from_above(measured: float, *, least: bool, goal: bool) -> None:
    cost = Goal(name="CPU", least=0.4, goal=0.25, measured=measured, lower=True)
    assert (cost.reached(cost.least), cost.reached(cost.goal)) == (least, goal)


@pytest.mark.parametrize(("rows", "agree"), [(99, False), (100, True), (116, True), (117, False)])
def test_rows_may_exceed_answers_by_what_was_under_way_when_the_time_was_up(
    rows: int, *, agree: bool
) -> None:
    assert (figure(OURS, 0, 1.0, rows=rows).mismatch is None) == agree


def test_what_was_refused_or_is_left_over_owes_no_row() -> None:
    assert figure(OURS, 0, 1.0, rows=70, refused=10, left=20).mismatch is None
    assert figure(OURS, 0, 1.0, rows=60, refused=10, left=20).mismatch is not None


def test_a_percentile_is_one_of_the_values() -> None:
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert percentile(list(map(float, range(1, 101))), 0.99) == 99.0


def test_a_fact_says_whether_it_keeps_its_bounds() -> None:
    one = Fact(part="hot", what="messages", measured=1, at_most=1, at_least=1)
    two = attrs.evolve(one, measured=2)
    plain = Fact(part="hot", what="p99", measured=12.345, unit=" ms")
    assert [fact.kept for fact in (one, two, plain)] == [True, False, None]
    assert facts_table([one, two, plain]).splitlines()[2:] == [
        "| hot | messages | 1 | at least 1, at most 1 | kept |",
        "| hot | messages | 2 | at least 1, at most 1 | **not kept** |",
        "| hot | p99 | 12.35 ms |  |  |",
    ]
