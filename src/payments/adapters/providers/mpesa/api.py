"""Calling Daraja (fact sheet, section 2)."""

import json
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Final

import attrs
import structlog
from structlog.typing import FilteringBoundLogger

from payments.adapters.http_client import Call, Reply, exchange
from payments.adapters.providers.mpesa.access import AccessTokens
from payments.adapters.providers.mpesa.queries import Queries
from payments.adapters.providers.mpesa.settings import MpesaSettings
from payments.adapters.providers.surroundings import Surroundings
from payments.adapters.retry_after import retry_after_s
from payments.application import strict_json
from payments.domain.errors import GatewayError, StorageError

_LONGEST_TEXT_CHARACTERS: Final = 300

_TOKEN_REFUSED: Final = frozenset(
    {"404.001.03", "404.001.04", "400.003.01", "401.002.01", "401.001", "401.003.01"}
)
"""Section 2.2: nothing was processed, and a fresh token may be taken. A 404 means "unauthorised" here."""

_BUSY: Final = "500.003.02"
_BEYOND_QUOTA: Final = "500.003.03"
_QUOTA_S: Final = 240.0
"""Long, and yet over while a prompt that was said to be paid still keeps others away (``SAID_LATELY``)."""


@attrs.frozen(kw_only=True)
class MpesaAnswer:
    """One answer; ``body`` is None when it is no JSON object."""

    status: int
    body: Mapping[str, Any] | None
    retry_after_s: float | None = None

    def text(self, name: str) -> str:
        """The field as one printable line, whether it is a number or a text; empty when it is neither."""
        return line_of(self.body.get(name)) if self.body else ""

    @property
    def error_code(self) -> str:
        """Daraja's own code, such as ``500.001.1001``, or the code of its gateway; empty for none."""
        detail = self._fault.get("detail")
        if isinstance(detail, dict):
            return line_of(detail.get("errorcode"))
        return self.text("errorCode")

    @property
    def message(self) -> str:
        """Daraja's own words, or those of its gateway; may be empty."""
        return self.text("errorMessage") or line_of(self._fault.get("faultstring"))

    def says(self, *phrases: str) -> bool:
        """Whether the message contains one of ``phrases``, case aside."""
        said = self.message.casefold()
        return any(phrase in said for phrase in phrases)

    @property
    def token_refused(self) -> bool:
        """Whether it was our token that was refused, and a fresh one may do."""
        if self.says("no apiproduct match"):
            return False
        unauthorised = self.status == HTTPStatus.UNAUTHORIZED and self.says("invalid access token")
        return unauthorised or (self.status != HTTPStatus.OK and self.error_code in _TOKEN_REFUSED)

    @property
    def _fault(self) -> Mapping[str, Any]:
        """What the gateway says in a shape of its own (section 2.3)."""
        fault = self.body.get("fault") if self.body else None
        return fault if isinstance(fault, dict) else {}

    @property
    def limited(self) -> bool:
        """Whether we called too often, and nothing was done (section 2.3)."""
        return self.status == HTTPStatus.TOO_MANY_REQUESTS or self.error_code in {_BUSY, _BEYOND_QUOTA}

    @property
    def beyond_quota(self) -> bool:
        """Whether our app's calls are used up: that takes long, and a person has to know (section 2.3)."""
        return self.error_code == _BEYOND_QUOTA

    @property
    def rest_s(self) -> float | None:
        """How long nothing should be called; None where nothing says so."""
        return max(_QUOTA_S, self.retry_after_s or 0.0) if self.beyond_quota else self.retry_after_s


@attrs.frozen(kw_only=True)
class MpesaApi:
    """Calls of one app: the token goes in, one line is logged, and the answer is read."""

    settings: MpesaSettings
    _surroundings: Surroundings
    _access: AccessTokens
    _queries: Queries
    _log: FilteringBoundLogger = attrs.field(factory=structlog.get_logger, init=False, eq=False, repr=False)

    @property
    def surroundings(self) -> Surroundings:
        """Clock, shared state and the rest."""
        return self._surroundings

    async def call(self, name: str, path: str, fields: Mapping[str, Any]) -> MpesaAnswer:
        """Post ``fields`` as JSON to ``path``; again with a fresh token if the token was refused, once.

        Raises:
            ProviderRejected: Daraja does not know our consumer key or secret.
            ProviderUnavailable: nothing was sent.
            OutcomeUnknown: there was no whole answer.
        """
        token = await self._access.current()
        answer = await self._post(name, path, fields, token)
        if not answer.token_refused:
            return answer
        return await self._post(name, path, fields, await self._access.current(failed=token))

    async def _post(self, name: str, path: str, fields: Mapping[str, Any], token: str) -> MpesaAnswer:
        client, clock = self._surroundings.client, self._surroundings.clock
        request = Call(
            method="POST",
            url=f"{self.settings.base_url}{path}",
            headers={
                "authorization": f"Bearer {token}",
                "accept": "application/json",
                "content-type": "application/json",
            },
            body=json.dumps(fields, ensure_ascii=True, separators=(",", ":")).encode(),
        )
        started_s = clock.monotonic()
        # What is sent and answered names the payer's phone: only these parts are logged.
        said = {"provider": "mpesa", "call": name}
        try:
            reply = await exchange(client, request, secrets=_secrets(fields))
        except GatewayError as trouble:
            self._log.warning(
                "provider call",
                **said,
                trouble=trouble.code,
                duration_ms=_since_ms(started_s, clock.monotonic()),
            )
            raise
        answer = self._read(reply)
        self._log.info(
            "provider call",
            **said,
            status=reply.status,
            code=answer.error_code[:64],
            duration_ms=_since_ms(started_s, clock.monotonic()),
        )
        if answer.beyond_quota:
            self._log.error("mpesa_quota_used_up", call=name, rest_s=answer.rest_s)
            # It is that of our app: whatever was called, questions would only be refused as well.
            with suppress(StorageError):
                await self._queries.rest(answer.rest_s)
        return answer

    def _read(self, reply: Reply) -> MpesaAnswer:
        try:
            body = strict_json.read_object(reply.body)
        except ValueError:
            body = None
        wait_s = None
        if reply.status == HTTPStatus.TOO_MANY_REQUESTS:
            wait_s = retry_after_s(reply.header("retry-after"), self._surroundings.clock.now())
        return MpesaAnswer(status=reply.status, body=body, retry_after_s=wait_s)


def line_of(value: Any) -> str:
    """A code or text of Daraja as one printable line, whether a number or a text; empty for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    text = str(value)
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:_LONGEST_TEXT_CHARACTERS]


def _secrets(fields: Mapping[str, Any]) -> tuple[str, ...]:
    """What stands in a body of ours to prove who we are, and the tokens in the addresses it names."""
    proofs = [str(fields[name]) for name in ("Password", "SecurityCredential") if name in fields]
    addresses = [str(value) for name, value in fields.items() if name.lower().endswith("url")]
    return (*proofs, *(address.rstrip("/").rpartition("/")[2] for address in addresses))


def _since_ms(started_s: float, ended_s: float) -> int:
    return round((ended_s - started_s) * 1000)
