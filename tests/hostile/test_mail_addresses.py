"""Addresses and names that would turn our mail into another, or send it elsewhere: one recipient or none."""

from datetime import UTC, datetime
from email.headerregistry import Address
from uuid import uuid4

import msgspec
import pytest

from payments.adapters.notifiers.mail import MailRoom, address_of
from payments.adapters.notifiers.smtp import mail_message
from payments.application.records import Destination, Message
from payments.domain.errors import MessageRefused

OURS = Address(display_name="Shop", username="pay", domain="shop.example")

PARKED = [
    "",
    " ",
    "sara",
    "@shop.example",
    "sara@",
    "sara@@shop.example",
    "sara@shop.example, eve@evil.example",
    "sara@shop.example,eve@evil.example",
    "sara@shop.example; eve@evil.example",
    "sara@shop.example eve@evil.example",
    "sara@shop.example\neve@evil.example",
    "sara@shop.example\r\nBcc: eve@evil.example",
    "sara@shop.example\nBcc: eve@evil.example",
    "sara@shop.example\rBcc: eve@evil.example",
    "sara@shop.example\r\n\r\nPay here: https://evil.example",
    "sara@shop.example\r\n.\r\nMAIL FROM:<eve@evil.example>",
    "sara@shop.example%0d%0aBcc:eve@evil.example ",
    "sara@shop.example\x00",
    "\x00sara@shop.example",
    "sara@shop.example\x0beve@evil.example",
    "sara@shop.example\x85Bcc: eve@evil.example",
    "sara@shop.example\u2028Bcc: eve@evil.example",
    "sara\t@shop.example",
    " sara@shop.example",
    "sara@shop.example ",
    "sara @shop.example",
    "sara@ shop.example",
    "Sara <sara@shop.example>",
    '"Sara" <sara@shop.example>',
    "<sara@shop.example>",
    "<<sara@shop.example>>",
    "<@evil.example:sara@shop.example>",
    "@evil.example:sara@shop.example",
    "friends: sara@shop.example, eve@evil.example;",
    "undisclosed-recipients:;",
    "sara(comment)@shop.example",
    "(comment)sara@shop.example",
    "sara@shop.example(comment)",
    "=?utf-8?q?sara?=@shop.example =?utf-8?q?eve?=@evil.example",
    "=?utf-8?b?c2FyYUBzaG9wLmV4YW1wbGUsIGV2ZUBldmlsLmV4YW1wbGU=?=",
    "=?utf-8?q?eve=40evil.example=3Csara?=@shop.example>",
    "sara@shop.example>",
    "<sara@shop.example",
    '"sara@shop.example',
    '"sara\r\nBcc: eve@evil.example"@shop.example',
    "sara@shop..example",
    ".sara@shop.example",
    "sara.@shop.example",
    "sa..ra@shop.example",
    "sara@.shop.example",
    "sara@shop.example.",
    "sara@[127.0.0.1",
    "sara@b\u00fccher.example",
    "\u1230\u122b@shop.example",
    "s\u0430ra@shop.example",
    "sara\uff20shop.example",
    "sara@shop\uff0eexample",
    "sara\u200b@shop.example",
    "\u202esara@shop.example",
    "\ufeffsara@shop.example",
    "sara@shop.example\ud800",
    "sara@shop.example," * 2_000,
    ",",
    ";",
    ":",
    "\\",
]

SENT = [
    "sara@shop.example",
    "sara+orders@shop.example",
    "s@x.example",
    "SARA.TESFAYE@Shop.Example",
    "o'neill_99%x@mail.shop.example",
    "sara@xn--bcher-kva.example",
]

NAMES = [
    "Sara\r\nBcc: eve@evil.example",
    "Sara\nBcc: eve@evil.example",
    "Sara\x00",
    "Sara, eve@evil.example",
    "<script>alert(1)</script>",
    "<a href=https://evil.example>pay</a>",
    "https://evil.example/pay",
    "evil.example",
    "www.evil.example",
    "{{ 7 * 7 }}",
    "{% include '/etc/passwd' %}",
    "=?utf-8?q?Sara?=",
    "\u202eelpmaxe.live",
    "x" * 10_000,
    "Sara \U0001f4b8",
]


def asking(to: str | None, *, name: str | None = None) -> Message:
    """A message of the outbox that asks for a confirmation mail."""
    body = {
        "kind": "confirmation",
        "to": to,
        "name": name,
        "order_id": "order_1",
        "payment_id": "019b76da-a800-7a3e-8a2c-5d3f6b1c9e40",
        "amount": "1000.00",
        "currency": "ETB",
        "provider": "chapa",
        "detail": None,
    }
    return Message(
        message_id=uuid4(),
        payment_id=uuid4(),
        order_id="order_1",
        destination=Destination.PAYER,
        kind="confirmation",
        sequence=1,
        body=msgspec.json.encode(body),
        created_at=datetime(2026, 1, 5, tzinfo=UTC),
    )


def test_there_are_enough_of_them() -> None:
    assert len(PARKED) >= 60


@pytest.mark.parametrize("written", PARKED, ids=range(len(PARKED)))
def test_what_is_not_exactly_one_address_is_parked_and_goes_to_nobody(written: str) -> None:
    with pytest.raises(MessageRefused):
        address_of(written)
    if written.isprintable() or "\ud800" not in written:
        with pytest.raises(MessageRefused):
            MailRoom().write(asking(written))


@pytest.mark.parametrize("written", SENT)
def test_an_address_is_used_as_it_is_written(written: str) -> None:
    mail = mail_message(MailRoom().write(asking(written)), OURS)
    assert [address.addr_spec for address in mail["To"].addresses] == [written]
    assert mail["Cc"] is None
    assert mail["Bcc"] is None


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_a_name_adds_no_header_no_link_and_no_markup(name: str) -> None:
    try:
        mail = mail_message(MailRoom().write(asking("sara@shop.example", name=name)), OURS)
    except MessageRefused:
        return
    plain = mail_message(MailRoom().write(asking("sara@shop.example")), OURS)
    assert mail.keys() == plain.keys()
    for kind in ("plain", "html"):
        said, without = mail.get_body((kind,)), plain.get_body((kind,))
        assert said is not None
        assert without is not None
        assert said.get_content() == without.get_content()
