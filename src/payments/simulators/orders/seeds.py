"""The orders a fresh orders service has: several currencies, and one of each awkward kind."""

from typing import Any

import attrs


@attrs.frozen(kw_only=True)
class Order:
    """An order as its service keeps it. `amount` is decimal text in the currency's own digits.

    `version` rises when what is to be paid changes, not when a payment message arrives.
    """

    id: str
    user_id: str = "demo-user"
    amount: str
    currency: str
    title: str = ""
    customer: dict[str, Any]
    payable: bool = True
    cancelled: bool = False
    version: int = 1
    payment_status: str | None = None
    payment_id: str | None = None
    refunded_amount: str | None = None
    reason: str | None = None
    sequence: int = 0


def _customer(phone_number: str, email: str | None = "sara.tesfaye@shop.et") -> dict[str, Any]:
    return {"email": email, "first_name": "Sara", "last_name": "Tesfaye", "phone_number": phone_number}


_ETHIOPIA, _KENYA, _NIGERIA, _GHANA = "+251911234567", "+254712345678", "+2348031234567", "+233241234567"

SEEDED_ORDERS = (
    Order(
        id="order_1001",
        amount="1000.00",
        currency="ETB",
        title="Yirgacheffe coffee, 2 kg",
        customer=_customer(_ETHIOPIA),
    ),
    Order(
        id="order_1002",
        amount="249.75",
        currency="ETB",
        title="Berbere and mitmita",
        customer=_customer(_ETHIOPIA),
    ),
    Order(
        id="order_1003", amount="19.99", currency="USD", title="Woven basket", customer=_customer(_ETHIOPIA)
    ),
    Order(id="order_1004", amount="1500.00", currency="KES", title="Kikoy towel", customer=_customer(_KENYA)),
    Order(
        id="order_1005",
        amount="100.50",
        currency="KES",
        title="Kenyan tea, 100 bags",
        customer=_customer(_KENYA),
    ),
    Order(
        id="order_1006", amount="12500.50", currency="NGN", title="Adire cloth", customer=_customer(_NIGERIA)
    ),
    Order(id="order_1007", amount="85.20", currency="GHS", title="Shea butter", customer=_customer(_GHANA)),
    Order(
        id="order_no_email",
        amount="320.00",
        currency="ETB",
        title="Jebena, clay",
        customer=_customer(_ETHIOPIA, None),
    ),
    Order(
        id="order_zero", amount="0.00", currency="ETB", title="A free sample", customer=_customer(_ETHIOPIA)
    ),
    Order(
        id="order_not_payable",
        amount="410.00",
        currency="ETB",
        title="Out of stock",
        payable=False,
        customer=_customer(_ETHIOPIA),
    ),
    Order(
        id="order_foreign",
        user_id="somebody-else",
        amount="75.25",
        currency="ETB",
        title="Somebody else's order",
        customer={
            "email": "abebe@shop.et",
            "first_name": "Abebe",
            "last_name": "Bikila",
            "phone_number": "+251922345678",
        },
    ),
)
