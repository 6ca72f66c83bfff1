import enum
from collections.abc import Mapping

import pytest

from payments.domain import events as happened
from payments.domain.errors import IllegalTransition
from payments.domain.transitions import (
    ATTEMPT,
    CAPTURE,
    LIVE,
    PAYMENT,
    REFUND,
    AttemptStatus,
    Disposition,
    EventType,
    PaymentStatus,
    RefundStatus,
    following,
)

# docs/model.md section 2, written out by hand: the tables are compared with it, not with themselves.
MODEL_PAYMENT = {"pending": {"processing"}, "processing": {"success", "failed"}, "failed": {"processing"}}
MODEL_ATTEMPT = {
    "claimed": {"open", "unknown", "failed", "expired", "succeeded"},
    "unknown": {"open", "failed", "expired", "succeeded"},
    "open": {"failed", "expired", "succeeded"},
    "failed": {"open", "succeeded"},
    "expired": {"succeeded"},
}
MODEL_CAPTURE = {"held": {"settles", "surplus"}}
MODEL_REFUND = {
    "awaiting_approval": {"reserved", "failed"},
    "reserved": {"requested", "failed"},
    "requested": {"succeeded", "failed", "unknown"},
    "unknown": {"succeeded", "failed"},
    "succeeded": {"failed"},
}
TABLES = [
    (PAYMENT, PaymentStatus, MODEL_PAYMENT),
    (ATTEMPT, AttemptStatus, MODEL_ATTEMPT),
    (CAPTURE, Disposition, MODEL_CAPTURE),
    (REFUND, RefundStatus, MODEL_REFUND),
]
Table = Mapping[tuple[enum.Enum, EventType], enum.Enum]


@pytest.mark.parametrize(("table", "statuses", "model"), TABLES)
def test_the_tables_hold_exactly_the_edges_of_the_model(
    table: Table, statuses: type[enum.Enum], model: dict[str, set[str]]
) -> None:
    edges: dict[str, set[str]] = {}
    for (status, _), after in table.items():
        edges.setdefault(status.value, set()).add(after.value)
    assert edges == model


@pytest.mark.parametrize(("table", "statuses", "model"), TABLES)
def test_every_status_occurs(table: Table, statuses: type[enum.Enum], model: dict[str, set[str]]) -> None:
    named = {status for status, _ in table} | set(table.values())
    assert named == set(statuses)


def test_success_and_succeeded_have_no_way_out() -> None:
    assert not [edge for edge in PAYMENT if edge[0] is PaymentStatus.SUCCESS]
    assert not [edge for edge in ATTEMPT if edge[0] is AttemptStatus.SUCCEEDED]


def test_live_means_claimed_open_or_unknown() -> None:
    assert {status.value for status in LIVE} == {"claimed", "open", "unknown"}


def test_an_event_outside_the_table_is_refused_by_name() -> None:
    with pytest.raises(IllegalTransition, match="PaymentFailed cannot follow success"):
        following(PAYMENT, PaymentStatus.SUCCESS, happened.PaymentFailed)
