"""The shapes of reviews, as they are written and declared; see :mod:`payments.entrypoints.http.schemas`."""

from typing import Annotated, Any, Self
from uuid import UUID

import attrs
from msgspec import Meta

from payments.application import answers
from payments.application.records import summary_of
from payments.domain import capture as captures
from payments.domain import evidence as facts
from payments.domain import review as reviews
from payments.domain.events import ReviewKind
from payments.domain.evidence import Channel, Outcome
from payments.domain.payment import Payment
from payments.domain.review import ReviewState
from payments.domain.reviewing import WayOut
from payments.domain.transitions import Disposition
from payments.entrypoints.http import cursors
from payments.entrypoints.http.fields import (
    Amount,
    CurrencyCode,
    Instant,
    PaymentId,
    ProviderName,
    Reference,
    ReviewId,
)
from payments.entrypoints.http.schemas import PaymentLine, Refund


@attrs.frozen(kw_only=True, slots=False)
class ReviewLine:
    """One question for a person, and what was decided."""

    review_id: ReviewId
    kind: Annotated[ReviewKind, Meta(examples=["surplus"])]
    state: Annotated[ReviewState, Meta(description="`open` too while what was decided is under way.")]
    subject: Annotated[
        str,
        Meta(description="A capture, a payment, a reference, or a reference, `:` and a transaction."),
    ]
    detail: str
    payment_id: PaymentId | None
    opened_at: Instant
    decision: Annotated[str | None, Meta(description="What was decided; null while nobody did.")]
    actor: Annotated[str | None, Meta(description="Who decided.", examples=["operator:7"])]
    reason: str | None
    refund_id: Annotated[UUID | None, Meta(description="The refund that was decided and is waited for.")]
    resolved_at: Instant | None

    @classmethod
    def of(cls, review: reviews.Review, **more: Any) -> Self:
        """A review of the domain; ``more`` is what a subclass adds."""
        return cls(
            review_id=review.review_id,
            kind=review.kind,
            state=review.state,
            subject=review.subject,
            detail=review.detail,
            payment_id=review.payment_id,
            opened_at=review.opened_at,
            decision=review.decision,
            actor=review.actor,
            reason=review.reason,
            refund_id=review.refund_id,
            resolved_at=review.resolved_at,
            **more,
        )


@attrs.frozen(kw_only=True, slots=False)
class Capture:
    """Money that arrived."""

    capture_id: UUID
    reference: Reference
    provider: ProviderName
    provider_reference: Annotated[str, Meta(description="The provider's own name for this money.")]
    receipt: str | None
    amount: Amount
    currency: CurrencyCode
    disposition: Disposition
    captured_at: Instant

    @classmethod
    def of(cls, capture: captures.Capture) -> Self:
        """A capture of the domain."""
        return cls(
            capture_id=capture.capture_id,
            reference=capture.reference,
            provider=capture.provider,
            provider_reference=capture.key,
            receipt=capture.receipt,
            amount=capture.amount.decimal,
            currency=capture.amount.currency.code,
            disposition=capture.disposition,
            captured_at=capture.captured_at,
        )


@attrs.frozen(kw_only=True, slots=False)
class Evidence:
    """What was attested, by whom, and what it proved."""

    at: Instant
    reference: Reference
    channel: Channel
    word: Annotated[str, Meta(description="The provider's own word, or a person's.")]
    outcome: Outcome
    amount: Amount | None
    currency: CurrencyCode | None
    provider_reference: Annotated[str | None, Meta(description="The provider's name for the money.")]
    verdict: Annotated[str, Meta(description="Name of the rule that decided.")]
    rule: Annotated[str, Meta(description="The rule's sentence.")]

    @classmethod
    def of(cls, evidence: facts.Evidence) -> Self:
        """A piece of evidence of the domain."""
        answer = evidence.answer
        return cls(
            at=evidence.observed_at,
            reference=evidence.reference,
            channel=evidence.channel,
            word=answer.word,
            outcome=answer.outcome,
            amount=answer.amount.decimal if answer.amount else None,
            currency=answer.amount.currency.code if answer.amount else None,
            provider_reference=answer.capture_key or answer.provider_reference,
            verdict=evidence.rule.name.lower(),
            rule=evidence.rule.value,
        )


@attrs.frozen(kw_only=True, slots=False)
class ReviewStep:
    """One change of a question that is about no payment."""

    at: Instant
    actor: Annotated[str, Meta(description="Who caused it.", examples=["provider:chapa"])]
    what: Annotated[str, Meta(description="A plain sentence.")]

    @classmethod
    def of(cls, step: answers.ReviewStep) -> Self:
        """A step as the use-case told it."""
        return cls(at=step.at, actor=step.actor, what=step.what)


@attrs.frozen(kw_only=True, slots=False)
class Review(ReviewLine):
    """One question with what it is about, and what may be decided."""

    may_decide: Annotated[tuple[WayOut, ...], Meta(description="Empty once it is decided.")]
    payment: PaymentLine | None
    capture: Capture | None
    refund: Refund | None
    evidence: Annotated[tuple[Evidence, ...], Meta(description="Oldest first.")]
    trail: Annotated[
        tuple[ReviewStep, ...],
        Meta(description="Oldest first; empty for a question about a payment, whose explanation tells it."),
    ]

    @classmethod
    def whole(cls, story: answers.ReviewStory) -> Self:
        """What the use-case told, as it is written."""
        return cls.of(
            story.review,
            may_decide=story.ways_out,
            payment=_line_without_page(story.payment) if story.payment else None,
            capture=Capture.of(story.capture) if story.capture else None,
            refund=Refund.of(story.refund) if story.refund else None,
            evidence=tuple(map(Evidence.of, story.evidence)),
            trail=tuple(map(ReviewStep.of, story.trail)),
        )


def _line_without_page(payment: Payment) -> PaymentLine:
    """The payment's line; its page is the payer's alone, and shows the delivery code (docs/adr/0016)."""
    return PaymentLine.of(attrs.evolve(summary_of(payment), checkout_url=None))


@attrs.frozen(kw_only=True, slots=False)
class Reviews:
    """A page of reviews, newest first."""

    data: tuple[ReviewLine, ...]
    has_more: bool
    next_cursor: Annotated[str | None, Meta(description="Pass it as `cursor` for the next page.")]

    @classmethod
    def of(cls, page: answers.Reviews) -> Self:
        """What the use-case found, as it is written."""
        return cls(
            data=tuple(map(ReviewLine.of, page.items)),
            has_more=page.beyond is not None,
            next_cursor=cursors.written(page.beyond) if page.beyond else None,
        )
