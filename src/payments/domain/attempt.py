"""An attempt: one try to collect a payment through one provider."""

from datetime import datetime, timedelta
from typing import Any, Self

import attrs

from payments.domain import events as happened
from payments.domain.events import Reason
from payments.domain.evidence import Mode
from payments.domain.money import Money
from payments.domain.transitions import ATTEMPT, LIVE, AttemptStatus, following


@attrs.frozen(kw_only=True)
class Attempt:
    """One try. Reference, provider, mode, amount and currency never change (docs/model.md section 1)."""

    reference: str
    provider: str
    mode: Mode
    amount: Money
    order_version: str
    claimed_at: datetime
    watch_until: datetime | None
    """Until when the provider is asked about it; None: only a record of ours can speak (cash)."""
    payable_until: datetime | None
    """Until when the payer can pay on it; None: no end of its own."""
    next_check_at: datetime | None
    """When the sweep asks next; None: its watch ended, or its money is here and nothing is open."""
    status: AttemptStatus = AttemptStatus.CLAIMED
    reason: Reason | None = None
    detail: str = ""
    """Why it failed, in words a payer may read; or empty."""
    phone: str | None = None
    """The payer's phone, only where the provider prompts on it."""
    return_to: str | None = None
    """The key of the configured page the payer comes back to."""
    checkout_url: str | None = None
    provider_reference: str | None = None
    callback_token_hash: str | None = None
    """SHA-256 of the token in the address its provider reports to; None where notices are signed."""
    page_token_hash: str | None = None
    """SHA-256 of the token in the address of our own page for its payer; None on a provider's page."""
    on_delivery: bool = False
    """A collector takes the money at the door, and nobody outside is asked about it."""
    handed_out_at: datetime | None = None
    """Set once: when the payer got something to pay with, or evidence showed that they had."""
    page_closed: bool = False
    """The provider told us that nobody can pay on it any more."""
    reopened_at: datetime | None = None
    declines: tuple[str, ...] = ()
    """Fingerprints of the declined tries already counted."""
    not_found_at: datetime | None = None
    """When the provider first did not know it, past the hold window and with nothing else since."""
    said_paid_at: datetime | None = None
    """When the provider first said that it is paid, where saying so once is not enough."""
    wrong_codes: int = 0
    """How many wrong delivery codes collectors have given."""
    checks: int = 0
    last_checked_at: datetime | None = None
    last_word: str = ""

    @property
    def live(self) -> bool:
        """Whether it can still end by itself: claimed, open or unknown."""
        return self.status in LIVE

    @property
    def prompted(self) -> bool:
        """Whether it is a prompt on a phone and no page, as is known though its provider is switched off."""
        return self.phone is not None

    def watched(self, now: datetime) -> bool:
        """Whether its provider is still asked about it, or never was (cash)."""
        return self.watch_until is None or (self.next_check_at is not None and now < self.watch_until)

    def payable_for(self, span: timedelta, now: datetime) -> bool:
        """Whether a payer could still pay on it ``span`` from ``now``, as far as we know."""
        if self.page_closed:
            return False
        return self.payable_until is None or now + span <= self.payable_until

    def after(self, event: happened.Event, **learnt: Any) -> Self:
        """The attempt with the status that ``event`` leads to, and what was ``learnt`` with it, by field.

        Raises:
            IllegalTransition: the table has no such edge.
        """
        status, reason = following(ATTEMPT, self.status, type(event)), getattr(event, "reason", None)
        return attrs.evolve(self, status=status, reason=reason, **learnt)

    def handed_out(self, now: datetime) -> Self:
        """With ``handed_out_at`` set, once."""
        return self if self.handed_out_at else attrs.evolve(self, handed_out_at=now)

    def closed(self, now: datetime) -> Self:
        """With nothing left to pay on: ends ``payable_until``."""
        ends = now if self.payable_until is None else min(now, self.payable_until)
        return attrs.evolve(self, page_closed=True, payable_until=ends)
