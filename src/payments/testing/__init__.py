"""The public test kit: in-memory payments, a movable clock, scripted providers and contract suites."""

from typing import TYPE_CHECKING, Any

from payments.testing import contracts
from payments.testing.cash import cash_on_delivery
from payments.testing.clock import MovableClock
from payments.testing.identifiers import CountingIdentifiers
from payments.testing.kit import InMemoryPayments, in_memory_payments
from payments.testing.prompts import ScriptedPrompts
from payments.testing.provider import ScriptedProvider

if TYPE_CHECKING:
    from payments.testing.contracts import (
        CipherContract,
        GatewayContract,
        NotifierContract,
        OrdersContract,
        OutsideGatewayContract,
        RefundingGatewayContract,
        SharedStateContract,
        UnitOfWorkContract,
    )

__all__ = [
    "CipherContract",
    "CountingIdentifiers",
    "GatewayContract",
    "InMemoryPayments",
    "MovableClock",
    "NotifierContract",
    "OrdersContract",
    "OutsideGatewayContract",
    "RefundingGatewayContract",
    "ScriptedPrompts",
    "ScriptedProvider",
    "SharedStateContract",
    "UnitOfWorkContract",
    "cash_on_delivery",
    "in_memory_payments",
]


def __getattr__(name: str) -> Any:
    """The contract suites by name, fetched when first used."""
    if name not in contracts.__all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(contracts, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *contracts.__all__})
