"""A provider with hosted pages that is asked, and an adversary within its contract.

It takes money truly or not at all, and the ledger says which. What it answers may be lost, late, stale, about
something else, or without sense; what it promises and its contract does not, it breaks.
"""

import math
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Final

import attrs

from payments.application.ports.providers import (
    Cancellations,
    Cancelled,
    Checkout,
    CheckoutRequest,
    Checkouts,
    Hint,
    Provider,
    Question,
    RawNotice,
    RefundOutcome,
    StatusChecks,
    Webhooks,
)
from payments.application.records import Claim
from payments.domain.errors import OutcomeUnknown, ProviderRejected, ProviderUnavailable
from payments.domain.evidence import Answer, Mode, Outcome, nothing
from payments.domain.money import Money
from payments.testing.provider import ScriptedProvider
from payments.testing.simulation.behaviours import Behaviour
from payments.testing.simulation.books import SimulatedBooks
from payments.testing.simulation.chance import Chance
from payments.testing.simulation.faults import Fault
from payments.testing.simulation.ledger import PAGES, GivenBack, Ledger, Taken
from payments.testing.simulation.outages import Outage
from payments.testing.simulation.post import Post
from payments.testing.simulation.processes import Steps
from payments.testing.simulation.refunds import LedgerRefunds, SimulatedRefunds

TIMEOUT_S: Final = 10.0
"""How long a gateway waits for an answer that was lost."""

OLDEST_S: Final = 1800.0
"""An answer that knows nothing of money is no older than this: the last look of a watch is an hour past its
end (ADR 0032), and with watches of minutes nothing but this bound stands for the many looks of real ones."""

YOUNG_S: Final = 240.0
"""So long a provider may not know a page that it opened."""


@attrs.define(eq=False)
class SimulatedProvider(Checkouts, StatusChecks, Cancellations, Webhooks):
    """Hosted pages as a :class:`ScriptedProvider` has them, behind everything that can go wrong."""

    steps: Steps
    chance: Chance
    ledger: Ledger
    post: Post
    outage: Outage
    scripted: ScriptedProvider = attrs.field(factory=lambda: ScriptedProvider(name=PAGES))
    refunds: LedgerRefunds = attrs.field(init=False)
    moods: Chance | None = None
    """Whether it goes on speaking of a refund that failed; None: it never does."""
    says_how_much: bool = True
    """Of money that went back, how much; else only that it did."""
    lists: Chance | None = None
    """What its list of transactions leaves out, and whether it tells our references."""
    mute: bool = attrs.field(default=False, init=False)
    """Answers no question until everything heals."""
    outlive: set[str] = attrs.field(factory=set, init=False)
    """Pages that can be paid on though they were cancelled."""
    _said: dict[str, list[Answer]] = attrs.field(factory=dict, init=False)
    """What could truly be answered about each page before, oldest first."""
    _goes_on: dict[str, bool] = attrs.field(factory=dict, init=False)
    """By page: whether it speaks of refunds that have only begun, or failed."""
    _opened_s: dict[str, float] = attrs.field(factory=dict, init=False)
    _paid_s: dict[str, float] = attrs.field(factory=dict, init=False)
    _closed: set[str] = attrs.field(factory=set, init=False)
    _payable_s: float = attrs.field(default=0.0, init=False)
    """How long a page can be paid on."""

    def __attrs_post_init__(self) -> None:
        self.refunds = LedgerRefunds(provider=PAGES, ledger=self.ledger)

    def provider(self, *, payable_for: timedelta, watched_for: timedelta) -> Provider:
        """This, as the service sees it."""
        self._payable_s = payable_for.total_seconds()
        lists = self.lists or self.chance
        tells_references = lists.happens(0.6)
        return attrs.evolve(
            self.scripted.provider(payable_for=payable_for),
            watched_for=watched_for,
            checkouts=self,
            checks=self,
            cancellations=self,
            webhooks=self,
            refunds=SimulatedRefunds(self.steps, self.chance, self.refunds, self.outage, self._refund_news),
            ledger=SimulatedBooks(self.steps, lists, self.outage, self._listed, tells_references),
            ledger_names_references=tells_references,
        )

    @property
    def opened(self) -> Mapping[str, CheckoutRequest]:
        """Every page that exists, by reference."""
        return self.scripted.opened

    async def open(self, request: CheckoutRequest) -> Checkout:
        label = await self.steps.before("provider.open")
        self.ledger.opened[request.reference] += 1
        if self.outage.at(label) or self.steps.struck(Fault.NOT_REACHED, label):
            raise ProviderUnavailable("connection refused")
        if self.steps.struck(Fault.REJECTED, label):
            raise ProviderRejected("not allowed")
        if self.steps.struck(Fault.REQUEST_LOST, label):
            await self.steps.rest(TIMEOUT_S)
            raise OutcomeUnknown("timeout")
        checkout = await self.scripted.open(request)
        self._opened_s[request.reference] = self.steps.loop.time()
        self.steps.after(label)
        if self.steps.struck(Fault.ANSWER_SLOW, label):
            await self.steps.rest(self.chance.spread(1, 100))
        if self.steps.struck(Fault.ANSWER_LOST, label):
            await self.steps.rest(TIMEOUT_S)
            raise OutcomeUnknown("timeout")
        if self.steps.struck(Fault.MALFORMED, label):
            raise OutcomeUnknown("not JSON")
        return checkout

    async def check(self, question: Question) -> Answer:
        label = await self.steps.before("provider.check")
        if self.mute and not self.steps.weather.healed:
            return nothing("HTTP 503")
        if self.outage.at(label) or self.steps.struck(Fault.NOT_REACHED, label):
            return nothing("connection refused")
        if self.steps.struck(Fault.REQUEST_LOST, label) or self.steps.struck(Fault.ANSWER_LOST, label):
            await self.steps.rest(TIMEOUT_S)
            return nothing("timeout")
        if self.steps.struck(Fault.MALFORMED, label):
            raise ValueError("not JSON")
        answer = await self._answer(question, label)
        self.steps.after(label)
        return answer

    async def _answer(self, question: Question, label: str) -> Answer:
        reference, struck = question.reference, self.steps.struck
        truth = self._with_what_went_back(reference, await self.scripted.check(question))
        said = self._said.setdefault(reference, [])
        if not said or said[-1] != truth:
            said.append(truth)
        if truth.outcome is Outcome.PAYABLE and struck(Fault.NOT_FOUND, label):
            young = self.steps.loop.time() - self._opened_s.get(reference, 0.0) < YOUNG_S
            return Answer(outcome=Outcome.NOT_FOUND, word="not found") if young else truth
        # What went back and came back again is in no list that is old: refunds are listed anew each time.
        before = [old for old in said[:-1] if not _counts_more(old, truth)]
        if self._paid_long_ago(reference):
            before = [old for old in before if old.capture_key is not None]
        if before and struck(Fault.STALE_ANSWER, label):
            return self.chance.one_of(before)
        if truth.capture_key is not None and struck(Fault.OTHER_MODE, label):
            return attrs.evolve(truth, mode=Mode.LIVE)
        others = [name for name in self.opened if name != reference]
        if others and struck(Fault.OTHER_REFERENCE, label):
            return await self._truth(self.chance.one_of(others))
        # Only where no money of its own can come: no contract lets a provider say "paid" of a page too soon.
        barren = truth.capture_key is None and not self.payable(reference)
        if others and barren and struck(Fault.SAME_MONEY, label):
            other = await self._truth(self.chance.one_of(others))
            if other.outcome is Outcome.PAID:
                return attrs.evolve(other, reference=reference)
        return truth

    def _paid_long_ago(self, reference: str) -> bool:
        """Whether no answer can be so old any more that it knows of no money."""
        return self.steps.loop.time() - self._paid_s.get(reference, math.inf) > OLDEST_S

    async def _truth(self, reference: str) -> Answer:
        asked = Question(reference=reference, provider_reference=None, amount=self.opened[reference].amount)
        return self._with_what_went_back(reference, await self.scripted.check(asked))

    def _listed(self) -> list[tuple[float, float, Answer]]:
        """Each page that was paid on: when it was opened, and paid, and what its refunds make of it."""
        return [
            (
                self._opened_s[reference],
                paid_s,
                self._with_what_went_back(reference, self.scripted.answer_of(reference)),
            )
            for reference, paid_s in self._paid_s.items()
        ]

    def _with_what_went_back(self, reference: str, answer: Answer) -> Answer:
        """``answer`` as its refunds make it: ours, and those made in the dashboard."""
        key = f"T-{reference}"
        if answer.outcome is not Outcome.PAID or (PAGES, key) not in self.ledger.taken:
            return answer
        amount = self.ledger.taken[PAGES, key].amount
        if any(known == (PAGES, reference) for known in self._recorded_otherwise()):
            self.steps.note(Behaviour.ATTESTED_AFTERWARDS, reference)
        ours, without_us = self.refunds.of(key), self.ledger.without_us(PAGES, key)
        if not ours and not without_us:
            return answer
        gone = without_us + sum(minor for outcome, minor in ours if outcome is RefundOutcome.SUCCEEDED)
        if gone == 0 and not self._speaks_of_nothing(reference):
            return answer
        if gone == 0 and not self.refunds.under_way(key):
            self.steps.note(Behaviour.STILL_RETURNED, reference)
        if self.says_how_much:
            self.steps.note(Behaviour.RETURNED_SO_MUCH, reference)
            word = "reversed" if gone >= amount.minor else "reversal-pending"
            back: Money | None = Money(gone, amount.currency)
        else:
            self.steps.note(Behaviour.RETURNED_BARELY, reference)
            word, back = "refunded", None
        return attrs.evolve(answer, outcome=Outcome.RETURNED, word=word, returned=back)

    def _recorded_otherwise(self) -> Iterable[tuple[str, str]]:
        return ((money.provider, money.reference) for money in self.ledger.recorded.values())

    def _speaks_of_nothing(self, reference: str) -> bool:
        """Whether it says that money went back while nothing has: a refund began, or failed."""
        if reference not in self._goes_on:
            self._goes_on[reference] = self.moods is not None and self.moods.happens(0.5)
        return self._goes_on[reference]

    async def cancel(self, reference: str) -> Cancelled:
        label = await self.steps.before("provider.cancel")
        if self.outage.at(label) or self.steps.struck(Fault.REQUEST_LOST, label):
            return Cancelled.UNKNOWN
        if reference not in self.opened:
            return Cancelled.NOT_FOUND
        truth = await self._truth(reference)
        if truth.capture_key is not None:
            return Cancelled.UNKNOWN
        if reference not in self.outlive and not self.steps.struck(Fault.CANCEL_IGNORED, label):
            self._closed.add(reference)
            self.scripted.answers(
                reference, Answer(outcome=Outcome.CLOSED, word="cancelled", reference=reference)
            )
        self.steps.after(label)
        return Cancelled.UNKNOWN if self.steps.struck(Fault.ANSWER_LOST, label) else Cancelled.CLOSED

    def read(self, notice: RawNotice) -> Hint:
        return self.scripted.read(notice)

    # What payers do on its pages, and what it does by itself.

    def payable(self, reference: str) -> bool:
        """Whether a payer can pay on the page now."""
        paid = (PAGES, f"T-{reference}") in self.ledger.taken
        open_s = self.steps.loop.time() - self._opened_s.get(reference, 0.0)
        return (
            reference in self.opened
            and reference not in self._closed
            and not paid
            and open_s < self._payable_s
        )

    def pays(self, reference: str, amount: Money | None = None) -> None:
        """Somebody pays ``amount`` on the page; without one, not always what was asked for."""
        if amount is None:
            amount = self._paid_instead(self.opened[reference].amount)
        self.scripted.pays(reference, amount=amount)
        self._paid_s[reference] = self.steps.loop.time()
        self.steps.tell("a payer", f"pays {amount} on {reference}")
        self.ledger.take(Taken(provider=PAGES, key=f"T-{reference}", reference=reference, amount=amount))
        self._tell(reference, Claim.PAID)

    def _paid_instead(self, asked: Money) -> Money:
        if self.steps.struck(Fault.OTHER_AMOUNT, "page"):
            other = asked.minor + self.chance.one_of((-1, 1, -100, 9 * asked.minor))
            return Money(max(1, other), asked.currency)
        return Money.of("1.00", "USD") if self.steps.struck(Fault.OTHER_CURRENCY, "page") else asked

    def acts(self, reference: str) -> None:
        """Somebody has begun to pay on the page."""
        self.scripted.answers(
            reference, Answer(outcome=Outcome.IN_FLIGHT, word="processing", reference=reference)
        )

    def stays_open(self, reference: str) -> None:
        """Whoever had begun to pay gave up."""
        self.scripted.answers(reference, Answer(outcome=Outcome.PAYABLE, word="pending", reference=reference))

    def declines(self, reference: str) -> None:
        """A try to pay on the page fails; the page stays open."""
        tried = len(self._said.get(reference, ()))
        self.ledger.declined.add(reference)
        self.steps.tell("a payer", f"is declined on {reference}")
        self.scripted.declines(reference, fingerprint=f"{reference}:{tried}", detail="Not enough money.")
        self._tell(reference, Claim.FAILED)

    def returns(self, reference: str, *, part: int = 1) -> None:
        """The provider gives the money back, what is left of it or a ``part``, without being asked by us.

        A provider that does not say how much gives back all that is left.
        """
        key = f"T-{reference}"
        taken = self.ledger.taken[PAGES, key]
        left = taken.amount.minor - self.refunds.sent_back(key)
        if left <= 0:
            return
        if self.says_how_much:
            left = max(1, left // part)
        self.steps.note(Behaviour.IN_THE_DASHBOARD, reference)
        if self.refunds.of(key):
            self.steps.note(Behaviour.BESIDE_OURS, reference)
        self.ledger.give_back(
            GivenBack(provider=PAGES, key=key, reference=None, amount=Money(left, taken.amount.currency))
        )
        self.steps.tell("the provider", f"gives back {left} minor units of {reference} by itself")
        self._tell(reference, Claim.RETURNED)

    def says_again(self, reference: str) -> None:
        """It sends a notice of money that it took, late or once more."""
        self._tell(reference, Claim.PAID)

    def _refund_news(self, reference: str, claim: Claim) -> None:
        if not self.steps.struck(Fault.NOTICE_LOST, "refunds"):
            self.post.notice(PAGES, self.scripted.notice(reference, claim))

    def _tell(self, reference: str, claim: Claim) -> None:
        """Send the notice, with what chance makes of it on the way."""
        if self.steps.struck(Fault.NOTICE_LIES, "page"):
            claim = self.chance.one_of((Claim.PAID, Claim.FAILED, Claim.RETURNED, Claim.OTHER))
        notice = self.scripted.notice(reference, claim, at=round(self.steps.loop.time(), 3))
        self.post.notice(PAGES, notice)
        if self.steps.struck(Fault.NOTICE_FORGED, "page"):
            self.post.notice(PAGES, attrs.evolve(notice, body=notice.body + b" "))


def _counts_more(old: Answer, truth: Answer) -> bool:
    """Whether an ``old`` answer has more gone back than went by now."""
    if old.outcome is not Outcome.RETURNED:
        return False
    if truth.outcome is not Outcome.RETURNED or old.returned is None or truth.returned is None:
        return True
    return old.returned > truth.returned
