"""From a message of the outbox to the mail a payer reads: plain text, and the same as HTML.

The body of such a message is JSON: ``kind``, ``to``, ``name``, ``order_id``, ``payment_id``, ``amount``
(decimal text), ``currency``, ``provider`` and ``detail``; ``to``, ``name`` and ``detail`` may be null.
"""

import re
import unicodedata
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from typing import Any, Final

import attrs
from jinja2 import Environment, PackageLoader, StrictUndefined, TemplateNotFound, select_autoescape

from payments.application import strict_json
from payments.application.records import Message
from payments.domain.errors import MessageRefused

_FIELDS: Final = ("to", "name", "order_id", "payment_id", "amount", "currency", "provider", "detail")
_MAY_BE_NULL: Final = frozenset({"to", "name", "detail"})
_KIND: Final = re.compile(r"[a-z_]{1,40}", re.ASCII)
_MOST_DETAIL: Final = 200
# Mail programs turn anything that looks like an address of the web into a link, in plain text too; so a name
# that could be one is not repeated.
_NAME: Final = re.compile(r"[^\W\d_](?:[\w'’-]|[. ](?=[\w ]))*\.?")
_NAME_LIKE_A_HOST: Final = re.compile(r"\w\.\w")
_MOST_NAME: Final = 60
_SPOKEN_PROVIDERS: Final = {"mpesa": "M-Pesa", "cash": "cash on delivery"}


@attrs.frozen(kw_only=True)
class Mail:
    """A mail ready to send. ``to`` is exactly one address."""

    message_id: str
    """The outbox message's id: the same mail, sent again, carries the same one."""
    created_at: datetime
    to: Address
    subject: str
    text: str
    html: str


def _provider_name(name: str) -> str:
    return _SPOKEN_PROVIDERS.get(name, name.capitalize())


def _templates() -> Environment:
    templates = Environment(
        loader=PackageLoader("payments.adapters.notifiers"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        # They change with the program only; looking costs four calls of the system for a mail.
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters["provider_name"] = _provider_name
    return templates


@attrs.frozen
class MailRoom:
    """Writes mails from the templates beside this file.

    ``{kind}.txt`` begins with a line that is the subject; ``{kind}.html`` says the same as HTML.
    """

    _templates: Environment = attrs.field(factory=_templates, repr=False)

    def write(self, message: Message) -> Mail:
        """The mail that ``message`` asks for.

        Raises:
            MessageRefused: its body cannot be read, there is no template for it, or no such address.
        """
        try:
            body = strict_json.read_object(message.body)
        except ValueError as error:
            raise MessageRefused(f"The mail cannot be written: {error}") from error
        for field in _FIELDS:
            if not isinstance(body.get(field), str) and not (
                body.get(field) is None and field in _MAY_BE_NULL
            ):
                raise MessageRefused(f"The mail cannot be written: it has no {field}.")
        kind = body.get("kind")
        if not isinstance(kind, str) or not _KIND.fullmatch(kind):
            raise MessageRefused("The mail cannot be written: it has no kind.")
        to = address_of(body["to"])
        values = {field: _one_line(body[field]) for field in _FIELDS}
        return self._rendered(message, kind, to, values | {"name": _spoken(values["name"])})

    def _rendered(self, message: Message, kind: str, to: Address, values: dict[str, Any]) -> Mail:
        try:
            text = self._templates.get_template(f"{kind}.txt").render(values)
            html = self._templates.get_template(f"{kind}.html").render(values)
        except TemplateNotFound as error:
            raise MessageRefused(f"There is no mail of the kind {kind}.") from error
        subject, _, text = text.partition("\n")
        return Mail(
            message_id=str(message.message_id),
            created_at=message.created_at,
            to=to,
            subject=subject,
            text=text.lstrip("\n"),
            html=html,
        )


def address_of(text: str | None) -> Address:
    """The one address written in ``text``, without a name or anything around it.

    Raises:
        MessageRefused: none, several, or something else.
    """
    if not text:
        raise MessageRefused("There is no address to send the mail to.")
    try:
        address = Address(addr_spec=text)
        # What the parser made of it must be what was written: no comment, no folded line, nothing dropped.
        # Servers rarely take SMTPUTF8 (RFC 6531); such an address is left to a person, as every parked mail.
        written = address.addr_spec == text and text.isascii() and text.isprintable()
        if not (written and address.username and address.domain):
            raise MessageRefused("The address is not one a mail can be sent to.")
    except (ValueError, IndexError, AttributeError, MessageError) as error:
        # The library's parser runs off the end of some malformed addresses, and takes its own note of what is
        # wrong with others ("sara@[127.0.0.1") for a part of them.
        raise MessageRefused("The address is not one a mail can be sent to.") from error
    return address


def _one_line(value: str | None) -> str:
    """Without line breaks, invisible characters and marks that turn the direction of text."""
    spaced = " ".join((value or "").split())
    return "".join(c for c in spaced if unicodedata.category(c)[0] != "C")[:_MOST_DETAIL]


def _spoken(name: str) -> str:
    plausible = len(name) <= _MOST_NAME and _NAME.fullmatch(name) and not _NAME_LIKE_A_HOST.search(name)
    return name if plausible else ""
