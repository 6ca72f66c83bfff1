"""One line for each call, with what helps and nothing that must not be there."""

import httpx
import pytest
from structlog.testing import capture_logs

from payments.domain.errors import OutcomeUnknown
from tests.unit.adapters.providers.chapa_account import QUESTION, REQUEST, Canned, account, hosted, said

pytestmark = pytest.mark.anyio


async def test_a_call_is_one_line_without_key_name_or_address() -> None:
    answered = hosted()
    opened = account(Canned(answered.status, answered.body, (("x-amzn-requestid", "a4e1-77"),)))
    with capture_logs() as lines:
        await opened.provider.checkouts.open(REQUEST)
    assert lines == [
        {
            "event": "provider call",
            "log_level": "info",
            "provider": "chapa",
            "call": "initialize",
            "status": 200,
            "provider_request_id": "a4e1-77",
            "duration_ms": 0,
        }
    ]


async def test_trouble_is_one_line_too() -> None:
    def lost(_request: httpx.Request) -> Canned:
        raise httpx.ReadError("secret CHASECK_TEST-kkkk in a message")

    with capture_logs() as lines, pytest.raises(OutcomeUnknown):
        await account(lost).provider.checkouts.open(REQUEST)
    assert [line["trouble"] for line in lines] == ["outcome_unknown"]
    assert "CHASECK" not in str(lines)


async def test_what_chapa_sends_cannot_forge_a_line() -> None:
    with capture_logs() as lines:
        await account(
            Canned(500, said(500, "x").body, (("x-amzn-requestid", "a\x1b[31m" + "b" * 500),))
        ).provider.checks.check(QUESTION)
    assert str(lines[0]["provider_request_id"]).isprintable()
    assert len(str(lines[0]["provider_request_id"])) == 64
