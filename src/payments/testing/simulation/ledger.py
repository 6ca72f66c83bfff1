"""The truth about money: what payers really paid, and what really went back. The service never reads it."""

from collections import Counter
from typing import Final

import attrs

from payments.domain.money import Money

PAGES: Final = "pages"
PROMPTS: Final = "prompts"
"""What the two providers with a company behind them are called here."""


@attrs.frozen(kw_only=True)
class Taken:
    """Money that a provider took, once."""

    provider: str
    key: str
    """The provider's own name for it."""
    reference: str
    """What the payer paid on."""
    amount: Money
    receipt: str | None = None
    """By which the books know it, where that is another name."""


@attrs.frozen(kw_only=True)
class GivenBack:
    """Money that a provider gave back."""

    provider: str
    key: str
    """Of the money that was taken."""
    reference: str | None
    """The refund of ours that it was; None: the provider did it without us."""
    amount: Money


@attrs.define
class Ledger:
    """Every movement of money, and how often we asked for each."""

    taken: dict[tuple[str, str], Taken] = attrs.field(factory=dict, init=False)
    given_back: list[GivenBack] = attrs.field(factory=list, init=False)
    bounced: set[str] = attrs.field(factory=set, init=False)
    """Refunds of ours whose money came back to the shop."""
    declined: set[str] = attrs.field(factory=set, init=False)
    """References of which a provider truly said, once at least, that a payer's try failed."""
    opened: Counter[str] = attrs.field(factory=Counter, init=False)
    """By reference: how often a checkout was asked for."""
    refunds_asked: Counter[str] = attrs.field(factory=Counter, init=False)
    """By refund reference: how often it was asked for."""

    recorded: dict[tuple[str, str], Taken] = attrs.field(factory=dict, init=False)
    """By provider and a name that an operator gave it: the money that they saw there."""
    says_how_much: bool = attrs.field(default=True, init=False)
    """Whether the pages' provider tells how much of some money went back."""
    unheard: dict[tuple[str, str], None] = attrs.field(factory=dict, init=False)
    """Money of a prompt that came twice which no report named to us: we may never have got its name."""
    heard: set[tuple[str, str]] = attrs.field(factory=set, init=False)
    """Names that reports told us of money that was paid."""

    def take(self, money: Taken) -> None:
        """A payer paid."""
        self.taken[money.provider, money.key] = money

    def meant(self, provider: str, name: str) -> Taken | None:
        """The money that is called so: by its provider, by a receipt, or by the operator who recorded it."""
        direct = self.taken.get((provider, name)) or self.recorded.get((provider, name))
        if direct is not None:
            return direct
        return next((t for t in self.taken.values() if (t.provider, t.receipt) == (provider, name)), None)

    def without_us(self, provider: str, key: str) -> int:
        """How much of it the provider gave back by itself, or in its dashboard, in minor units."""
        return sum(
            one.amount.minor
            for one in self.given_back
            if (one.provider, one.key, one.reference) == (provider, key, None)
        )

    def give_back(self, money: GivenBack) -> None:
        """Money went back."""
        self.given_back.append(money)

    def gone(self, provider: str, key: str) -> int:
        """How much of what was taken went back and stayed there, in minor units."""
        return sum(
            one.amount.minor
            for one in self.given_back
            if (one.provider, one.key) == (provider, key) and one.reference not in self.bounced
        )
