"""Evidence: what a provider or a collector attests. Verdict: what it proved, and by which rule."""

import enum
from datetime import datetime
from uuid import UUID

import attrs

from payments.domain.money import Money


class Mode(enum.Enum):
    """Which of a provider's two worlds an attempt lives in. Money of one never settles in the other."""

    TEST = "test"
    LIVE = "live"


class Outcome(enum.Enum):
    """What an answer means; every word of every provider maps to exactly one (docs/model.md section 3)."""

    PAID = "paid"
    DECLINED = "declined"
    PAYABLE = "payable"
    IN_FLIGHT = "in_flight"
    CLOSED = "closed"
    NOT_FOUND = "not_found"
    RETURNED = "returned"
    NOTHING = "nothing"


class Channel(enum.Enum):
    """How the evidence reached us. A webhook's body is never one of these."""

    STATUS_CHECK = "status_check"
    COLLECTOR = "collector"
    OPERATOR = "operator"
    """A person who decided a review, and said so with their name and their reason."""


@attrs.frozen(kw_only=True)
class Answer:
    """What a gateway read out of one answer of its provider.

    The four attested facts are ``None`` where the provider does not attest them. Nothing in here comes
    from a notice.
    """

    outcome: Outcome
    word: str
    """The provider's own word, shortened, for people: ``success``, ``HTTP 502``, ``not JSON`` ..."""
    reference: str | None = None
    amount: Money | None = None
    """What was paid, without fees passed on; it is this that must equal what is due."""
    mode: Mode | None = None
    provider_reference: str | None = None
    capture_key: str | None = None
    """What names the money itself; present whenever ``outcome`` is ``paid`` or ``returned``."""
    fingerprint: str | None = None
    """Distinguishes one declined try from the next (transaction, message, times); None if nothing does."""
    detail: str = ""
    """Why, in words a payer may read, or empty."""
    returned: Money | None = None
    """How much went back, when ``returned`` and the provider says so; None means all of it."""
    captured: Money | None = None
    """What arrived, where the provider's fees were passed on and it is more than ``amount``; else None."""
    final: bool = attrs.field(default=False, eq=False)
    """With ``declined``: nothing more can come of the checkout, so its watch ends. It only decides when we
    ask, and is not kept with the evidence."""
    asked: bool = attrs.field(default=True, eq=False)
    """False: the gateway had no turn to ask, so this is its own word. It is no evidence, and never kept."""

    @property
    def arrived(self) -> Money | None:
        """The money as it came, fees passed on included."""
        return self.captured or self.amount

    def amounts(self, asked_for: Money) -> frozenset[Money]:
        """How much a person may say that it is, with the fees that were passed on or without."""
        return frozenset({self.arrived or asked_for, self.amount or asked_for})


@attrs.frozen(kw_only=True)
class Report:
    """What a provider reported to an attempt's secret address about money.

    It proves nothing by itself: it may agree with an answer that attests less.
    """

    provider_reference: str
    """The provider's name for the money it is about."""
    amount: Money | None = None
    receipt: str | None = None


def nothing(word: str) -> Answer:
    """No information: asking failed, or the answer could not be understood. Never a reason for a change."""
    return Answer(outcome=Outcome.NOTHING, word=word)


def not_asked(word: str) -> Answer:
    """No information either, because nobody was asked; ``word`` says why."""
    return Answer(outcome=Outcome.NOTHING, word=word, asked=False)


class Rule(enum.Enum):
    """The rule that decided what a piece of evidence did. The value is the sentence ``explain`` shows."""

    SETTLED = "reference, amount, currency and mode all match, so the money settles the payment"
    SURPLUS = "the payment was already settled by other money, so this is surplus"
    AMOUNT_DIFFERS = "the amount differs from what is owed, so the money is held for review"
    CURRENCY_DIFFERS = "the currency differs from what is owed, so the money is held for review"
    NOT_OURS = "the answer concerns another reference or the other mode, so it proves nothing here"
    KEY_TAKEN = "this provider transaction already counts for another attempt, so it proves nothing here"
    SAID_ONCE = (
        "the answer attests no facts and was given once; it counts when a callback agrees or it comes again"
    )
    NOT_ATTESTED = "the answer does not attest every fact that paid money needs, so it proves nothing"
    ALREADY_COUNTED = "this money is already recorded"
    DECLINED = "the provider declined this try; money that arrives later still counts"
    OLD_DECLINE = "this is the decline we already knew before the page was handed out again"
    STILL_PAYABLE = "nobody has paid yet, and the page is open"
    IN_FLIGHT = "the payer or the provider is acting; we wait"
    CLOSED = "the provider says it can no longer be paid"
    NOT_FOUND_YET = "the provider does not know it, which proves nothing so soon or only once"
    NEVER_CREATED = "the provider did not know it twice, past the hold window, so it was never created"
    RETURNED = "the provider gave the money back"
    RETURN_KNOWN = "this money going back is already recorded"
    RETURN_OF_OURS = "a refund of ours is under way for this money; only its own answer ends it"
    NO_LONGER_LIVE = "the attempt had already ended, so this is recorded and changes nothing"
    NO_INFORMATION = "the answer gives no information, so nothing changes and we ask again"
    CODE_WRONG = "the delivery code was wrong, so the record proves nothing"


@attrs.frozen(kw_only=True)
class Evidence:
    """One authoritative answer, when and how it came, and the verdict it got. Immutable."""

    evidence_id: UUID
    payment_id: UUID
    reference: str
    channel: Channel
    cause: str
    """What made us ask: ``webhook``, ``redirect``, ``sweep``, ``initiate``, ``cancel``, ``operator``,
    ``collector``, ``page``."""
    answer: Answer
    rule: Rule
    observed_at: datetime
