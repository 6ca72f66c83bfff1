"""Comparing a provider's ledger with what is kept here. Pure: it finds a break, and decides nothing."""

import enum
from typing import Final

import attrs

from payments.application.ports.providers import LedgerLine
from payments.domain.capture import Capture
from payments.domain.evidence import Outcome
from payments.domain.payment import Payment
from payments.domain.transitions import RefundStatus


class Kind(enum.Enum):
    """How a transaction there and an attempt here stand to each other."""

    AGREES = "agrees"
    DIFFERS = "differs"
    """Both know it, and say different things about its money."""
    UNKNOWN_HERE = "unknown_here"
    """Money came there, and no attempt of ours has it."""
    MISSING_THERE = "missing_there"
    """Its money is here, and the provider does not know of it."""
    UNCLEAR = "unclear"
    """The provider gave no answer when asked, so nothing can be said."""


class Came(enum.Enum):
    """What came of a break."""

    NOTHING = "nothing"
    """Nothing was done about it."""
    SETTLED = "settled"
    """The provider was asked, and its answer made both agree."""
    ASKED_A_PERSON = "asked_a_person"
    """It is before a person now, as a review."""
    ASKED_BEFORE = "asked_before"
    """A person was asked about it in the past, whatever they answered."""
    IN_THE_INBOX = "in_the_inbox"
    """A notice about it waits; after a day it becomes a review by itself."""


@attrs.frozen(kw_only=True)
class Compared:
    """One transaction of a provider, or one attempt of ours, once the two were compared."""

    provider: str
    kind: Kind
    reference: str
    """Ours; the provider's own name where it does not tell ours."""
    name: str
    """The provider's own name."""
    what: str = ""
    """How they differ, in a sentence; empty where they agree."""
    came: Came = Came.NOTHING

    @property
    def is_news(self) -> bool:
        """Whether somebody should look: not where both agree, nor where a person or the inbox has it."""
        return self.kind is not Kind.AGREES and self.came not in (Came.ASKED_BEFORE, Came.IN_THE_INBOX)


MONEY: Final = frozenset({Outcome.PAID, Outcome.RETURNED})
_GONE_OR_GOING: Final = frozenset(
    {RefundStatus.RESERVED, RefundStatus.REQUESTED, RefundStatus.UNKNOWN, RefundStatus.SUCCEEDED}
)


def difference(payment: Payment, reference: str, line: LedgerLine) -> str | None:
    """How the attempt called ``reference`` differs from its line, in a sentence; None: they agree."""
    # By the name of the money: a person may have put other money to the same attempt.
    here = (each for each in payment.captures if each.reference == reference and each.key == line.name)
    capture = next(here, None)
    there = f"{line.amount} is {line.word!r} there" if line.amount else f"it is {line.word!r} there"
    if line.outcome is Outcome.NOTHING:
        return f"{there}, which no fact sheet knows"
    if line.outcome not in MONEY:
        return f"{there}, and {capture.amount} of it is here" if capture else None
    if capture is None:
        return f"{there}, and no money of it is here"
    if line.amount is not None and line.amount != capture.amount:
        return f"{there}, and {capture.amount} here"
    if line.outcome is Outcome.RETURNED and not _went_back(payment, capture):
        return f"{there}, and all of {capture.amount} is kept here"
    return None


def _went_back(payment: Payment, capture: Capture) -> bool:
    return any(r.capture_id == capture.capture_id and r.status in _GONE_OR_GOING for r in payment.refunds)
