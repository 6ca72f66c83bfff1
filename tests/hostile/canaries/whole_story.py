"""A service at DEBUG whose every secret is a canary, and everything it writes while payers come and go."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import httpx

from payments.adapters.environment import PREFIX
from payments.domain.errors import ConfigurationInvalid
from payments.settings import Settings
from tests.e2e.databases import SqliteDatabase
from tests.e2e.outside_world import PHONE, Outside
from tests.e2e.programs import finished
from tests.e2e.story import PAYER, Story, open_story, token
from tests.hostile.canaries.canaries import Canary, Written, of_settings

FIRST, LAST, MAIL = "Selamawit-canary", "Woldegiorgis-canary", "selam.canary@canaries.et"
LOCAL_PHONE = "0987654321"
CARD = "4111 1111 1111 1111"
"""What somebody types where it does not belong."""

OF_OURS = {
    "PAYMENTS_LOG_LEVEL": "debug",
    "PAYMENTS_CHAPA_SECRET_KEY": "CHASECK_TEST-canaryOfChapasSecretKey0123456789",
    "PAYMENTS_PAYSTACK_WEBHOOK_KEYS": "sk_test_canary_of_an_earlier_key_at_paystack_77",
    "PAYMENTS_AUTH_KEY": "the-key-that-signs-the-tokens-of-the-stories",
    "PAYMENTS_DATA_KEYS": "canary-of-the-key-that-seals-what-is-raw-0123",
}


def secret_settings() -> list[str]:
    """The settings that may stand in a file: those that hold something nobody may see."""
    names = [row.name for row in Settings.from_env({}).rows()]
    return [name for name in names if _may_be_a_file(name)]


def _may_be_a_file(name: str) -> bool:
    try:
        Settings.from_env({f"{PREFIX}{name}_FILE": "/dev/null"})
    except ConfigurationInvalid as error:
        return any(mistake.pointer == f"{PREFIX}{name}_FILE" for mistake in error.errors)
    return False


@attrs.define
class Witness:
    """Reads along: every answer that anybody is given, by its method and the shape of its path."""

    answers: list[Written] = attrs.field(factory=list)

    async def hear(self, response: httpx.Response) -> None:
        await response.aread()
        request = response.request
        path = re.sub(r"/pay/[0-9a-f]{32}/", "/pay/{token}/", request.url.path)
        path = re.sub(r"[0-9a-f-]{36}", "{id}", path)
        if "_sim" in path or path.startswith(("/chapa", "/paystack", "/mpesa", "/orders", "/mailbox")):
            return
        content = b"\n".join((str(response.headers).encode(), response.content))
        self.answers.append(Written(f"answer {response.status_code} {request.method} {path}", content))


@asynccontextmanager
async def told_at_debug(
    outside: Outside, database: SqliteDatabase, directory: Path, more: dict[str, str] | None = None
) -> AsyncIterator[tuple[Story, Witness]]:
    """A story in which everything said to anybody is heard, about a payer who is a canary."""
    witness = Witness()
    async with open_story(outside, database, directory, OF_OURS | (more or {})) as story:
        for client in (story.client, story.browser._client):
            client.event_hooks["response"].append(witness.hear)
        yield story, witness


async def owes(story: Story, order_id: str, amount: str, currency: str) -> None:
    """An order of the payer whose every field is a canary."""
    customer = {"email": MAIL, "first_name": FIRST, "last_name": LAST, "phone_number": LOCAL_PHONE}
    await story.outside.put_order(
        order_id, user_id=PAYER, amount=amount, currency=currency, customer=customer
    )


def canaries_of(story: Story) -> list[Canary]:
    """Every secret setting and every personal field of the story."""
    environ = story.service.environ
    named = [
        name for name in secret_settings() if name not in {"DATABASE_URL", "SMTP_URL", "MPESA_CERTIFICATE"}
    ]
    return [
        *of_settings(environ, named),
        Canary("database password", "canary-of-the-database-password"),
        Canary("mail password", "canary-of-the-mail-password"),
        Canary(
            "M-Pesa's push password", environ["PAYMENTS_MPESA_SHORTCODE"] + environ["PAYMENTS_MPESA_PASSKEY"]
        ),
        Canary("first name", FIRST),
        Canary("last name", LAST),
        Canary("e-mail", MAIL),
        Canary("phone", LOCAL_PHONE[1:]),
        Canary("typed phone", PHONE),
        Canary("card number", CARD),
        Canary("card number", CARD.replace(" ", "")),
        Canary("bearer token", token().rpartition(".")[2]),
    ]


async def everything_written(story: Story, witness: Witness) -> list[Written]:
    """All that left the service or stayed behind: answers, logs, metrics, pages, messages, mails, bytes."""
    for path in ("/metrics", "/openapi.json", "/docs", "/livez", "/readyz"):
        await story.client.get(path)
    written = [*witness.answers, Written("log", story.service.log().encode())]
    for order_id in ("order_1", "order_2", "order_3", "order_4", "order_5"):
        answer = await story.outside.client.get(f"/orders/_sim/orders/{order_id}")
        messages = answer.json().get("messages", ()) if answer.is_success else ()
        written += [Written("message to the orders service", str(message).encode()) for message in messages]
    mails = await story.outside.mails(MAIL)
    written += [Written("mail to the payer", str(mail).encode()) for mail in mails]
    return written


async def console_pages(story: Story, payment_ids: list[str]) -> None:
    """Have an operator look at all there is; the witness reads along."""
    operator = token("ops_1", scope="payments:operate payments:refund")
    origin = {"origin": story.service.environ["PAYMENTS_PUBLIC_URL"]}
    signed_in = await story.client.post("/console/sign-in/", data={"token": operator}, headers=origin)
    assert signed_in.status_code == 303, signed_in.text
    for path in ("/", "/payments/", "/reviews/", *(f"/payments/{name}/" for name in payment_ids)):
        page = await story.client.get(f"/console{path}")
        assert page.status_code == 200, page.text


def bytes_at_rest(database: SqliteDatabase) -> Written:
    """The database as a thief would have it, the newest commits included."""
    files = [database.path, database.path.with_name(database.path.name + "-wal")]
    return Written("database", b"".join(file.read_bytes() for file in files if file.exists()))


def said_by(*arguments: str, story: Story, directory: Path) -> Written:
    """What a command prints beside the running service."""
    done = finished(*arguments, cwd=directory, variables=story.service.environ)
    return Written(f"command {arguments[0]}", f"{done.stdout}\n{done.stderr}".encode())
