"""The same Idempotency-Key and the same request get the same answer."""

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
from starlette.responses import Response

from payments.application.answers import Answered
from payments.domain.errors import PaymentsError
from payments.entrypoints.http.desk import Desk
from payments.entrypoints.http.operation import Call, Operation
from payments.entrypoints.http.problems import MEDIA_TYPE, problem_of

# Anything else may be answered differently tomorrow, so it is never kept under an Idempotency-Key.
_FINAL: Final = frozenset({400, 404, 422})


async def answer(
    desk: Desk,
    call: Call,
    operation: Operation,
    *,
    key: str,
    said: tuple[Any, ...],
    produce: Callable[[], Awaitable[Answered]],
) -> Response:
    """What ``produce`` answers, or what it answered before under ``key``.

    ``said`` is what makes two requests of this operation the same: whose they are, parts of the path, and the
    body, however it is spelled.
    """
    fingerprint = msgspec.json.encode([operation.method, operation.path, *said])
    answered = await desk.payments.answer_once(
        user=call.caller.user,
        operation=operation.name,
        key=key,
        fingerprint=hashlib.sha256(fingerprint).hexdigest(),
        produce=_or_final_problem(desk, call, produce),
    )
    return response(answered)


def response(answered: Answered) -> Response:
    """``answered`` as it is sent."""
    media_type = "application/json" if answered.status < 400 else MEDIA_TYPE  # noqa: PLR2004 -- where HTTP's problems begin
    headers = {"Idempotency-Replayed": "true"} if answered.replayed else None
    return Response(answered.body, status_code=answered.status, headers=headers, media_type=media_type)


def _or_final_problem(
    desk: Desk, call: Call, produce: Callable[[], Awaitable[Answered]]
) -> Callable[[], Awaitable[Answered]]:
    """``produce``, whose final problems are answers to be kept, too; the others are raised on."""

    async def produced() -> Answered:
        try:
            return await produce()
        except PaymentsError as error:
            problem = problem_of(error)
            if problem.kind.status not in _FINAL:
                raise
            body = desk.problems.body(problem, call.request_id)
            return Answered(status=problem.kind.status, body=body, final=True)

    return produced
