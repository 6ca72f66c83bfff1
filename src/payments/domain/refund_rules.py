"""What the shop decided beforehand about refunds: which need approval, and what becomes of surplus."""

import enum
from collections.abc import Mapping
from typing import Final

import attrs

from payments.domain.money import Money

POLICY_ACTOR: Final = "policy:surplus"
"""Who asks for the refunds that the policy proposes: nobody who could approve one."""


class SurplusPolicy(enum.Enum):
    """What happens to money that arrived for an order already paid."""

    OFF = "off"
    """A person decides in the review queue."""
    PROPOSE = "propose"
    """A refund is set aside and waits for a person's approval."""
    AUTOMATIC = "automatic"
    """Up to a limit it goes back by itself; above it is proposed."""


@attrs.frozen(kw_only=True)
class RefundRules:
    """Limits by currency code. Without any, no refund needs approval and surplus is left to people."""

    approval_above: Mapping[str, Money] = attrs.field(factory=dict)
    surplus: SurplusPolicy = SurplusPolicy.OFF
    automatic_up_to: Mapping[str, Money] = attrs.field(factory=dict)

    def needs_approval(self, amount: Money) -> bool:
        """Whether a second person has to approve ``amount``.

        Once a limit is set, money of a currency without one always needs approval: nobody thought about it.
        """
        if not self.approval_above:
            return False
        limit = self.approval_above.get(amount.currency.code)
        return limit is None or amount > limit

    def goes_back_by_itself(self, surplus: Money) -> bool:
        """Whether ``surplus`` needs nobody's word to go back."""
        if self.surplus is not SurplusPolicy.AUTOMATIC:
            return False
        limit = self.automatic_up_to.get(surplus.currency.code)
        return limit is not None and surplus <= limit
