"""The public test kit: in-memory payments, a movable clock, scripted providers and contract suites."""

from payments.testing.cash import cash_on_delivery
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
    "cash_on_delivery",
    "in_memory_payments",
]
