"""From the orders service's answer to an order (docs/http.md, "What an orders service has to do")."""

import re
from typing import Any, Final

from payments.application import strict_json
from payments.application.card_numbers import without_card_numbers
from payments.application.ports.orders import Order
from payments.domain.errors import InvalidMoney
from payments.domain.money import Money
from payments.domain.payment import Customer

_MOST_NAME: Final = 255
_MOST_EMAIL: Final = 254
_EMAIL: Final = re.compile(r"[^\s@<>(),;:\"\\\[\]]{1,64}@[^\s@<>(),;:\"\\\[\]]+\.[^\s@<>(),;:\"\\\[\]]+")
# As people write it, blanks, hyphens, dots and parentheses in it: that of an initiate is taken so, too.
_PHONE: Final = re.compile(r"[ (]*\+?(?:[ ().-]*[0-9]){6,17}[ ().-]*", re.ASCII)
_MOST_PHONE: Final = 40


def order_of(raw: bytes, order_id: str) -> Order:
    """The order written in ``raw``, which must carry ``order_id``.

    Raises:
        ValueError: it is not an order, or not this one. The sentence says which field, never what it held.
    """
    answer = strict_json.read_object(raw)
    if _name(answer, "id") != order_id:
        raise ValueError("its id is not the one asked for")
    payable = answer.get("payable")
    if not isinstance(payable, bool):
        raise ValueError("payable is not true or false")  # noqa: TRY004 -- one error for all bad answers
    return Order(
        order_id=order_id,
        user_id=_name(answer, "user_id"),
        amount=_amount(answer),
        payable=payable,
        version=_name(answer, "version"),
        customer=_customer(answer.get("customer")),
    )


def _name(answer: dict[str, Any], field: str) -> str:
    # A number is as good a name as a text, and both are compared as text; bool is an int to Python.
    value = answer.get(field)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str) and 0 < len(value) <= _MOST_NAME and value.isprintable():
        return value
    raise ValueError(f"{field} is not a text of 1 to {_MOST_NAME} characters or a whole number")


def _amount(answer: dict[str, Any]) -> Money:
    amount = answer.get("amount")
    if not isinstance(amount, str):
        raise ValueError("amount is not a decimal text")  # noqa: TRY004 -- one error for all bad answers
    try:
        money = Money.of(amount, answer.get("currency"))
    except InvalidMoney as error:
        raise ValueError("amount and currency are not an amount of money") from error
    if money.minor < 0:
        raise ValueError("amount is negative")
    return money


def _customer(value: Any) -> Customer:
    """Who pays. A wrong address must not keep anybody from paying, so what is implausible is left out."""
    if value is None:
        return Customer()
    if not isinstance(value, dict):
        raise ValueError("customer is not an object")  # noqa: TRY004 -- one error for all bad answers
    email, phone = _text(value, "email"), _text(value, "phone_number")
    return Customer(
        email=email if email and len(email) <= _MOST_EMAIL and _EMAIL.fullmatch(email) else None,
        first_name=_text(value, "first_name"),
        last_name=_text(value, "last_name"),
        phone_number=phone if phone and len(phone) <= _MOST_PHONE and _PHONE.fullmatch(phone) else None,
    )


def _text(value: dict[str, Any], field: str) -> str | None:
    text = value.get(field)
    if text is None:
        return None
    if not isinstance(text, str):
        raise ValueError(f"customer {field} is not a text")  # noqa: TRY004 -- one error for all bad answers
    text = text.strip()
    return without_card_numbers(text) if 0 < len(text) <= _MOST_NAME and text.isprintable() else None
