"""What the histories went through: each fault at each step, and each edge of the state machines."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

import attrs

from payments.domain.transitions import ATTEMPT, CAPTURE, PAYMENT, REFUND
from payments.testing.simulation.behaviours import Behaviour
from payments.testing.simulation.faults import Fault

EDGES: Final[dict[str, Mapping[Any, Any]]] = {
    "payment": PAYMENT,
    "attempt": ATTEMPT,
    "capture": CAPTURE,
    "refund": REFUND,
}


@attrs.define
class Coverage:
    """Counts, over any number of histories."""

    steps: Counter[str] = attrs.field(factory=Counter)
    """How often each labelled step was taken."""
    faults: Counter[tuple[Fault, str]] = attrs.field(factory=Counter)
    """How often each fault struck at each step."""
    edges: Counter[str] = attrs.field(factory=Counter)
    """How often each edge of the state machines was walked."""
    answers: Counter[str] = attrs.field(factory=Counter)
    """What requests were answered: the name of the use-case, and ``ok`` or the code of the error."""
    behaviours: Counter[Behaviour] = attrs.field(factory=Counter)
    """What people and providers did."""

    def add(self, other: "Coverage") -> None:
        """Count what ``other`` counted, too."""
        self.steps.update(other.steps)
        self.faults.update(other.faults)
        self.edges.update(other.edges)
        self.answers.update(other.answers)
        self.behaviours.update(other.behaviours)

    @property
    def edges_missed(self) -> tuple[str, ...]:
        """Edges of the published machines that no history walked."""
        return tuple(edge for edge in every_edge() if not self.edges[edge])

    @property
    def faults_missed(self) -> tuple[Fault, ...]:
        """Faults that never struck."""
        struck = {fault for fault, _ in self.faults}
        return tuple(fault for fault in Fault if fault not in struck)

    @property
    def behaviours_missed(self) -> tuple[Behaviour, ...]:
        """What nobody did."""
        return tuple(done for done in Behaviour if not self.behaviours[done])


def every_edge() -> tuple[str, ...]:
    """All edges of the four machines, by name."""
    return tuple(
        edge_name(machine, status.value, event.__name__)
        for machine, table in EDGES.items()
        for status, event in table
    )


def edge_name(machine: str, status: str, event: str) -> str:
    """``payment: pending, PaymentInitiated``."""
    return f"{machine}: {status}, {event}"
