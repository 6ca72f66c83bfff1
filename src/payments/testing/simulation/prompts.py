"""A provider that prompts on a phone and reports to secret addresses, as M-Pesa does, and is no better.

Its answer "paid" attests nothing; it knows a prompt only by its own name; its reports come once or not at
all; and sometimes it says "declined" of a prompt that was confirmed: at first, and for as long as it likes
where a report told us of the money.
"""

from collections.abc import Callable
from datetime import timedelta

import attrs

from payments.application.ports.providers import (
    Callback,
    Callbacks,
    Checkout,
    CheckoutRequest,
    Checkouts,
    Phones,
    Provider,
    Question,
    StatusChecks,
)
from payments.application.records import Claim
from payments.domain.errors import OutcomeUnknown, ProviderRejected, ProviderUnavailable
from payments.domain.evidence import Answer, Outcome, not_asked, nothing
from payments.domain.money import Money
from payments.testing.prompts import ScriptedPrompts
from payments.testing.simulation.behaviours import Behaviour
from payments.testing.simulation.chance import Chance
from payments.testing.simulation.faults import Fault
from payments.testing.simulation.ledger import PROMPTS, GivenBack, Ledger, Taken
from payments.testing.simulation.outages import Outage
from payments.testing.simulation.post import Post
from payments.testing.simulation.processes import Steps
from payments.testing.simulation.provider import OLDEST_S, TIMEOUT_S
from payments.testing.simulation.refunds import LedgerRefunds, SimulatedRefunds


@attrs.define(eq=False)
class SimulatedPrompts(Checkouts, StatusChecks, Callbacks, Phones):
    """Prompts as :class:`ScriptedPrompts` has them, behind everything that can go wrong."""

    steps: Steps
    chance: Chance
    ledger: Ledger
    post: Post
    outage: Outage
    scripted: ScriptedPrompts = attrs.field(factory=ScriptedPrompts)
    refunds: LedgerRefunds = attrs.field(init=False)
    prompted: Callable[[str], None] | None = None
    """Told whenever a phone shows a prompt."""
    silent: set[str] = attrs.field(factory=set, init=False)
    """Prompts whose report never comes."""
    mute: bool = attrs.field(default=False, init=False)
    """Answers no question until everything heals."""
    _ended: set[str] = attrs.field(factory=set, init=False)
    _paid_s: dict[str, float] = attrs.field(factory=dict, init=False)
    """When the money of each name came."""

    def __attrs_post_init__(self) -> None:
        self.refunds = LedgerRefunds(provider=PROMPTS, ledger=self.ledger)

    def provider(self, *, watched_for: timedelta, by_receipt: bool) -> Provider:
        """This, as the service sees it."""
        return attrs.evolve(
            self.scripted.provider(),
            watched_for=watched_for,
            checkouts=self,
            checks=self,
            callbacks=self,
            phones=self,
            refunds=SimulatedRefunds(self.steps, self.chance, self.refunds, self.outage, self._refund_news),
            refunds_whole=True,
            refunds_by_receipt=by_receipt,
        )

    async def open(self, request: CheckoutRequest) -> Checkout:
        label = await self.steps.before("prompts.open")
        self.ledger.opened[request.reference] += 1
        if self.outage.at(label) or self.steps.struck(Fault.NOT_REACHED, label):
            raise ProviderUnavailable("connection refused")
        if self.steps.struck(Fault.REJECTED, label):
            raise ProviderRejected("not a subscriber")
        if self.steps.struck(Fault.REQUEST_LOST, label):
            await self.steps.rest(TIMEOUT_S)
            raise OutcomeUnknown("timeout")
        checkout = await self.scripted.open(request)
        if self.prompted is not None:
            self.prompted(request.reference)
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
        label = await self.steps.before("prompts.check")
        if self.mute and not self.steps.weather.healed:
            return nothing("HTTP 503")
        if self.steps.struck(Fault.NO_TURN, label):
            return not_asked("waits for its turn to ask")
        if self.outage.at(label) or self.steps.struck(Fault.NOT_REACHED, label):
            return nothing("connection refused")
        if self.steps.struck(Fault.REQUEST_LOST, label) or self.steps.struck(Fault.ANSWER_LOST, label):
            await self.steps.rest(TIMEOUT_S)
            return nothing("timeout")
        if self.steps.struck(Fault.MALFORMED, label):
            raise ValueError("not JSON")
        answer = await self.scripted.check(question)
        if answer.outcome is Outcome.PAID and any(
            (money.provider, money.key) == (PROMPTS, answer.capture_key)
            for money in self.ledger.recorded.values()
        ):
            self.steps.note(Behaviour.ATTESTED_AFTERWARDS, question.reference)
        name = question.provider_reference or ""
        young = self.steps.loop.time() - self._paid_s.get(name, 0.0) <= OLDEST_S
        known = (PROMPTS, name) in self.ledger.heard
        if answer.outcome is Outcome.PAID and young and self.steps.struck(Fault.STALE_ANSWER, label):
            answer = Answer(outcome=Outcome.IN_FLIGHT, word="4999")
        elif (
            answer.outcome is Outcome.PAID
            and (young or known)
            and self.steps.struck(Fault.PAID_AND_DECLINED, label)
        ):
            self.ledger.declined.add(question.reference)
            answer = Answer(outcome=Outcome.DECLINED, word="1032", fingerprint=f"{name}:1032")
        self.steps.after(label)
        return answer

    def read(self, body: bytes) -> Callback:
        return self.scripted.read(body)

    def acknowledgement(self) -> bytes:
        return self.scripted.acknowledgement()

    def normal(self, text: str | None) -> str:
        return self.scripted.normal(text)

    # What payers do on their phones.

    def waiting(self, reference: str) -> bool:
        """Whether the prompt is still on the phone."""
        return reference in self.scripted.opened and reference not in self._ended

    def confirmed(self, reference: str) -> None:
        """The payer gives the PIN."""
        self._ended.add(reference)
        self.steps.tell("a payer", f"confirms the prompt of {reference}")
        self.scripted.pays(reference)
        name = self.scripted.named(reference)
        amount = self.scripted.opened[reference].amount
        self._took(reference, name, amount)
        self._report(reference, Claim.PAID, receipt=f"RCPT{name}")

    def confirmed_again(self, reference: str) -> None:
        """The payer gives the PIN to a prompt that came second, which bears a name of its own.

        The first one was confirmed, or refused. That name is never an answer to our request: whoever is not
        reported it cannot ask about that money.
        """
        name, amount = f"{self.scripted.named(reference)}-again", self.scripted.opened[reference].amount
        if (PROMPTS, name) in self.ledger.taken:
            return
        twice = (PROMPTS, self.scripted.named(reference)) in self.ledger.taken
        self.steps.note(Behaviour.CONFIRMED_TWICE if twice else Behaviour.SECOND_ALONE, reference)
        self.scripted.pays(reference)
        self.scripted.twice(reference, name)
        if not twice:
            self.scripted.declines(reference, detail="Cancelled on the phone.", final=False)
        self._took(reference, name, amount)
        for each in (self.scripted.named(reference), name):
            if (PROMPTS, each) in self.ledger.taken and (PROMPTS, each) not in self.ledger.heard:
                self.ledger.unheard[PROMPTS, each] = None
        self._report(reference, Claim.PAID, name=name, receipt=f"RCPT{name}")

    def _took(self, reference: str, name: str, amount: Money) -> None:
        self._paid_s[name] = self.steps.loop.time()
        self.ledger.take(
            Taken(provider=PROMPTS, key=name, reference=reference, amount=amount, receipt=f"RCPT{name}")
        )

    def says_again(self, reference: str) -> None:
        """It reports the money of its own prompt, late or once more."""
        name = self.scripted.named(reference)
        if (PROMPTS, name) in self.ledger.taken:
            self._report(reference, Claim.PAID, receipt=f"RCPT{name}")

    def returns(self, key: str) -> None:
        """Somebody reverses the money in the portal. Its query goes on saying "paid"."""
        taken = self.ledger.taken[PROMPTS, key]
        if self.refunds.sent_back(key) > 0:
            return
        self.steps.note(Behaviour.IN_THE_DASHBOARD, key)
        if self.refunds.of(key):
            self.steps.note(Behaviour.BESIDE_OURS, key)
        self.ledger.give_back(GivenBack(provider=PROMPTS, key=key, reference=None, amount=taken.amount))

    def refused(self, reference: str) -> None:
        """The payer dismisses it, or lets it go by."""
        self._ended.add(reference)
        self.steps.tell("a payer", f"dismisses the prompt of {reference}")
        self.ledger.declined.add(reference)
        self.scripted.declines(reference, detail="Cancelled on the phone.", final=False)
        self._report(reference, Claim.FAILED)

    def _refund_news(self, reference: str, claim: Claim) -> None:
        address = self.refunds.requests[reference].callback_url or ""
        if not self.steps.struck(Fault.NOTICE_LOST, "refunds"):
            body = f'{{"claim":"{claim.value}","name":null,"amount":null,"receipt":null}}'.encode()
            self.post.callback(PROMPTS, address.rstrip("/").rpartition("/")[2], body)

    def _report(self, reference: str, claim: Claim, **said: str) -> None:
        if reference in self.silent:
            return
        if self.steps.struck(Fault.NOTICE_LIES, "phone"):
            claim = self.chance.one_of((Claim.PAID, Claim.FAILED, Claim.OTHER))
        body = self.scripted.callback(reference, claim, **said)
        self.post.callback(PROMPTS, self.scripted.token(reference), body)
