"""One API, one state machine and one truth in front of Chapa, Paystack, M-Pesa and cash on delivery.

::

    async with open_payments(Settings.from_env()) as payments:
        checkout = await payments.initiate(order_id="order_1", user_id="user_1", provider="chapa")
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

# The names are fetched when first used, so that `import payments.domain` loads the domain and no more.
if TYPE_CHECKING:
    from payments.application.payments import Payments
    from payments.bootstrap import BlockingPayments, Parts, open_payments, open_payments_sync
    from payments.domain.errors import PaymentsError
    from payments.domain.money import Currency, Money
    from payments.settings import Settings

__version__ = "0.1.0"

__all__ = [
    "BlockingPayments",
    "Currency",
    "Money",
    "Parts",
    "Payments",
    "PaymentsError",
    "Settings",
    "open_payments",
    "open_payments_sync",
]

_HOMES = {
    "BlockingPayments": "payments.bootstrap",
    "Currency": "payments.domain.money",
    "Money": "payments.domain.money",
    "Parts": "payments.bootstrap",
    "Payments": "payments.application.payments",
    "PaymentsError": "payments.domain.errors",
    "Settings": "payments.settings",
    "open_payments": "payments.bootstrap",
    "open_payments_sync": "payments.bootstrap",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
