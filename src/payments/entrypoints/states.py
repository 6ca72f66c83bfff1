"""The state machines as pictures, drawn from the tables of :mod:`payments.domain.transitions`."""

import enum
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import attrs

from payments.domain.transitions import (
    ATTEMPT,
    CAPTURE,
    LIVE,
    PAYMENT,
    REFUND,
    AttemptStatus,
    Disposition,
    PaymentStatus,
    RefundStatus,
)


@attrs.frozen(kw_only=True)
class Edge:
    """One arrow: the event that leads from one status to another."""

    before: str
    event: str
    after: str


@attrs.frozen(kw_only=True)
class Machine:
    """One table, and the statuses its records are born with."""

    name: str
    about: str
    births: tuple[str, ...]
    edges: tuple[Edge, ...]

    @property
    def statuses(self) -> tuple[str, ...]:
        """Every status, in the order in which they come up."""
        named = [*self.births, *(word for edge in self.edges for word in (edge.before, edge.after))]
        return tuple(dict.fromkeys(named))

    @property
    def ends(self) -> tuple[str, ...]:
        """The statuses without a way out."""
        return tuple(status for status in self.statuses if all(edge.before != status for edge in self.edges))


def _machine(
    name: str, about: str, births: Iterable[enum.Enum], table: Mapping[tuple[Any, type], enum.Enum]
) -> Machine:
    edges = tuple(
        Edge(before=str(before.value), event=_words(event), after=str(after.value))
        for (before, event), after in table.items()
    )
    return Machine(name=name, about=about, births=tuple(str(birth.value) for birth in births), edges=edges)


def _words(event: type) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", event.__name__).lower()


MACHINES: Final = (
    _machine(
        "Payment",
        "What a payer owes for one order, projected from attempts and captures. `success` has no way out.",
        [PaymentStatus.PENDING],
        PAYMENT,
    ),
    _machine(
        "Attempt",
        "One try through one provider. Live are "
        + ", ".join(f"`{status.value}`" for status in AttemptStatus if status in LIVE)
        + "; `failed` and `expired` are soft: money that arrives later is still found and still counts.",
        [AttemptStatus.CLAIMED],
        ATTEMPT,
    ),
    _machine("Capture", "Money that arrived, and what it turned out to be.", list(Disposition), CAPTURE),
    _machine(
        "Refund",
        "Money that goes back. One made at the provider is born `succeeded`.",
        [RefundStatus.AWAITING_APPROVAL, RefundStatus.RESERVED, RefundStatus.SUCCEEDED],
        REFUND,
    ),
)


def as_text() -> str:
    """All machines for a terminal: one line an arrow."""
    return "\n\n".join(_text(machine) for machine in MACHINES) + "\n"


def _text(machine: Machine) -> str:
    left = max(len(edge.before) for edge in machine.edges)
    middle = max(len(edge.event) for edge in machine.edges)
    lines = [
        f"  {edge.before:<{left}}  ─ {edge.event} {'─' * (middle - len(edge.event))}─▶  {edge.after}"
        for edge in machine.edges
    ]
    born = f"  born {', '.join(machine.births)}; no way out of {', '.join(machine.ends)}"
    return "\n".join([machine.name, *lines, born])


def as_markdown() -> str:
    """``docs/states.md``: all machines as Mermaid diagrams."""
    parts = [
        "# States",
        "Drawn by `payments states --markdown` from `src/payments/domain/transitions.py`; a test compares.",
    ]
    for machine in MACHINES:
        parts += [f"## {machine.name}", machine.about, _mermaid(machine)]
    return "\n\n".join(parts) + "\n"


def _mermaid(machine: Machine) -> str:
    lines = [f"    [*] --> {status}" for status in machine.births]
    lines += [f"    {edge.before} --> {edge.after}: {edge.event}" for edge in machine.edges]
    lines += [f"    {status} --> [*]" for status in machine.ends]
    return "\n".join(["```mermaid", "stateDiagram-v2", *lines, "```"])
