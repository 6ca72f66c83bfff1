"""What every notifier keeps."""

import json
from abc import ABC, abstractmethod
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Final, Protocol
from uuid import UUID

import attrs

from payments.application.ports.notifier import Notifier
from payments.application.records import Destination, Message
from payments.domain.errors import DeliveryFailed, MessageRefused
from payments.testing.contracts.promises import promise, promise_to_raise


@attrs.frozen(kw_only=True)
class Arrived:
    """A mail as it arrived."""

    message_id: str
    """Without the brackets and the host: the message's own id."""
    recipients: tuple[str, ...]
    subject: str
    text: str
    html: str


class NotifierStage(Protocol):
    """A notifier, and the mail server behind it."""

    notifier: Notifier

    @abstractmethod
    async def arrived(self) -> tuple[Arrived, ...]:
        """Every mail that was accepted, oldest first."""

    @abstractmethod
    async def go_down(self) -> None:
        """Make every try fail for now."""

    @abstractmethod
    async def come_back(self) -> None:
        """End the outage."""

    @abstractmethod
    async def refuse(self) -> None:
        """Make it refuse every mail for good."""


_BODY: Final = {
    "kind": "confirmation",
    "to": "abebe@example.com",
    "name": "Abebe",
    "order_id": "order_123",
    "payment_id": "01890a5d-ac96-774b-bcce-b302099a8058",
    "amount": "1000.00",
    "currency": "ETB",
    "provider": "chapa",
    "detail": None,
}

ADDRESSES_OF_NOBODY: Final = (
    None,
    "",
    "abebe",
    "abebe@example.com, eve@example.com",
    "abebe@example.com\r\nBcc: eve@example.com",
    "abebe@example.com\n",
    "Abebe <abebe@example.com>",
    "abebe@example.com (eve@example.com)",
    "<abebe@example.com>",
    "@example.com",
    "abebe@",
)


def payer_message(**changes: object) -> Message:
    """A message for a payer, its body changed as said."""
    body = _BODY | changes
    return Message(
        message_id=UUID("01890a5d-ac96-774b-bcce-b302099a8057"),
        payment_id=UUID("01890a5d-ac96-774b-bcce-b302099a8058"),
        order_id="order_123",
        sequence=2,
        destination=Destination.PAYER,
        kind=str(body["kind"]),
        body=json.dumps(body).encode(),
        created_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    )


class NotifierContract(ABC):
    """Inherit it in a test class, and say how the stage is set."""

    @abstractmethod
    def stage(self) -> AbstractAsyncContextManager[NotifierStage]:
        """A fresh notifier before a fresh mail server."""

    async def test_a_confirmation_reaches_the_payer_alone_and_says_what_was_paid(self) -> None:
        async with self.stage() as stage:
            await stage.notifier.notify(payer_message())
            (mail,) = await stage.arrived()
            promise(
                f"the mail goes to the payer alone, not to {mail.recipients}.",
                kept=mail.recipients == ("abebe@example.com",),
            )
            for part in (mail.text, mail.html):
                for fact in ("1000.00 ETB", "order_123", "01890a5d-ac96-774b-bcce-b302099a8058", "Chapa"):
                    promise(f"each part of the mail says {fact}; one says {part!r}.", kept=fact in part)

    async def test_a_declined_mail_says_why_and_how_to_try_again(self) -> None:
        async with self.stage() as stage:
            await stage.notifier.notify(payer_message(kind="declined", detail="Insufficient balance"))
            (mail,) = await stage.arrived()
            for part in (mail.text, mail.html):
                for fact in ("1000.00 ETB", "order_123", "Insufficient balance", "not charged", "pay again"):
                    promise(f"each part of the mail says {fact!r}; one says {part!r}.", kept=fact in part)

    async def test_a_repeated_mail_carries_the_same_message_id(self) -> None:
        async with self.stage() as stage:
            await stage.notifier.notify(payer_message())
            await stage.notifier.notify(payer_message())
            ids = {mail.message_id for mail in await stage.arrived()}
            promise(
                f"a repeated mail carries the same Message-ID; these arrived: {ids}.",
                kept=ids == {"01890a5d-ac96-774b-bcce-b302099a8057"},
            )

    async def test_an_outage_is_not_a_refusal_and_ends(self) -> None:
        async with self.stage() as stage:
            await stage.go_down()
            with promise_to_raise(DeliveryFailed, "notify raises DeliveryFailed in an outage."):
                await stage.notifier.notify(payer_message())
            await stage.come_back()
            await stage.notifier.notify(payer_message())
            arrived = await stage.arrived()
            promise(f"a mail goes out after an outage; {len(arrived)} did.", kept=len(arrived) == 1)

    async def test_a_refusal_for_good_is_told_from_an_outage(self) -> None:
        async with self.stage() as stage:
            await stage.refuse()
            with promise_to_raise(
                MessageRefused, "notify raises MessageRefused when it is refused for good."
            ):
                await stage.notifier.notify(payer_message())

    async def test_what_is_not_one_address_reaches_nobody(self) -> None:
        async with self.stage() as stage:
            for address in ADDRESSES_OF_NOBODY:
                with promise_to_raise(
                    MessageRefused, f"notify raises MessageRefused for the address {address!r}."
                ):
                    await stage.notifier.notify(payer_message(to=address))
            arrived = await stage.arrived()
            promise(f"nobody gets a mail meant for no one address; these did: {arrived}.", kept=arrived == ())

    async def test_a_mail_nobody_can_write_is_refused(self) -> None:
        async with self.stage() as stage:
            for kind in ("no_such_kind", "../confirmation", ""):
                with promise_to_raise(MessageRefused, f"notify raises MessageRefused for the kind {kind!r}."):
                    await stage.notifier.notify(payer_message(kind=kind))
            unreadable = attrs.evolve(payer_message(), body=b"{")
            with promise_to_raise(
                MessageRefused, "notify raises MessageRefused for a body that is not JSON."
            ):
                await stage.notifier.notify(unreadable)

    async def test_a_name_is_never_markup_a_header_or_a_link(self) -> None:
        async with self.stage() as stage:
            for name in (
                "<script>alert(1)</script>",
                "A\r\nBcc: eve@example.com",
                "evil.example",
                "https://evil",
            ):
                await stage.notifier.notify(payer_message(name=name))
            await stage.notifier.notify(payer_message(kind="declined", detail="<b>no</b>\r\n\r\nmore"))
            for mail in await stage.arrived():
                promise(f"only the payer gets it, not {mail.recipients}.", kept=len(mail.recipients) == 1)
                for wrong in ("<script>", "<b>", "evil.example", "https://evil"):
                    promise(
                        f"the mail's HTML never holds {wrong!r} from outside.", kept=wrong not in mail.html
                    )
                for wrong in ("evil.example", "https://evil", "eve@example.com"):
                    promise(f"the mail's text never repeats {wrong!r}.", kept=wrong not in mail.text)
