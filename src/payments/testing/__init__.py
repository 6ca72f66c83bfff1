"""The public test kit: in-memory payments, a movable clock, scripted providers and contract suites."""

from payments.testing.clock import MovableClock
from payments.testing.identifiers import CountingIdentifiers
from payments.testing.kit import InMemoryPayments, in_memory_payments
from payments.testing.prompts import ScriptedPrompts
from payments.testing.provider import ScriptedProvider

__all__ = [
    "CountingIdentifiers",
    "InMemoryPayments",
    "MovableClock",
    "ScriptedPrompts",
    "ScriptedProvider",
    "in_memory_payments",
]
