"""One line for each call, with what helps and nothing that must not be there."""

import httpx
import pytest
from structlog.testing import capture_logs

from payments.domain.errors import OutcomeUnknown
from tests.unit.adapters.providers.paystack_account import REQUEST, Canned, account, hosted

pytestmark = pytest.mark.anyio


async def test_a_call_is_one_line_without_key_name_or_address() -> None:
    with capture_logs() as lines:
        await account(hosted()).provider.checkouts.open(REQUEST)
    assert lines == [
        {
            "event": "provider call",
            "log_level": "info",
            "provider": "paystack",
            "call": "initialize",
            "status": 200,
            "duration_ms": 0,
        }
    ]


async def test_trouble_is_one_line_too() -> None:
    def lost(_request: httpx.Request) -> Canned:
        raise httpx.ReadError("secret sk_test_kkkk in a message")

    with capture_logs() as lines, pytest.raises(OutcomeUnknown):
        await account(lost).provider.checkouts.open(REQUEST)
    assert [line["trouble"] for line in lines] == ["outcome_unknown"]
    assert "sk_test" not in str(lines)
