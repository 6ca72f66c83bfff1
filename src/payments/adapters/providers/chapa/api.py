"""Calling Chapa's API v1 (fact sheet, section 1)."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

import attrs
import structlog
from structlog.typing import FilteringBoundLogger

from payments.adapters.http_client import Call, Reply, exchange
from payments.adapters.providers.chapa.settings import ChapaSettings
from payments.adapters.providers.surroundings import Surroundings
from payments.adapters.retry_after import retry_after_s
from payments.application import strict_json
from payments.domain.errors import GatewayError, OutcomeUnknown, ProviderRejected, ProviderUnavailable

_LONGEST_MESSAGE_CHARACTERS: Final = 300
_CLIENT_ERRORS: Final = range(400, 500)
# 4xx answers that do not say whether the request was taken in.
_UNDECIDED: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY})
_WAIT_S: Final = 5.0


@attrs.frozen(kw_only=True)
class ChapaAnswer:
    """One answer in Chapa's envelope; ``body`` is None when it is no JSON object."""

    status: int
    body: Mapping[str, Any] | None
    retry_after_s: float | None = None
    date: str = ""
    """When Chapa says that it answered, as it says it."""

    @property
    def data(self) -> Mapping[str, Any] | None:
        """The envelope's ``data``, when it is an object."""
        data = self.body.get("data") if self.body else None
        return data if isinstance(data, dict) else None

    @property
    def word(self) -> str:
        """The envelope's own ``status``: "the call worked", never "it is paid" (section 4.3)."""
        word = self.body.get("status") if self.body else None
        return word if isinstance(word, str) else ""

    @property
    def message(self) -> str:
        """``message`` as one line, whether it is a text or an object of texts by field (section 2.3)."""
        return flattened(self.body.get("message")) if self.body else ""

    def says(self, *phrases: str) -> bool:
        """Whether ``message`` contains one of ``phrases``, case aside; the texts are no stable codes."""
        said = self.message.casefold()
        return any(phrase in said for phrase in phrases)


@attrs.frozen(kw_only=True)
class ChapaApi:
    """Calls of one merchant account: the key goes in, one line is logged, and the envelope is read."""

    settings: ChapaSettings
    _surroundings: Surroundings
    _log: FilteringBoundLogger = attrs.field(factory=structlog.get_logger, init=False, eq=False, repr=False)

    async def call(
        self,
        name: str,
        method: str,
        path: str,
        fields: Mapping[str, Any] | None = None,
        *,
        form: Mapping[str, str] | None = None,
    ) -> ChapaAnswer:
        """Call ``path`` under the base address, with ``fields`` as JSON or ``form`` as a form.

        Raises:
            ProviderUnavailable: nothing was sent.
            OutcomeUnknown: there was no whole answer.
        """
        headers = {
            "authorization": f"Bearer {self.settings.secret_key.reveal()}",
            "accept": "application/json",
        }
        content = None
        if fields is not None:
            headers["content-type"] = "application/json"
            content = json.dumps(fields, ensure_ascii=True, separators=(",", ":")).encode()
        elif form is not None:
            headers["content-type"] = "application/x-www-form-urlencoded"
            content = urlencode(form).encode()
        client, clock = self._surroundings.client, self._surroundings.clock
        request = Call(method=method, url=f"{self.settings.base_url}{path}", headers=headers, body=content)
        started = clock.monotonic()
        said = {"provider": "chapa", "call": name}
        try:
            reply = await exchange(client, request)
        except GatewayError as error:
            self._log.warning(
                "provider call", **said, trouble=error.code, duration_ms=_since_ms(started, clock.monotonic())
            )
            raise
        self._log.info(
            "provider call",
            **said,
            status=reply.status,
            provider_request_id=_printable(reply.header("x-amzn-requestid"))[:64],
            duration_ms=_since_ms(started, clock.monotonic()),
        )
        return self._read(reply)

    def _read(self, reply: Reply) -> ChapaAnswer:
        try:
            body = strict_json.read_object(reply.body)
        except ValueError:
            body = None
        wait_s = None
        if reply.status == HTTPStatus.TOO_MANY_REQUESTS:
            wait_s = retry_after_s(reply.header("retry-after"), self._surroundings.clock.now())
        return ChapaAnswer(status=reply.status, body=body, retry_after_s=wait_s, date=reply.header("date"))


def refusal(answer: ChapaAnswer) -> GatewayError:
    """What an answer other than the wanted one allows to be done next."""
    if answer.status == HTTPStatus.UNAUTHORIZED:
        return ProviderRejected("Chapa does not accept our key: this service's configuration is wrong.")
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        return ProviderUnavailable(
            "Chapa asks us to come back later.", retry_after_s=answer.retry_after_s or _WAIT_S
        )
    if answer.body is None or answer.status not in _CLIENT_ERRORS or answer.status in _UNDECIDED:
        return OutcomeUnknown(f"Chapa answered {answer.status}, which does not say whether it did anything.")
    return ProviderRejected(f"Chapa refused: {answer.message or answer.status}")


def flattened(message: Any) -> str:
    """A message of Chapa as one printable line: ``amount: validation.required; tx_ref: ...``."""
    match message:
        case str():
            text = message
        case dict():
            text = "; ".join(f"{field}: {flattened(said)}" for field, said in message.items())
        case list():
            text = ", ".join(flattened(said) for said in message)
        case _:
            text = ""
    return _printable(text)[:_LONGEST_MESSAGE_CHARACTERS]


def _printable(text: str) -> str:
    if not text.isprintable():
        text = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(text.split())


def _since_ms(started: float, ended: float) -> int:
    return round((ended - started) * 1000)
