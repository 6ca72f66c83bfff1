"""What ``payments doctor`` says of Paystack, by what it answers about a reference that cannot exist."""

from datetime import timedelta

import attrs
import httpx
import pytest

from payments.application.ports.self_check import State
from payments.testing.clock import MovableClock
from tests.unit.adapters.providers.paystack_account import KEY, Canned, account, refused, told

pytestmark = pytest.mark.anyio

UNKNOWN = "Transaction reference not found."


@pytest.mark.parametrize(
    ("canned", "state", "what"),
    [
        (refused(400, UNKNOWN, "transaction_not_found"), State.FINE, "takes our key of test mode"),
        (refused(404, UNKNOWN), State.FINE, "takes our key of test mode"),
        (told(200, "Verification successful", {}), State.FINE, "takes our key of test mode"),
        (
            refused(401, "Invalid key", "invalid_Key"),
            State.WRONG,
            "refuses our key (HTTP 401, 'Invalid key')",
        ),
        (refused(403, "Blocked"), State.WRONG, "does not let us in"),
        (refused(429, "Rate limit exceeded!"), State.WARNING, "limits our calls"),
        (refused(500, "Server error"), State.WRONG, "no usable answer"),
        (Canned(404, b"<html>"), State.WRONG, "no usable answer"),
        (Canned(200, b'{"message":"a gateway of somebody else"}'), State.WRONG, "no usable answer"),
    ],
)
async def test_each_answer_is_one_finding(canned: Canned, state: State, what: str) -> None:
    checked = account(canned)
    assert checked.provider.self_check is not None
    (finding,) = await checked.provider.self_check.look()
    assert finding.state is state
    assert what in finding.what
    assert bool(finding.remedy) is (state is not State.FINE)
    assert KEY not in finding.what + finding.remedy
    assert checked.requests[0].url.path == "/transaction/verify/payments-doctor"


async def test_whoever_cannot_be_reached_is_named_with_its_variable() -> None:
    def unreachable(_request: httpx.Request) -> Canned:
        raise httpx.ConnectError("refused")

    checked = account(unreachable, unreachable)
    assert checked.provider.self_check is not None
    (finding,) = await checked.provider.self_check.look()
    assert finding.state is State.WRONG
    assert "PAYMENTS_PAYSTACK_BASE_URL" in finding.remedy


async def test_the_time_at_paystack_is_compared_with_ours() -> None:
    ahead = MovableClock().now() + timedelta(hours=1)
    dated = attrs.evolve(
        refused(404, UNKNOWN), headers=(("date", ahead.strftime("%a, %d %b %Y %H:%M:%S GMT")),)
    )
    checked = account(dated)
    assert checked.provider.self_check is not None
    (finding,) = await checked.provider.self_check.look()
    assert finding.ahead_s is not None
    assert abs(finding.ahead_s - 3600) <= 1
