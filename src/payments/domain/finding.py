"""What a provider answered about one attempt, what we knew by then, and what came of it.

Every effect of an answer makes a settlement of a finding. What they have in common stands here, too: learning
the provider's own name, and asking a person.
"""

from datetime import datetime, timedelta
from uuid import UUID

import attrs

from payments.domain import events as happened
from payments.domain.attempt import Attempt
from payments.domain.capture import Vouched
from payments.domain.events import ReviewKind
from payments.domain.evidence import Answer, Report, Rule
from payments.domain.payment import Change, Payment


@attrs.frozen(kw_only=True)
class Finding:
    """What the provider answered about one attempt, with what we know from elsewhere."""

    evidence_id: UUID
    """Also names the capture this evidence may bring."""
    reference: str
    answer: Answer
    now: datetime
    bound: frozenset[str] = frozenset()
    """Facts (``reference``, ``amount``, ``mode``) the provider never attests and our own request binds."""
    key_holder: str | None = None
    """The attempt, of whichever payment, that already holds the answer's capture key."""
    failure_noticed_at: datetime | None = None
    """When the newest notice claiming a failure of this attempt was received."""
    confirmed_after: timedelta | None = None
    """The provider's "paid" attests no amount; it counts with a report, or said again this much later."""
    report: Report | None = None
    """What the provider itself reported about money of this attempt, newest."""
    one_try: bool = False
    """The payer has one try at each checkout: a decline closes it."""
    put_aside: frozenset[str] = frozenset()
    """What people put aside as no money of ours, by subject, before any of it went back."""
    asked: frozenset[tuple[ReviewKind, str]] = frozenset()
    """What people were asked about this payment, by kind and subject, and are not to be asked again."""
    vouched: Vouched | None = None
    """What a person says of this money, if that is how it is known."""
    asked_by: str | None = None
    """The provider's name by which it was asked."""
    return_noticed: bool = False
    """A notice says that money went back; what it was answered may be older than that."""
    heard_at: datetime | None = None
    """When the answer came, if that was before it is applied."""


@attrs.frozen
class Settlement:
    """What a finding did."""

    change: Change
    rule: Rule

    @property
    def payment(self) -> Payment:
        """The payment afterwards."""
        return self.change.payment

    @property
    def events(self) -> tuple[happened.Event, ...]:
        """Why it is what it is."""
        return self.change.events


def learnt(attempt: Attempt, finding: Finding) -> Attempt:
    """The attempt with the provider's own name for it, as far as that is known."""
    name = name_learnt(attempt, finding)
    return attempt if name == attempt.provider_reference else attrs.evolve(attempt, provider_reference=name)


def name_learnt(attempt: Attempt, finding: Finding) -> str | None:
    """The provider's own name for the attempt, once it is known and no other attempt holds it.

    A person may give money any name, and its provider's own is learnt when it tells of that money.
    """
    if finding.vouched is not None or finding.key_holder not in (None, attempt.reference):
        return attempt.provider_reference
    return attempt.provider_reference or finding.answer.provider_reference


def ask(
    change: Change, kind: ReviewKind, finding: Finding, detail: str, *, subject: str | None = None
) -> Change:
    """The change with a question to a person; without ``subject`` about what this evidence brought."""
    event = happened.ReviewOpened(kind=kind, subject=subject or str(finding.evidence_id), detail=detail)
    return Change(change.payment, (*change.events, event))


def ask_once(change: Change, kind: ReviewKind, finding: Finding, detail: str, *, subject: str) -> Change:
    """A question that is asked once, however often the provider repeats its answer."""
    if (kind, subject) in finding.asked:
        return change
    return ask(change, kind, finding, detail, subject=subject)


def stuck(change: Change, finding: Finding, detail: str) -> Change:
    """The question, once, whether an attempt was paid of which its provider gives no proof."""
    kind, subject = ReviewKind.STUCK_UNKNOWN, finding.reference
    opened = (event for event in change.events if isinstance(event, happened.ReviewOpened))
    if any((event.kind, event.subject) == (kind, subject) for event in opened):
        return change
    return ask_once(change, kind, finding, detail, subject=subject)
