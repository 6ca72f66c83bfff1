"""The collector's page: a person records what happened at the door, sees what they hold, and hands it over.

A real collector has an app that calls the API; this page calls it in their place. Each form carries the name
of its record, so that sending it twice records it once.
"""

from http import HTTPStatus
from typing import Any, Final
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from payments.entrypoints.demo.pages import Answerer, Shop, first_of, form_of
from payments.entrypoints.demo.surroundings import COLLECTOR_PAGE

_FIELDS: Final = ("collection_id", "order_id", "amount", "currency", "delivery_code", "outcome")


async def _show(shop: Shop, request: Request) -> Response:
    """The page, filled in for ``?order=``."""
    order_id = request.query_params.get("order", "")
    order = await shop.client.order(order_id) if order_id else None
    due = {name: order[name] for name in ("amount", "currency")} if order else {}
    return await _page(shop, filled={"order_id": order_id, **due}, done=request.query_params.get("done"))


async def _record(shop: Shop, request: Request) -> Response:
    form = await form_of(request)
    said = {name: first_of(form, name) for name in _FIELDS if first_of(form, name)}
    if said.get("outcome") == "refused":
        # Nothing was collected, so nothing is said about it.
        said = {name: said[name] for name in said if name not in {"amount", "currency"}}
    answer = await shop.collecting.record(said)
    if answer.problem is not None:
        filled = {name: first_of(form, name) for name in _FIELDS}
        return await _page(shop, filled=filled, problem=answer.problem, status=answer.status)
    done = "collected" if answer.body["outcome"] == "collected" else "refused"
    return RedirectResponse(f"{COLLECTOR_PAGE}?done={done}", status_code=HTTPStatus.SEE_OTHER)


async def _hand_over(shop: Shop, request: Request) -> Response:
    form = await form_of(request)
    answer = await shop.collecting.hand_over(first_of(form, "handover_id"), form.get("collection_id", []))
    if answer.problem is not None:
        return await _page(shop, filled={}, problem=answer.problem, status=answer.status)
    return RedirectResponse(f"{COLLECTOR_PAGE}?done=handed_over", status_code=HTTPStatus.SEE_OTHER)


async def _page(
    shop: Shop,
    *,
    filled: dict[str, str],
    problem: dict[str, Any] | None = None,
    done: str | None = None,
    status: int = HTTPStatus.OK,
) -> Response:
    return shop.page(
        "collector.html",
        status=status,
        filled=dict.fromkeys(_FIELDS, "") | filled,
        problem=problem,
        done=done,
        in_hand=await shop.collecting.in_hand(),
        collection_id=str(uuid4()),
        handover_id=str(uuid4()),
        here=COLLECTOR_PAGE,
    )


PAGES: Final[tuple[tuple[str, str, Answerer], ...]] = (
    (COLLECTOR_PAGE, "GET", _show),
    (f"{COLLECTOR_PAGE}/record", "POST", _record),
    (f"{COLLECTOR_PAGE}/handover", "POST", _hand_over),
)
