"""The mailbox: a real SMTP exchange, what is kept of it, and how it refuses."""

from collections.abc import AsyncIterator
from email.message import EmailMessage
from typing import Any

import aiosmtplib
import attrs
import httpx
import pytest

from payments.simulators.mailbox import MailboxConfig, create_mailbox, smtp_port
from tests.integration.simulators.serving import listening, serving

pytestmark = pytest.mark.anyio


@attrs.frozen
class Mailbox:
    client: httpx.AsyncClient
    port: int

    async def send(self, to: str = "sara@shop.et") -> Any:
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = "shop@shop.et", to, "Your order – ተከፍሏል"
        mail["Message-ID"] = "<m1@shop.et>"
        mail.set_content("You paid 100.50 ETB. አመሰግናለሁ")
        mail.add_alternative("<p>You paid <b>100.50 ETB</b></p><script>alert(1)</script>", subtype="html")
        return await aiosmtplib.send(mail, hostname="127.0.0.1", port=self.port)

    async def messages(self) -> list[dict[str, Any]]:
        return list((await self.client.get("/messages.json")).json()["messages"])


@pytest.fixture(scope="module")
async def shared_mailbox(anyio_backend: str) -> AsyncIterator[Mailbox]:
    app = create_mailbox(MailboxConfig())
    async with serving(app, listening()) as url, httpx.AsyncClient(base_url=url) as client:
        yield Mailbox(client, smtp_port(app))


@pytest.fixture
async def mailbox(shared_mailbox: Mailbox) -> Mailbox:
    await shared_mailbox.client.post("/_sim/reset")
    return shared_mailbox


async def test_a_mail_is_kept_whole(mailbox: Mailbox) -> None:
    await mailbox.send()
    kept = (await mailbox.messages())[0]
    assert (kept["id"], kept["rcpt_tos"], kept["mail_from"]) == ("1", ["sara@shop.et"], "shop@shop.et")
    assert (kept["subject"], kept["message_id"]) == ("Your order – ተከፍሏል", "<m1@shop.et>")
    assert "አመሰግናለሁ" in kept["text"]
    assert "<b>100.50 ETB</b>" in kept["html"]
    assert (await mailbox.client.get("/messages/1.json")).json() == kept
    assert b"Message-ID: <m1@shop.et>" in (await mailbox.client.get("/messages/1/raw")).content


async def test_mails_are_found_by_recipient(mailbox: Mailbox) -> None:
    await mailbox.send("one@shop.et")
    await mailbox.send("two@shop.et")
    found = (await mailbox.client.get("/messages.json", params={"to": "two@shop.et"})).json()
    assert [mail["id"] for mail in found["messages"]] == ["2"]


async def test_a_mail_can_be_read_and_its_html_neither_runs_nor_loads(mailbox: Mailbox) -> None:
    await mailbox.send()
    assert "ተከፍሏል" in (await mailbox.client.get("/")).text
    page = await mailbox.client.get("/messages/1")
    assert '<iframe sandbox=""' in page.text
    assert "<script>" not in page.text
    policy = (await mailbox.client.get("/messages/1/html")).headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert policy.endswith("sandbox")


@pytest.mark.parametrize("path", ["/messages/9", "/messages/9.json", "/messages/9/html", "/messages/9/raw"])
async def test_an_absent_mail_is_404(mailbox: Mailbox, path: str) -> None:
    assert (await mailbox.client.get(path)).status_code == 404


@pytest.mark.parametrize(("fault", "code"), [("refuse_for_now", 451), ("refuse_for_good", 550)])
async def test_a_mail_can_be_refused(mailbox: Mailbox, fault: str, code: int) -> None:
    await mailbox.client.put("/_sim/switches", json={"fault": fault, "fault_times": 1})
    with pytest.raises(aiosmtplib.SMTPDataError) as refused:
        await mailbox.send()
    assert refused.value.code == code
    assert await mailbox.messages() == []
    await mailbox.send()
    assert len(await mailbox.messages()) == 1
    assert (await mailbox.client.get("/_sim/calls")).json()["by_status"] == {str(code): 1, "250": 1}


@pytest.mark.parametrize(("fault", "kept"), [("accept_then_close", 1), ("close", 0)])
async def test_the_answer_to_a_mail_can_be_missing(mailbox: Mailbox, fault: str, kept: int) -> None:
    await mailbox.client.put("/_sim/switches", json={"fault": fault, "fault_times": 1})
    with pytest.raises(aiosmtplib.SMTPServerDisconnected):
        await mailbox.send()
    assert len(await mailbox.messages()) == kept


async def test_a_wrong_switch_is_refused(mailbox: Mailbox) -> None:
    assert (await mailbox.client.put("/_sim/switches", json={"fault": "burn"})).status_code == 422
