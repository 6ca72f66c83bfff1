"""The pictures of the state machines are those of the tables."""

from pathlib import Path

import pytest

from payments.domain.transitions import ATTEMPT, CAPTURE, PAYMENT, REFUND, AttemptStatus, PaymentStatus
from payments.entrypoints.states import MACHINES, Machine, as_markdown, as_text

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "states.md"


def test_the_document_is_drawn_from_the_tables() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == as_markdown(), (
        "run: payments states --markdown > docs/states.md"
    )


def test_every_edge_of_every_table_is_drawn() -> None:
    assert [len(machine.edges) for machine in MACHINES] == [
        len(t) for t in (PAYMENT, ATTEMPT, CAPTURE, REFUND)
    ]
    assert as_text().count("▶") == sum(len(machine.edges) for machine in MACHINES)


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
def test_every_status_can_be_reached(machine: Machine) -> None:
    reached = set(machine.births)
    for _ in machine.edges:
        reached |= {edge.after for edge in machine.edges if edge.before in reached}
    assert reached == set(machine.statuses)


def test_no_status_is_left_out() -> None:
    payment, attempt, *_ = MACHINES
    assert set(payment.statuses) == {status.value for status in PaymentStatus}
    assert set(attempt.statuses) == {status.value for status in AttemptStatus}
    assert (payment.ends, attempt.ends) == (("success",), ("succeeded",))
