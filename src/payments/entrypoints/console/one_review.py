"""``/console/reviews/{review_id}/``: one question, its story, and what may be decided."""

from starlette.requests import Request
from starlette.responses import Response

from payments.application import sentences
from payments.application.answers import ReviewStory
from payments.domain.errors import ReviewNotFound
from payments.domain.persons import owes
from payments.entrypoints.console.desk import Desk, Here
from payments.entrypoints.console.wording import WAYS
from payments.entrypoints.http import reading


async def show(desk: Desk, here: Here) -> Response:
    """Show what is asked, about what, what was attested, and the ways out."""
    story = await named(desk, here.request)
    owed_here = story.payment is not None and owes(story.payment, here.caller.user)
    return desk.page(
        here.request,
        "review.html",
        story=story,
        review=story.review,
        ways=[] if owed_here else [(way.value, WAYS[way]) for way in story.ways_out],
        owed_here=owed_here and bool(story.ways_out),
        evidence=[(each, sentences.of_evidence(each)) for each in story.evidence],
        summary=sentences.summary(story.payment) if story.payment else None,
        decided=sentences.of_review(story.review) if story.review.decision else None,
    )


async def named(desk: Desk, request: Request) -> ReviewStory:
    """The review that the path names.

    Raises:
        ReviewNotFound: there is none.
    """
    review_id = reading.path_uuid(request, "review_id")
    if review_id is None:
        raise ReviewNotFound
    return await desk.payments.review(review_id)
