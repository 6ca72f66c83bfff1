"""Contracts: what every adapter of a port must keep, as classes to inherit in a test module.

Each names a ``stage``: the adapter with the world around it, and the means to put that world in order or
out of order. A broken promise is reported in words, as a
:class:`~payments.testing.contracts.promises.BrokenPromise`::

    @pytest.mark.anyio
    class TestMyOrders(OrdersContract):
        def stage(self) -> AbstractAsyncContextManager[OrdersStage]: ...
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

# Fetched when first used: who judges one adapter loads one suite.
if TYPE_CHECKING:
    from payments.testing.contracts.cipher import CipherContract
    from payments.testing.contracts.gateway import GatewayContract, OutsideGatewayContract
    from payments.testing.contracts.notifier import NotifierContract
    from payments.testing.contracts.orders import OrdersContract
    from payments.testing.contracts.refunding_gateway import RefundingGatewayContract
    from payments.testing.contracts.shared_state import SharedStateContract
    from payments.testing.contracts.unit_of_work import UnitOfWorkContract

__all__ = [
    "CipherContract",
    "GatewayContract",
    "NotifierContract",
    "OrdersContract",
    "OutsideGatewayContract",
    "RefundingGatewayContract",
    "SharedStateContract",
    "UnitOfWorkContract",
]

_HOMES = {
    "CipherContract": "cipher",
    "GatewayContract": "gateway",
    "NotifierContract": "notifier",
    "OrdersContract": "orders",
    "OutsideGatewayContract": "gateway",
    "RefundingGatewayContract": "refunding_gateway",
    "SharedStateContract": "shared_state",
    "UnitOfWorkContract": "unit_of_work",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
