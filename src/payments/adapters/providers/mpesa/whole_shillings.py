"""M-Pesa moves whole shillings only (fact sheet, section 3.1)."""

from typing import Final

import attrs

from payments.application.ports.providers import Provider
from payments.domain.errors import FieldError, UnsupportedAmount
from payments.domain.money import Money

CENTS: Final = 100


def is_whole(amount: Money) -> bool:
    """Whether ``amount`` has no cents."""
    return amount.minor % CENTS == 0


@attrs.frozen(kw_only=True)
class WholeShillings(Provider):
    """A provider that refuses cents: an amount is never rounded, to nobody's loss."""

    def takes(self, amount: Money) -> None:
        super().takes(amount)
        if not is_whole(amount):
            remedy = f"{self.name} moves whole shillings only, and {amount} is never rounded; choose another."
            raise UnsupportedAmount(
                f"{self.name} does not take {amount}: it moves whole shillings only.",
                errors=(FieldError("/provider", remedy),),
            )
