"""What closing a link may be answered (section 5)."""

import httpx
import pytest

from payments.application.ports.providers import Cancelled
from tests.unit.adapters.providers.chapa_account import REFERENCE, Canned, account, said

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("canned", "cancelled"),
    [
        (said(200, "Checkout link expired successfully", "success", {"tx_ref": REFERENCE}), Cancelled.CLOSED),
        (said(400, "Payment link already expired"), Cancelled.CLOSED),
        (said(400, "payment link ALREADY expired\t"), Cancelled.CLOSED),
        (said(404, "Payment link not found"), Cancelled.NOT_FOUND),
        (said(404, "Not Found", None), Cancelled.UNKNOWN),
        (Canned(404, b"<html>Payment link not found</html>"), Cancelled.UNKNOWN),
        (said(400, "Payment has been completed"), Cancelled.UNKNOWN),
        (said(401, "Invalid API Key"), Cancelled.UNKNOWN),
        (said(429, "Too many requests"), Cancelled.UNKNOWN),
        (said(500, "Server error"), Cancelled.UNKNOWN),
        (Canned(200, b"<html>welcome to the airport</html>"), Cancelled.UNKNOWN),
    ],
)
async def test_each_answer_means_one_thing(canned: Canned, cancelled: Cancelled) -> None:
    asked = account(canned)
    assert asked.provider.cancellations is not None
    assert await asked.provider.cancellations.cancel(REFERENCE) is cancelled
    (request,) = asked.requests
    assert (request.method, request.content) == ("PUT", b"")
    assert request.url.path == f"/v1/transaction/cancel/{REFERENCE}"


async def test_trouble_on_the_way_leaves_it_unknown() -> None:
    def fail(_request: httpx.Request) -> Canned:
        raise httpx.ConnectError("refused")

    asked = account(fail)
    assert asked.provider.cancellations is not None
    assert await asked.provider.cancellations.cancel(REFERENCE) is Cancelled.UNKNOWN
