"""The notifier contract in memory and over SMTP, and a broken adapter it must catch."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.headerregistry import Address
from email.message import EmailMessage
from typing import Any

import aiosmtplib
import attrs
import httpx
import pytest

from payments.adapters.notifiers.mail import Mail, MailRoom
from payments.adapters.notifiers.memory import MemoryNotifier
from payments.adapters.notifiers.smtp import SmtpNotifier, SmtpServer
from payments.application.ports.notifier import Notifier
from payments.application.records import Message
from payments.simulators.lifespans import running
from payments.simulators.mailbox import MailboxConfig, create_mailbox, smtp_port
from payments.testing.contracts.notifier import Arrived, NotifierContract, NotifierStage, payer_message
from payments.testing.contracts.promises import BrokenPromise

pytestmark = pytest.mark.anyio

SENDER = Address("The shop", addr_spec="shop@example.com")


def as_arrived(mail: Mail) -> Arrived:
    return Arrived(
        message_id=mail.message_id,
        recipients=(mail.to.addr_spec,),
        subject=mail.subject,
        text=mail.text,
        html=mail.html,
    )


@attrs.frozen
class MemoryStage(NotifierStage):
    notifier: MemoryNotifier

    async def arrived(self) -> tuple[Arrived, ...]:
        return tuple(as_arrived(mail) for mail in self.notifier.sent)

    async def go_down(self) -> None:
        self.notifier.down = True

    async def come_back(self) -> None:
        self.notifier.down = False

    async def refuse(self) -> None:
        self.notifier.refusing = True


class TestMemoryNotifier(NotifierContract):
    @asynccontextmanager
    async def stage(self) -> AsyncIterator[NotifierStage]:
        yield MemoryStage(MemoryNotifier())


@attrs.frozen
class SmtpStage(NotifierStage):
    """The simulated mailbox, a real SMTP listener."""

    notifier: Notifier
    control: httpx.AsyncClient

    async def messages(self) -> list[dict[str, Any]]:
        answer = (await self.control.get("/messages.json")).raise_for_status()
        return list(answer.json()["messages"])

    async def arrived(self) -> tuple[Arrived, ...]:
        return tuple(
            Arrived(
                message_id=mail["message_id"].removeprefix("<").removesuffix("@example.com>"),
                recipients=tuple(mail["rcpt_tos"]),
                subject=mail["subject"],
                text=mail["text"],
                html=mail["html"],
            )
            for mail in await self.messages()
        )

    async def go_down(self) -> None:
        await self.switch("refuse_for_now")

    async def come_back(self) -> None:
        await self.switch("accept")

    async def refuse(self) -> None:
        await self.switch("refuse_for_good")

    async def switch(self, fault: str) -> None:
        (await self.control.put("/_sim/switches", json={"fault": fault})).raise_for_status()


@asynccontextmanager
async def smtp_stage() -> AsyncIterator[SmtpStage]:
    mailbox = create_mailbox(MailboxConfig())
    async with (
        running(mailbox),
        httpx.AsyncClient(transport=httpx.ASGITransport(mailbox), base_url="http://mailbox") as control,
    ):
        server = SmtpServer.of(f"smtp://127.0.0.1:{smtp_port(mailbox)}")
        yield SmtpStage(SmtpNotifier(server=server, sender=SENDER), control)


class TestSmtpNotifier(NotifierContract):
    @asynccontextmanager
    async def stage(self) -> AsyncIterator[NotifierStage]:
        async with smtp_stage() as stage:
            yield stage


async def test_a_mail_is_dated_signed_and_has_both_parts() -> None:
    async with smtp_stage() as stage:
        await stage.notifier.notify(payer_message())
        (mail,) = await stage.messages()
    headers = dict(mail["headers"])
    assert mail["mail_from"] == "shop@example.com"
    assert headers["From"] == "The shop <shop@example.com>"
    assert headers["To"] == "abebe@example.com"
    assert headers["Date"] == "Fri, 02 Jan 2026 03:04:05 +0000"
    assert headers["Message-ID"] == "<01890a5d-ac96-774b-bcce-b302099a8057@example.com>"
    assert headers["Auto-Submitted"] == "auto-generated"
    assert mail["subject"] == "Payment received: 1000.00 ETB for order order_123"
    assert mail["text"].splitlines()[:3] == ["Hello Abebe,", "", "your payment has arrived. Thank you."]


class NaiveNotifier(Notifier):
    """Broken on purpose: each try has a new id, and the library's errors come through."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._sent = 0

    async def notify(self, message: Message) -> None:
        self._sent += 1
        mail = MailRoom().write(message)
        written = EmailMessage()
        written["Message-ID"] = f"<{self._sent}@example.com>"
        written["From"] = str(SENDER)
        written["To"] = mail.to.addr_spec
        written["Subject"] = mail.subject
        written.set_content(mail.text)
        written.add_alternative(mail.html, subtype="html")
        await aiosmtplib.send(written, hostname="127.0.0.1", port=self._port, start_tls=False)


class OverNaiveNotifier(NotifierContract):
    @asynccontextmanager
    async def stage(self) -> AsyncIterator[NotifierStage]:
        mailbox = create_mailbox(MailboxConfig())
        transport = httpx.ASGITransport(mailbox)
        async with (
            running(mailbox),
            httpx.AsyncClient(transport=transport, base_url="http://mailbox") as control,
        ):
            yield SmtpStage(NaiveNotifier(smtp_port(mailbox)), control)


async def test_the_contract_catches_a_new_message_id_at_each_try() -> None:
    with pytest.raises(BrokenPromise, match="a repeated mail carries the same Message-ID"):
        await OverNaiveNotifier().test_a_repeated_mail_carries_the_same_message_id()


async def test_the_contract_catches_an_outage_that_ends_in_a_foreign_error() -> None:
    with pytest.raises(BrokenPromise, match=r"notify raises DeliveryFailed in an outage.*SMTP"):
        await OverNaiveNotifier().test_an_outage_is_not_a_refusal_and_ends()
