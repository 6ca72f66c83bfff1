"""What went wrong, as a page: the console's people read no problem documents."""

from starlette.requests import Request
from starlette.responses import Response

from payments.entrypoints.console.desk import Desk
from payments.entrypoints.http.problems import INTERNAL_ERROR, NOT_FOUND, problem_for


async def answer(desk: Desk, request: Request, error: Exception) -> Response:
    """Answer an exception with its sentence, and the way back to the payment or the review it was about."""
    problem = problem_for(error)
    found = problem.kind.status != NOT_FOUND.status
    about = request.path_params.get("payment_id") if found else None
    asked = request.path_params.get("review_id") if found else None
    return desk.page(
        request,
        "trouble.html",
        status=problem.kind.status,
        headers=problem.headers,
        kind=problem.kind,
        detail=problem.detail,
        fields=problem.errors,
        about=about,
        asked=asked,
        failed=problem.kind is INTERNAL_ERROR,
        request_id=request.scope["payments.request_id"],
    )
