"""A provider that prompts on a phone and reports to secret addresses, and does what a test tells it to."""

import json
import re
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import attrs

from payments.application.ports.providers import (
    Callback,
    Callbacks,
    Checkout,
    CheckoutRequest,
    Checkouts,
    Flow,
    Phones,
    Provider,
    Question,
    Range,
    StatusChecks,
    Urgency,
)
from payments.application.records import Claim
from payments.domain.errors import FieldError, GatewayError, InvalidRequest
from payments.domain.evidence import Answer, Mode, Outcome, nothing
from payments.domain.money import Money
from payments.testing.provider import refuse_untaken

PHONE: Final = "254712345678"
RANGES: Final[Mapping[str, Range]] = {"KES": Range(Money.of("1.00", "KES"), Money.of("250000.00", "KES"))}
"""By currency: the least and the most."""
_FILLING: Final = re.compile(r"[\s().-]")
_PHONE: Final = re.compile(r"(?:254|0)(7[0-9]{8})", re.ASCII)


@attrs.define
class ScriptedPrompts(Checkouts, StatusChecks, Callbacks, Phones):
    """Prompts in memory, as M-Pesa has them.

    "Paid" attests nothing, and only the provider's own name for a prompt can be asked about. A prompt is in
    flight until :meth:`pays`, :meth:`declines` or :meth:`answers`. ``trouble`` is what the next pushes raise,
    first to last; ``accepts_in_trouble`` sends the prompt all the same.
    """

    name: str = "prompts"
    mode: Mode = Mode.TEST
    trouble: list[GatewayError] = attrs.field(factory=list)
    accepts_in_trouble: bool = False
    silent: bool = False
    """Answers no question: every check is ``nothing``."""
    _answers: dict[str, Answer] = attrs.field(factory=dict, init=False)
    _requests: dict[str, CheckoutRequest] = attrs.field(factory=dict, init=False)
    _names: dict[str, str] = attrs.field(factory=dict, init=False)
    calls: Counter[str] = attrs.field(factory=Counter, init=False)
    """How often ``open`` and ``check`` were called; a question without the prompt's name is no call."""
    urgencies: list[Urgency] = attrs.field(factory=list, init=False)
    """Of every question, first to last."""

    def provider(self, *, payable_for: timedelta = timedelta(seconds=300)) -> Provider:
        """This, as the service sees it."""
        return Provider(
            name=self.name,
            mode=self.mode,
            flow=Flow.PROMPT,
            ranges=RANGES,
            payable_for=payable_for,
            watched_for=timedelta(hours=24),
            checkouts=self,
            checks=self,
            callbacks=self,
            confirmed_after=timedelta(seconds=10),
            phones=self,
            bound=frozenset({"reference", "amount", "mode"}),
        )

    @property
    def opened(self) -> Mapping[str, CheckoutRequest]:
        """Every prompt that was sent, by our reference."""
        return self._requests

    def named(self, reference: str) -> str:
        """The provider's own name for the prompt of ``reference``."""
        return self._names[reference]

    def token(self, reference: str) -> str:
        """The secret at the end of the address it reports to about ``reference``."""
        return (self._requests[reference].callback_url or "").rstrip("/").rpartition("/")[2]

    def pays(self, reference: str) -> None:
        """The payer confirms; whoever asks is told "paid", and nothing else."""
        name = self._names[reference]
        self.answers(
            reference, Answer(outcome=Outcome.PAID, word="0", provider_reference=name, capture_key=name)
        )

    def twice(self, reference: str, name: str) -> None:
        """The prompt of ``reference`` came twice, the second time as ``name``, and was confirmed again."""
        again = attrs.evolve(self._answers[self._names[reference]], provider_reference=name, capture_key=name)
        self._answers[name] = again

    def declines(self, reference: str, *, detail: str = "", final: bool = True) -> None:
        """The payer does not confirm."""
        fingerprint = f"{self._names[reference]}:1032"
        self.answers(
            reference,
            Answer(
                outcome=Outcome.DECLINED, word="1032", fingerprint=fingerprint, detail=detail, final=final
            ),
        )

    def answers(self, reference: str, answer: Answer) -> None:
        """Whatever is asked about the prompt of ``reference`` is answered so from now on."""
        self._answers[self._names[reference]] = answer

    def callback(self, reference: str, claim: Claim = Claim.PAID, **changed: Any) -> bytes:
        """A report about the prompt of ``reference``, with the true amount unless ``changed``."""
        said = {
            "claim": claim.value,
            "name": self._names[reference],
            "amount": self._requests[reference].amount.decimal if claim is Claim.PAID else None,
            "receipt": None,
        }
        return json.dumps(said | changed).encode()

    async def open(self, request: CheckoutRequest) -> Checkout:
        refuse_untaken(RANGES, request.amount)
        self.calls["open"] += 1
        trouble = self.trouble.pop(0) if self.trouble else None
        if trouble is None or self.accepts_in_trouble:
            self._requests[request.reference] = request
            name = f"C-{len(self._requests)}"
            self._names[request.reference] = name
            self._answers.setdefault(name, Answer(outcome=Outcome.IN_FLIGHT, word="4999"))
        if trouble is not None:
            raise trouble
        return Checkout(url=None, provider_reference=self._names[request.reference])

    async def check(self, question: Question) -> Answer:
        self.urgencies.append(question.urgency)
        if question.provider_reference is None:
            return nothing("has no name to ask by")
        self.calls["check"] += 1
        if self.silent:
            return nothing("HTTP 503")
        return self._answers.get(question.provider_reference, nothing("does not exist"))

    def read(self, body: bytes) -> Callback:
        try:
            said = json.loads(body)
            amount = Money.of(said["amount"], "KES") if said["amount"] else None
            return Callback(
                claim=Claim(said["claim"]),
                word=said["claim"],
                provider_reference=said["name"],
                amount=amount,
                receipt=said["receipt"],
            )
        except (ValueError, KeyError, TypeError):
            return Callback(claim=Claim.OTHER, word="unreadable")

    def acknowledgement(self) -> bytes:
        return b'{"accepted":true}'

    def normal(self, text: str | None) -> str:
        match = _PHONE.fullmatch(_FILLING.sub("", text or "").removeprefix("+"))
        if match is None:
            raise InvalidRequest(errors=(FieldError("/phone_number", "Give a number such as 0712345678."),))
        return f"254{match[1]}"
