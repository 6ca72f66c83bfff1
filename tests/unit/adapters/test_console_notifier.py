"""Mails on the console."""

import io

import pytest

from payments.adapters.notifiers.console import ConsoleNotifier
from payments.domain.errors import MessageRefused
from payments.testing.contracts.notifier import payer_message

pytestmark = pytest.mark.anyio


async def test_a_developer_reads_the_mail_on_the_console() -> None:
    stream = io.StringIO()
    await ConsoleNotifier(stream).notify(payer_message(name=None))
    assert stream.getvalue().startswith(
        "To: abebe@example.com\nSubject: Payment received: 1000.00 ETB for order order_123\n\nHello,\n"
    )
    assert "<" not in stream.getvalue()


async def test_a_mail_for_nobody_is_not_written() -> None:
    stream = io.StringIO()
    with pytest.raises(MessageRefused):
        await ConsoleNotifier(stream).notify(payer_message(to=None))
    assert stream.getvalue() == ""
