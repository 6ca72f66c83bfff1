"""Hypothesis strategies for the values of this package; Hypothesis has to be installed."""

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from payments.application.ports.orders import Order
from payments.domain.currencies import EXPONENTS
from payments.domain.money import Currency, Money
from payments.domain.payment import Customer

_BASE32 = "abcdefghijklmnopqrstuvwxyz234567"


def currencies() -> SearchStrategy[Currency]:
    """Every currency that money can be paid in."""
    payable = sorted(code for code, exponent in EXPONENTS.items() if exponent is not None)
    return st.sampled_from(payable).map(Currency.of)


def money(
    *, least_minor: int = 1, most_minor: int = 10**9, of: SearchStrategy[Currency] | None = None
) -> SearchStrategy[Money]:
    """Amounts from ``least_minor`` to ``most_minor`` minor units, of any currency or those ``of`` draws."""
    return st.builds(Money, st.integers(least_minor, most_minor), of or currencies())


def references() -> SearchStrategy[str]:
    """References as attempts carry them."""
    return st.text(_BASE32, min_size=26, max_size=26).map(lambda random: f"p-{random}")


def order_ids() -> SearchStrategy[str]:
    """Order ids as docs/http.md allows them."""
    return st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)


def orders(*, user_id: str = "user_1") -> SearchStrategy[Order]:
    """Payable orders of one user."""
    return st.builds(
        Order,
        order_id=order_ids(),
        user_id=st.just(user_id),
        amount=money(),
        payable=st.just(value=True),
        version=st.text("0123456789", min_size=1, max_size=4),
        customer=st.just(Customer()),
    )
