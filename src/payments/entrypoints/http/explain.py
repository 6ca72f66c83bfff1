"""``GET /payments/{payment_id}/explain/``: why a payment is what it is."""

from typing import Final

from starlette.responses import Response

from payments.domain.errors import PaymentNotFound
from payments.entrypoints.http import payment
from payments.entrypoints.http.answering import json_answer
from payments.entrypoints.http.auth import Scope
from payments.entrypoints.http.desk import Desk
from payments.entrypoints.http.fields import PaymentId
from payments.entrypoints.http.operation import Answer, Call, Operation, Who
from payments.entrypoints.http.schemas import Explanation


async def explain(desk: Desk, call: Call) -> Response:
    """Answer with each piece of evidence, its verdict and rule, and what comes next."""
    told = await desk.payments.explain(payment.named(call), call.caller.owner)
    return json_answer(Explanation.of(told))


EXPLAIN: Final = Operation(
    name="explain_payment",
    method="GET",
    path="/payments/{payment_id}/explain/",
    handle=explain,
    summary="Explain a payment",
    description="Each piece of evidence with its verdict and rule, what we wait for, and when we ask next.",
    tag="Payments",
    who=Who.OWNER_OR_OPERATOR,
    scopes=(Scope.READ, Scope.OPERATE),
    path_shapes={"payment_id": PaymentId},
    answers=(Answer(shape=Explanation, description="What happened, oldest first."),),
    raises=(PaymentNotFound,),
)
