"""Calling Paystack's API (fact sheet, section 1)."""

import json
import re
from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

import attrs
import structlog
from structlog.typing import FilteringBoundLogger

from payments.adapters.http_client import Call, Reply, exchange
from payments.adapters.providers.paystack.settings import PaystackSettings
from payments.adapters.providers.surroundings import Surroundings
from payments.adapters.retry_after import retry_after_s
from payments.adapters.unsent import asked_again_if_unsent
from payments.application import strict_json
from payments.domain.errors import GatewayError, OutcomeUnknown, ProviderRejected, ProviderUnavailable

_LONGEST_MESSAGE_CHARACTERS: Final = 300
_WAIT_S: Final = 5.0
_CLIENT_ERRORS: Final = range(400, 500)
# 4xx answers that do not say whether the request was taken in.
_UNDECIDED: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY})
_PAGES: Final = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)
_CODE: Final = re.compile(r"[A-Za-z_]{1,80}")


@attrs.frozen(kw_only=True)
class PaystackAnswer:
    """One answer in Paystack's envelope; ``body`` is None when it is no JSON object."""

    status: int
    body: Mapping[str, Any] | None
    retry_after_s: float | None = None
    date: str = ""
    """When Paystack says that it answered, as it says it."""

    @property
    def worked(self) -> bool:
        """Whether the call worked, by the envelope and by HTTP; it never means "it is paid"."""
        succeeded = HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES
        return succeeded and self.body is not None and self.body.get("status") is True

    @property
    def refused(self) -> bool:
        """Whether Paystack itself, and no server before it, says that the call did not work."""
        return self.body is not None and self.body.get("status") is False

    @property
    def data(self) -> Mapping[str, Any] | None:
        """The envelope's ``data``, when it is an object."""
        data = self.body.get("data") if self.body else None
        return data if isinstance(data, dict) else None

    @property
    def rows(self) -> tuple[Mapping[str, Any], ...] | None:
        """The envelope's ``data``, when it is a list of objects."""
        data = self.body.get("data") if self.body else None
        if not isinstance(data, list) or not all(isinstance(row, dict) for row in data):
            return None
        return tuple(data)

    @property
    def pages(self) -> int | None:
        """How many pages a list has; None where Paystack does not count them (section 6)."""
        meta = self.body.get("meta") if self.body else None
        pages = str(meta.get("pageCount")) if isinstance(meta, dict) else ""
        return int(pages) if _PAGES.fullmatch(pages) else None

    @property
    def code(self) -> str:
        """The envelope's ``code``, or empty: many errors have none."""
        code = self.body.get("code") if self.body else None
        return code if isinstance(code, str) and _CODE.fullmatch(code) else ""

    @property
    def message(self) -> str:
        """``message`` as one printable line."""
        return flattened(self.body.get("message")) if self.body else ""

    def says(self, *phrases: str) -> bool:
        """Whether ``message`` is one of ``phrases``; case and a dot at the end mean nothing (section 1)."""
        said = self.message.casefold().rstrip(".")
        return any(said == phrase.casefold().rstrip(".") for phrase in phrases)


@attrs.frozen(kw_only=True)
class PaystackApi:
    """Calls of one merchant account: the key goes in, one line is logged, and the envelope is read."""

    settings: PaystackSettings
    _surroundings: Surroundings
    _log: FilteringBoundLogger = attrs.field(factory=structlog.get_logger, init=False, eq=False, repr=False)

    async def ask(self, name: str, path: str, query: Mapping[str, str | int] | None = None) -> PaystackAnswer:
        """GET ``path``. Asking changes nothing, so a call that did not get out is simply made once more.

        Raises:
            ProviderUnavailable: nothing was sent.
            OutcomeUnknown: there was no whole answer.
        """
        return await asked_again_if_unsent(partial(self._call, name, "GET", path, query=query))

    async def send(self, name: str, path: str, fields: Mapping[str, Any]) -> PaystackAnswer:
        """POST ``fields`` as JSON, once.

        Raises:
            ProviderUnavailable: nothing was sent.
            OutcomeUnknown: there was no whole answer.
        """
        content = json.dumps(fields, ensure_ascii=True, separators=(",", ":")).encode()
        return await self._call(name, "POST", path, content=content)

    async def _call(
        self,
        name: str,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int] | None = None,
        content: bytes | None = None,
    ) -> PaystackAnswer:
        headers = {
            "authorization": f"Bearer {self.settings.secret_key.reveal()}",
            "accept": "application/json",
        }
        if content is not None:
            headers["content-type"] = "application/json"
        client, clock = self._surroundings.client, self._surroundings.clock
        url = f"{self.settings.base_url}{path}" + (f"?{urlencode(query)}" if query else "")
        request = Call(method=method, url=url, headers=headers, body=content)
        started = clock.monotonic()
        said = {"provider": "paystack", "call": name}
        try:
            reply = await exchange(client, request)
        except GatewayError as error:
            self._log.warning(
                "provider call", **said, trouble=error.code, duration_ms=_since_ms(started, clock.monotonic())
            )
            raise
        self._log.info(
            "provider call", **said, status=reply.status, duration_ms=_since_ms(started, clock.monotonic())
        )
        return self._read(reply)

    def _read(self, reply: Reply) -> PaystackAnswer:
        try:
            body = strict_json.read_object(reply.body)
        except ValueError:
            body = None
        wait_s = None
        if reply.status == HTTPStatus.TOO_MANY_REQUESTS:
            wait_s = retry_after_s(_reset(reply), self._surroundings.clock.now())
        return PaystackAnswer(status=reply.status, body=body, retry_after_s=wait_s, date=reply.header("date"))


def refusal(answer: PaystackAnswer) -> GatewayError:
    """What an answer to a POST that did not work allows to be done next (sections 1.1 and 11)."""
    if answer.status == HTTPStatus.UNAUTHORIZED:
        return ProviderRejected("Paystack does not accept our key: this service's configuration is wrong.")
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        return ProviderUnavailable(
            "Paystack asks us to come back later.", retry_after_s=answer.retry_after_s or _WAIT_S
        )
    if answer.status not in _CLIENT_ERRORS or answer.status in _UNDECIDED or not answer.refused:
        return OutcomeUnknown(
            f"Paystack answered {answer.status}, which does not say whether it did anything."
        )
    return ProviderRejected(f"Paystack refused: {answer.message or answer.status}")


def flattened(message: Any) -> str:
    """A text of Paystack as one printable line; empty when it is no text."""
    text = message if isinstance(message, str) else ""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line[:_LONGEST_MESSAGE_CHARACTERS]


def _reset(reply: Reply) -> str:
    """How long to wait: ``Retry-After`` is undocumented and honoured; the other counts seconds too."""
    return reply.header("retry-after") or reply.header("x-ratelimit-reset")


def _since_ms(started: float, ended: float) -> int:
    return round((ended - started) * 1000)
