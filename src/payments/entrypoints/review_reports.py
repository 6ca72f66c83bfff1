"""What ``payments review`` prints: as text for people, and as JSON as HTTP has it."""

from collections.abc import Iterator

from payments.application import sentences
from payments.application.answers import Reviews, ReviewStory
from payments.domain.review import Review, ReviewState
from payments.entrypoints.http import cursors, review_schemas
from payments.entrypoints.reports import as_json


def page_as_json(page: Reviews) -> str:
    """A page as ``GET /payments/reviews/`` has it."""
    return as_json(review_schemas.Reviews.of(page))


def page_as_text(page: Reviews) -> str:
    """Two lines a review, and how to read on."""
    if not page.items:
        return "There are none."
    lines = [line for review in page.items for line in _lines(review)]
    if page.beyond is not None:
        lines.append(f"There are more: --cursor {cursors.written(page.beyond)}")
    return "\n".join(lines)


def story_as_json(story: ReviewStory) -> str:
    """A review as ``GET /payments/reviews/{review_id}/`` has it."""
    return as_json(review_schemas.Review.whole(story))


def story_as_text(story: ReviewStory) -> str:
    """What it is about, what was attested, and what may be decided."""
    return "\n".join(_story(story))


def _lines(review: Review) -> Iterator[str]:
    yield f"{review.review_id}  {review.opened_at:%Y-%m-%d %H:%M:%S}  {review.kind.value}  {_state(review)}"
    yield f"    {review.detail}"


def _story(story: ReviewStory) -> Iterator[str]:
    review = story.review
    yield from _lines(review)
    yield f"About:    {review.subject}"
    if story.payment is not None:
        yield f"Payment:  {story.payment.payment_id}: {sentences.summary(story.payment)}"
    if story.capture is not None:
        money = story.capture
        yield f"Money:    {money.amount} through {money.provider}, {money.key}: {money.disposition.value}"
    if story.refund is not None:
        status = story.refund.status.value.replace("_", " ")
        yield f"Refund:   {story.refund.refund_id}: {story.refund.amount}, {status}"
    for evidence in story.evidence:
        at = f"{evidence.observed_at:%Y-%m-%d %H:%M:%S}"
        yield f"Evidence: {at}  {sentences.of_evidence(evidence)}"
        yield f"          → {evidence.rule.value}"
    for step in story.trail:
        yield f"Trail:    {step.at:%Y-%m-%d %H:%M:%S}  {step.actor}: {step.what}"
    if review.decision is not None:
        yield f"Decided:  {sentences.of_review(review)}"
    if story.ways_out:
        yield f"You may decide: {', '.join(way.value for way in story.ways_out)}"


def _state(review: Review) -> str:
    if review.state is ReviewState.RESOLVED:
        return f"resolved ({review.decision})"
    return f"waits for {review.decision}" if review.decision else "open"
