"""``/payments/reviews/``: the questions that only a person can answer, and their answers."""

from typing import Final
from uuid import UUID

import attrs
import msgspec
from starlette.responses import Response

from payments.application.answers import Answered
from payments.application.review_details import Details
from payments.domain import errors
from payments.domain.errors import InvalidRequest, ReviewNotFound
from payments.entrypoints.http import cursors, once, reading
from payments.entrypoints.http.answering import json_answer
from payments.entrypoints.http.auth import Scope
from payments.entrypoints.http.desk import Desk
from payments.entrypoints.http.fields import ReviewId
from payments.entrypoints.http.operation import Answer, Call, Operation, Who
from payments.entrypoints.http.requests import ResolveRequest, ReviewsRequest
from payments.entrypoints.http.review_schemas import Review, Reviews


async def list_reviews(desk: Desk, call: Call) -> Response:
    """Answer with one page of reviews in one state."""
    wanted = reading.query(call.request, ReviewsRequest)
    page = await desk.payments.reviews(
        wanted.limit,
        state=wanted.state,
        kind=wanted.kind,
        beyond=cursors.read(wanted.cursor) if wanted.cursor else None,
    )
    return json_answer(Reviews.of(page))


async def get(desk: Desk, call: Call) -> Response:
    """Answer with one review, what it is about, and what may be decided."""
    return json_answer(Review.whole(await desk.payments.review(_named(call))))


async def resolve(desk: Desk, call: Call) -> Response:
    """Decide, and answer with the review as it then stands."""
    review_id = _named(call)
    key = reading.idempotency_key(call.request)
    wish = await reading.json_body(call.request, ResolveRequest)
    details = Details(
        reference=wish.reference,
        paid_under=wish.paid_under,
        outcome=wish.outcome,
        provider_reference=wish.provider_reference,
        amount=wish.amount,
    )

    async def decided() -> Answered:
        await desk.payments.resolve(review_id, wish.decision, wish.reason, call.caller.actor, details)
        body = msgspec.json.encode(Review.whole(await desk.payments.review(review_id)))
        return Answered(status=200, body=body, final=True)

    if key is None:
        return once.response(await decided())
    said = (str(review_id), call.caller.user, attrs.asdict(wish))
    return await once.answer(desk, call, RESOLVE, key=key, said=said, produce=decided)


def _named(call: Call) -> UUID:
    """The review that the path names.

    Raises:
        ReviewNotFound: what cannot be an identifier is answered like one that is not there.
    """
    review_id = reading.path_uuid(call.request, "review_id")
    if review_id is None:
        raise ReviewNotFound
    return review_id


LIST: Final = Operation(
    name="list_reviews",
    method="GET",
    path="/payments/reviews/",
    handle=list_reviews,
    summary="List the questions for people",
    description="Those that wait, or with state=resolved those that were answered. Newest first.",
    tag="Reviews",
    who=Who.OPERATOR,
    scopes=(Scope.OPERATE,),
    query=ReviewsRequest,
    answers=(Answer(shape=Reviews, description="One page."),),
    raises=(InvalidRequest,),
)

GET: Final = Operation(
    name="get_review",
    method="GET",
    path="/payments/reviews/{review_id}/",
    handle=get,
    summary="Get one review",
    description="With the payment, the money and the evidence it is about, and what may be decided.",
    tag="Reviews",
    who=Who.OPERATOR,
    scopes=(Scope.OPERATE,),
    path_shapes={"review_id": ReviewId},
    answers=(Answer(shape=Review, description="The review."),),
    raises=(ReviewNotFound,),
)

RESOLVE: Final = Operation(
    name="resolve_review",
    method="POST",
    path="/payments/reviews/{review_id}/resolve/",
    handle=resolve,
    summary="Decide about a review",
    description=(
        "Which decisions a review takes is its may_decide. A review decided refund stays open until the "
        "money went back. Nothing here sets a status. The same decision by the same person again is "
        "answered alike. With an Idempotency-Key, the same request gets the same answer for 24 hours: "
        "whoever asks again and means it leaves the key out, or takes a new one."
    ),
    tag="Reviews",
    who=Who.OPERATOR,
    scopes=(Scope.OPERATE,),
    path_shapes={"review_id": ReviewId},
    takes=ResolveRequest,
    once=True,
    answers=(
        Answer(
            shape=Review,
            description="The review as it stands afterwards.",
            headers={"Idempotency-Replayed": "true when this is the stored answer to an earlier request."},
        ),
    ),
    raises=(
        ReviewNotFound,
        errors.ReviewAlreadyDecided,
        errors.DecisionNotPossible,
        errors.OperatorIsPayer,
        errors.IdempotencyKeyInFlight,
        errors.IdempotencyKeyReused,
        errors.InvalidMoney,
        errors.ReceiptPending,
        errors.UnsupportedAmount,
        errors.UnsupportedProvider,
    ),
)
