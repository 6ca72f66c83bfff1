"""A provider that does what a test tells it to: hosted pages, answers, notices and trouble."""

import hmac
import json
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import attrs

from payments.application.ports.providers import (
    Cancellations,
    Cancelled,
    Checkout,
    CheckoutRequest,
    Checkouts,
    Emails,
    Flow,
    Hint,
    Ledger,
    LedgerLine,
    LedgerPage,
    Provider,
    Question,
    Range,
    RawNotice,
    RefundAnswer,
    RefundOutcome,
    RefundQuestion,
    RefundRequest,
    Refunds,
    Span,
    StatusChecks,
    Webhooks,
)
from payments.application.records import Claim
from payments.domain.errors import (
    FieldError,
    GatewayError,
    InvalidRequest,
    NoticeForged,
    NoticeMalformed,
    ProviderRejected,
)
from payments.domain.evidence import Answer, Mode, Outcome
from payments.domain.money import Money

SECRET: Final = "the-scripted-providers-secret"  # noqa: S105 -- a double's secret, on purpose public

RANGES: Final[Mapping[str, Range]] = {
    code: Range(Money.of("1", code), Money.of("1000000", code))
    for code in ("ETB", "USD", "KES", "NGN", "GHS")
}
"""By currency: the least and the most."""


@attrs.define
class ScriptedRefunds(Refunds):
    """Sends money back as a test tells it to: at once unless ``answer`` or ``trouble`` say otherwise.

    It never sends more of a capture back than came, and knows each refund by our reference.
    """

    answer: RefundOutcome = RefundOutcome.SUCCEEDED
    """What the next requests are answered."""
    trouble: list[Exception] = attrs.field(factory=list)
    """What the next requests raise, first to last; ``accepts_in_trouble`` does the refund all the same."""
    accepts_in_trouble: bool = False
    silent: bool = False
    """Answers no question: every check is ``nothing``."""
    calls: Counter[str] = attrs.field(factory=Counter, init=False)
    """How often ``request`` and ``check`` were called."""
    requests: dict[str, RefundRequest] = attrs.field(factory=dict, init=False)
    """Every refund that was taken on, by our reference."""
    questions: list[RefundQuestion] = attrs.field(factory=list, init=False)
    _outcomes: dict[str, RefundAnswer] = attrs.field(factory=dict, init=False)

    def ends(self, reference: str, outcome: RefundOutcome, *, word: str = "", detail: str = "") -> None:
        """Whoever asks about the refund called ``reference`` is answered so from now on."""
        self._outcomes[reference] = RefundAnswer(
            outcome=outcome,
            word=word or outcome.value,
            provider_reference=f"R-{reference}",
            detail=detail,
        )

    def sent_back(self, capture_key: str) -> int:
        """How much of a capture went back, or is on its way, in minor units."""
        return sum(
            request.amount.minor
            for reference, request in self.requests.items()
            if request.capture_key == capture_key
            and self._outcomes[reference].outcome is not RefundOutcome.FAILED
        )

    async def request(self, request: RefundRequest) -> RefundAnswer:
        self.calls["request"] += 1
        trouble = self.trouble.pop(0) if self.trouble else None
        if trouble is None or self.accepts_in_trouble:
            if self.sent_back(request.capture_key) + request.amount.minor > request.captured.minor:
                raise ProviderRejected("more than what was paid")
            self.requests[request.reference] = request
            self.ends(request.reference, self.answer)
        if trouble is not None:
            raise trouble
        return self._outcomes[request.reference]

    async def check(self, question: RefundQuestion) -> RefundAnswer:
        self.calls["check"] += 1
        self.questions.append(question)
        unheard_of = RefundAnswer(
            outcome=RefundOutcome.NOTHING if self.silent else RefundOutcome.NOT_FOUND,
            word="HTTP 503" if self.silent else "not found",
        )
        return unheard_of if self.silent else self._outcomes.get(question.reference, unheard_of)


@attrs.define
class ScriptedLedger(Ledger):
    """Lists what a test puts in: ``a_page`` lines on each page, whatever the span."""

    a_page: int = 2
    lines: list[LedgerLine] = attrs.field(factory=list)
    trouble: list[GatewayError] = attrs.field(factory=list)
    """What the next pages raise, first to last."""
    asked: list[Span] = attrs.field(factory=list, init=False)
    """The span of each page that was asked for."""

    def lists(self, answer: Answer, *, tells_reference: bool = True) -> None:
        """Put in a line that says what ``answer`` says of its money."""
        self.lines.append(
            LedgerLine(
                name=answer.capture_key or answer.provider_reference or "",
                reference=answer.reference if tells_reference else None,
                outcome=answer.outcome,
                word=answer.word,
                amount=answer.arrived,
                raw=answer.word.encode(),
            )
        )

    async def page(self, span: Span, begins: str | None) -> LedgerPage:
        self.asked.append(span)
        if self.trouble:
            raise self.trouble.pop(0)
        first = int(begins or 0)
        after = first + self.a_page
        return LedgerPage(tuple(self.lines[first:after]), str(after) if after < len(self.lines) else None)


@attrs.define
class ScriptedProvider(Checkouts, StatusChecks, Cancellations, Emails, Webhooks):
    """A provider with hosted pages, in memory.

    A page is payable until :meth:`pays`, :meth:`declines` or a cancel. ``trouble`` is what the next openings
    raise, first to last; ``accepts_in_trouble`` makes it create the page all the same.
    """

    name: str = "scripted"
    mode: Mode = Mode.TEST
    trouble: list[GatewayError] = attrs.field(factory=list)
    accepts_in_trouble: bool = False
    cancels: bool = True
    silent: bool = False
    """Answers no question: every check is ``nothing``."""
    refunds: ScriptedRefunds | None = attrs.field(factory=ScriptedRefunds)
    """None: a person sends money back by hand."""
    refunds_whole: bool = False
    refunds_by_receipt: bool = False
    ledger: ScriptedLedger = attrs.field(factory=ScriptedLedger)
    lists_references: bool = True
    """Its ledger tells our references."""
    needs_email: bool = False
    """Opens no page for a payer without an e-mail address."""
    _answers: dict[str, Answer] = attrs.field(factory=dict, init=False)
    _requests: dict[str, CheckoutRequest] = attrs.field(factory=dict, init=False)
    calls: Counter[str] = attrs.field(factory=Counter, init=False)
    """How often ``open``, ``check`` and ``cancel`` were called."""

    def provider(self, *, payable_for: timedelta = timedelta(minutes=60)) -> Provider:
        """This, as the service sees it."""
        return Provider(
            name=self.name,
            mode=self.mode,
            flow=Flow.HOSTED_PAGE,
            ranges=RANGES,
            payable_for=payable_for,
            watched_for=timedelta(hours=72),
            checkouts=self,
            checks=self,
            cancellations=self if self.cancels else None,
            webhooks=self,
            emails=self if self.needs_email else None,
            refunds=self.refunds,
            refunds_whole=self.refunds_whole,
            refunds_by_receipt=self.refunds_by_receipt,
            ledger=self.ledger,
            ledger_names_references=self.lists_references,
        )

    def pays(self, reference: str, *, amount: Money | None = None, **attested: Any) -> None:
        """Somebody pays on the page of ``reference``; ``attested`` replaces facts of the answer."""
        paid = Answer(
            outcome=Outcome.PAID,
            word="success",
            reference=reference,
            amount=amount or self._requests[reference].amount,
            mode=self.mode,
            provider_reference=f"T-{reference}",
            capture_key=f"T-{reference}",
        )
        self._answers[reference] = attrs.evolve(paid, **attested)

    def declines(self, reference: str, *, fingerprint: str | None = "first", detail: str = "") -> None:
        """A try to pay fails; the page stays open."""
        self._answers[reference] = Answer(
            outcome=Outcome.DECLINED,
            word="failed",
            reference=reference,
            fingerprint=fingerprint,
            detail=detail,
        )

    def forgets(self, reference: str) -> None:
        """It does not know ``reference`` any more."""
        del self._answers[reference]

    def answers(self, reference: str, answer: Answer) -> None:
        """Whatever is asked about ``reference`` is answered so from now on."""
        self._answers[reference] = answer

    def notice(self, reference: str, claim: Claim = Claim.PAID, **more: Any) -> RawNotice:
        """A signed notice about ``reference``."""
        body = json.dumps({"reference": reference, "claim": claim.value, **more}).encode()
        return signed(body)

    def lists(self, reference: str, /, **other: Any) -> None:
        """Its ledger has a line of what it answers about ``reference``; ``other`` replaces facts of it."""
        said = attrs.evolve(self._answers[reference], **other)
        self.ledger.lists(said, tells_reference=self.lists_references)

    @property
    def opened(self) -> Mapping[str, CheckoutRequest]:
        """Every page that exists, by reference."""
        return self._requests

    async def open(self, request: CheckoutRequest) -> Checkout:
        refuse_untaken(RANGES, request.amount)
        self.calls["open"] += 1
        trouble = self.trouble.pop(0) if self.trouble else None
        if trouble is None or self.accepts_in_trouble:
            self._requests[request.reference] = request
            self._answers.setdefault(
                request.reference,
                Answer(outcome=Outcome.PAYABLE, word="pending", reference=request.reference),
            )
        if trouble is not None:
            raise trouble
        return Checkout(url=f"https://{self.name}.example/pay/{request.reference}")

    async def check(self, question: Question) -> Answer:
        self.calls["check"] += 1
        if self.silent:
            return Answer(outcome=Outcome.NOTHING, word="HTTP 503")
        return self.answer_of(question.reference)

    def answer_of(self, reference: str) -> Answer:
        """What it knows of ``reference``, though it be silent."""
        return self._answers.get(reference, Answer(outcome=Outcome.NOT_FOUND, word="not found"))

    async def cancel(self, reference: str) -> Cancelled:
        self.calls["cancel"] += 1
        if self.silent:
            return Cancelled.UNKNOWN
        return Cancelled.CLOSED if reference in self._requests else Cancelled.NOT_FOUND

    def usable(self, text: str | None) -> str:
        if not text:
            remedy = FieldError("/provider", "Choose another provider.")
            raise InvalidRequest("The order has no e-mail address.", errors=(remedy,))
        return text

    def read(self, notice: RawNotice) -> Hint:
        signatures = [value for name, value in notice.headers if name == "x-signature"]
        if len(signatures) != 1 or not hmac.compare_digest(
            signatures[0].encode(), _signature(notice.body).encode()
        ):
            raise NoticeForged
        try:
            told = json.loads(notice.body)
            reference, word = told["reference"], told["claim"]
            if not reference.startswith(("p-", "r-")):
                return Hint(reference=None, claim=Claim.IGNORED, word=word)
            return Hint(reference=reference, claim=Claim(word), word=word)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise NoticeMalformed from error


def refuse_untaken(ranges: Mapping[str, Range], amount: Money) -> None:
    """Return if ``amount`` lies within its currency's range.

    Raises:
        ProviderRejected: it does not; nothing was opened.
    """
    span = ranges.get(amount.currency.code)
    if span is None or not span.least <= amount <= span.most:
        raise ProviderRejected(f"{amount} is not taken.")


def signed(body: bytes) -> RawNotice:
    """``body`` as a scripted provider sends it."""
    return RawNotice(headers=(("x-signature", _signature(body)),), body=body)


def _signature(body: bytes) -> str:
    return hmac.digest(SECRET.encode(), body, "sha256").hex()
