"""Providers: who can take the payer's money, and what each can do.

A gateway fails in exactly three ways, because only three things can be done about it:
:class:`~payments.domain.errors.ProviderRejected`, :class:`~payments.domain.errors.ProviderUnavailable` and
:class:`~payments.domain.errors.OutcomeUnknown`. Connect trouble means that nothing was sent; read or protocol
trouble means that we cannot know.
"""

import enum
from abc import abstractmethod
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Protocol

import attrs

from payments.application.ports.self_check import SelfCheck
from payments.application.records import Claim
from payments.domain.errors import FieldError, UnsupportedAmount, UnsupportedCurrency, UnsupportedProvider
from payments.domain.evidence import Answer, Mode, Outcome
from payments.domain.money import Money
from payments.domain.payment import Customer


class Flow(enum.Enum):
    """How the payer pays; the value is the ``type`` of ``next_action``."""

    HOSTED_PAGE = "redirect"
    PROMPT = "confirm_on_phone"
    CASH = "pay_on_delivery"


@attrs.frozen(kw_only=True)
class CheckoutRequest:
    """All a gateway needs to open a checkout."""

    reference: str
    amount: Money
    order_id: str
    customer: Customer
    return_url: str
    """Where the payer's browser goes afterwards: our own verify address with the reference in it."""
    callback_url: str | None = None
    """Where the provider reports about this attempt, for those that report by callback."""
    phone: str | None = None


@attrs.frozen(kw_only=True)
class Checkout:
    """Where the payer pays. ``url`` is None only for providers without a page of their own."""

    url: str | None
    provider_reference: str | None = None


@attrs.frozen(kw_only=True)
class Question:
    """Which attempt a gateway is asked about."""

    reference: str
    provider_reference: str | None
    amount: Money
    urgency: "Urgency" = attrs.field(factory=lambda: Urgency.PAYER)


class Urgency(enum.Enum):
    """Who gets an answer first where a provider answers only so many questions."""

    SUCCESS_NOTICED = "success_noticed"
    """The provider itself said that it is paid."""
    PAYER = "payer"
    """Somebody waits."""
    SWEEP = "sweep"


class Cancelled(enum.Enum):
    """What came of asking a provider to close a checkout. None of these is about money."""

    CLOSED = "closed"
    """Nobody can pay on it any more."""
    NOT_FOUND = "not_found"
    UNKNOWN = "unknown"
    """No usable answer; it may be closed or not."""


@attrs.frozen(kw_only=True)
class RawNotice:
    """A message as it arrived: the bytes the signature covers, and the headers, names in lower case."""

    headers: tuple[tuple[str, str], ...]
    body: bytes


@attrs.frozen(kw_only=True)
class Hint:
    """What an authenticated notice is about. It says "look again" and decides nothing."""

    reference: str | None
    claim: Claim
    word: str


@attrs.frozen(kw_only=True)
class Callback:
    """What a report to the secret address of an attempt or a refund says. It decides nothing either."""

    claim: Claim
    word: str
    provider_reference: str | None = None
    """The provider's name for what it is about."""
    amount: Money | None = None
    receipt: str | None = None


class Callbacks(Protocol):
    """Reads reports that carry no signature: whoever knows the secret address is believed to be there."""

    @abstractmethod
    def read(self, body: bytes) -> Callback:
        """What ``body`` says; one that cannot be read says ``other``. Never raises."""

    @abstractmethod
    def acknowledgement(self) -> bytes:
        """The JSON body the provider expects in answer."""


class Checkouts(Protocol):
    """Opens checkouts."""

    @abstractmethod
    async def open(self, request: CheckoutRequest) -> Checkout:
        """Open a checkout under our reference, at most once.

        Raises:
            ProviderRejected: a definite no.
            ProviderUnavailable: nothing was sent, or the provider says it did nothing.
            OutcomeUnknown: there may be a checkout; a 200 without a usable one is this, too.
        """


class StatusChecks(Protocol):
    """Asks what became of an attempt."""

    @abstractmethod
    async def check(self, question: Question) -> Answer:
        """The provider's answer, every word of its sheet mapped to one outcome.

        Never raises for trouble: whatever goes wrong is an answer with outcome ``nothing``.
        """


class Cancellations(Protocol):
    """Closes checkouts that nobody paid."""

    @abstractmethod
    async def cancel(self, reference: str) -> Cancelled:
        """Ask the provider to close the checkout. Repeating it is safe; it never raises for trouble."""


@attrs.frozen(kw_only=True)
class RefundRequest:
    """All a gateway needs to send money of one capture back."""

    reference: str
    """Our own name for the refund, unique."""
    attempt: str | None
    """The reference of the attempt on whose page the money was paid. None: a person put money to an attempt
    that was paid elsewhere, and only ``capture_key`` says which it is."""
    capture_key: str
    """The provider's name for the money itself."""
    receipt: str | None
    amount: Money
    captured: Money
    """All of the capture; less than it goes back in part."""
    reason: str
    callback_url: str | None = None
    """Where the provider reports about this refund, for those that report by callback."""


@attrs.frozen(kw_only=True)
class RefundQuestion:
    """Which refund a gateway is asked about."""

    reference: str
    attempt: str | None
    """As of its request."""
    capture_key: str
    receipt: str | None
    amount: Money
    provider_reference: str | None
    """The provider's name for the refund; None when its answer was lost."""
    requested_at: datetime
    known: frozenset[str]
    """Provider references of the other refunds of this capture: none of those is the one in question."""
    reports: "tuple[Callback, ...]" = ()
    """What the refund's own callbacks said, oldest first."""


class RefundOutcome(enum.Enum):
    """What an answer about a refund means; every word of every provider maps to exactly one."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """A definite no: the money stays, or came back."""
    PENDING = "pending"
    NEEDS_ATTENTION = "needs_attention"
    """Pending until a person does something at the provider."""
    NOT_FOUND = "not_found"
    """It was asked, or cannot be, and knows of none under our name: one that was never sent may be sent."""
    NOTHING = "nothing"
    """No information. Ask again."""


@attrs.frozen(kw_only=True)
class RefundAnswer:
    """What a gateway read out of one answer about a refund."""

    outcome: RefundOutcome
    word: str
    """The provider's own word, shortened, for people."""
    provider_reference: str | None = None
    detail: str = ""
    """Why, in words for the shop, or empty."""


class Refunds(Protocol):
    """Sends money back."""

    @abstractmethod
    async def request(self, request: RefundRequest) -> RefundAnswer:
        """Ask for the refund, at most once: nothing here is ever sent twice.

        Raises:
            ProviderRejected: a definite no.
            ProviderUnavailable: nothing was sent, or the provider says it did nothing.
            OutcomeUnknown: it may have been done.
        """

    @abstractmethod
    async def check(self, question: RefundQuestion) -> RefundAnswer:
        """What became of a refund. Never raises for trouble: that is an answer with outcome ``nothing``."""


@attrs.frozen(kw_only=True)
class Span:
    """A stretch of time, both ends included."""

    since: datetime
    until: datetime


@attrs.frozen(kw_only=True)
class LedgerLine:
    """One transaction as the provider lists it. It says where to look, and is never evidence."""

    name: str
    """The provider's own name for it; that of the money, once money came."""
    reference: str | None
    """Ours, where the ledger tells it."""
    outcome: Outcome
    word: str
    amount: Money | None
    """What arrived, fees passed on included."""
    raw: bytes
    """The line as it came, as JSON."""


@attrs.frozen
class LedgerPage:
    """Some lines of a ledger, and where the next page begins; None: there is none."""

    lines: tuple[LedgerLine, ...]
    following: str | None


class Ledger(Protocol):
    """Reads the provider's own list of transactions."""

    @abstractmethod
    async def page(self, span: Span, begins: str | None) -> LedgerPage:
        """The lines of a page of what was created within ``span``: the first, or the one that ``begins`` so.

        Lines that can be of nobody here are left out: those of another system, by the form of their
        reference, and those of which no money came and that name no reference. A line may come twice, on
        pages that moved while they were read. Reading changes nothing, so any page may be asked for again.

        Raises:
            ProviderRejected: a definite no.
            ProviderUnavailable, OutcomeUnknown: not now; ask for the same page again.
        """


class Phones(Protocol):
    """Knows the phone numbers a provider can prompt on."""

    @abstractmethod
    def normal(self, text: str | None) -> str:
        """The number in the provider's one spelling.

        Raises:
            InvalidRequest: it is missing, or none the provider can reach; names ``/phone_number``.
        """


class Emails(Protocol):
    """Knows the e-mail addresses without which a provider opens no checkout."""

    @abstractmethod
    def usable(self, text: str | None) -> str:
        """The address as the provider takes it.

        Raises:
            InvalidRequest: it is missing, or none the provider takes; names ``/provider``.
        """


class Webhooks(Protocol):
    """Reads the provider's notices."""

    @abstractmethod
    def read(self, notice: RawNotice) -> Hint:
        """Authenticate the raw bytes, then read what they are about.

        Raises:
            NoticeForged: the signature is missing, wrong, or does not cover these bytes.
            NoticeMalformed: authentic, but not readable as a notice.
        """


@attrs.frozen
class Range:
    """What a provider takes in one currency, both ends included."""

    least: Money
    most: Money


@attrs.frozen(kw_only=True)
class Provider:
    """One provider as this service uses it. A capability it lacks is a field that is None."""

    name: str
    mode: Mode
    flow: Flow
    ranges: Mapping[str, Range]
    """By currency code."""
    payable_for: timedelta | None
    """How long its checkout can be paid on; None: no end of its own."""
    watched_for: timedelta | None
    """How long an attempt without money is asked about; None: only a record of ours can speak."""
    checkouts: Checkouts
    checks: StatusChecks
    cancellations: Cancellations | None = None
    webhooks: Webhooks | None = None
    callbacks: Callbacks | None = None
    """It reports to a secret address of each attempt instead of signing what it sends."""
    confirmed_after: timedelta | None = None
    """Its answer "paid" attests no facts, and counts when a callback agrees or it is given again this much
    later; None: its answer attests the facts itself."""
    phones: Phones | None = None
    """It prompts on a phone."""
    emails: Emails | None = None
    """It needs the payer's e-mail address; None: it does without."""
    delivery_codes: bool = True
    """Whoever collects its cash has to name the delivery code that the payer was shown."""
    refunds: Refunds | None = None
    """None: a person sends money back by hand and records it."""
    refunds_whole: bool = False
    """It sends back all of a capture or nothing."""
    refunds_by_receipt: bool = False
    """It needs the receipt of the capture to find the money."""
    ledger: Ledger | None = None
    """Its own list of transactions; None: it has none to compare with, and ``no_ledger`` says so."""
    ledger_names_references: bool = True
    """Its list tells our references; False: only its own names, which an unpaid attempt may not have."""
    no_ledger: str = "It has no list of transactions to compare with."
    bound: frozenset[str] = frozenset()
    """Facts it never attests (``reference``, ``amount``, ``mode``), which our own request binds."""
    refuses: Mapping[str, str] = attrs.field(factory=dict)
    """Why it does not take a currency that a shop may expect it to take: a sentence, by currency code."""
    self_check: SelfCheck | None = None
    """Tells, without changing anything, whether it can be reached and takes our keys."""
    as_written: Callable[[str], str] = str.strip
    """A name of money as it writes it, for one that a person typed."""
    register_at: str | None = None
    """Where a person enters the address of our webhooks, and what else belongs there; None: nobody has to."""

    def takes(self, amount: Money) -> None:
        """Return if this provider can take ``amount``.

        Raises:
            UnsupportedCurrency: not this currency.
            UnsupportedAmount: zero, or outside its range.
        """
        code = amount.currency.code
        span = self.ranges.get(code)
        if span is None:
            offered = ", ".join(sorted(self.ranges))
            raise UnsupportedCurrency(
                self.refuses.get(code, f"{self.name} does not take {code}."),
                errors=(FieldError("/provider", f"{self.name} takes {offered}; choose another provider."),),
            )
        if amount.minor <= 0 or not span.least <= amount <= span.most:
            raise UnsupportedAmount(
                f"{self.name} does not take {amount}.",
                errors=(FieldError("/provider", f"{self.name} takes {span.least} to {span.most}."),),
            )


@attrs.frozen
class Providers:
    """The providers that are switched on, by name."""

    by_name: Mapping[str, Provider]

    def named(self, name: str) -> Provider:
        """The provider called ``name``.

        Raises:
            UnsupportedProvider: it is unknown, or switched off.
        """
        provider = self.by_name.get(name)
        if provider is None:
            offered = ", ".join(sorted(self.by_name)) or "none"
            raise UnsupportedProvider(
                f"{name!r} is not a provider here.",
                errors=(FieldError("/provider", f"Use one of: {offered}."),),
            )
        return provider
