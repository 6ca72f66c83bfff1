"""Reading Chapa's notices (fact sheet, section 6)."""

import hmac
import re
from collections.abc import Mapping
from typing import Any, Final

import attrs

from payments.adapters.providers.chapa.api import flattened
from payments.adapters.secret import Secret
from payments.application import strict_json
from payments.application.ports.providers import Hint, RawNotice, Webhooks
from payments.application.records import Claim
from payments.domain.errors import NoticeForged, NoticeMalformed

_SIGNATURE_HEADERS: Final = ("x-chapa-signature", "chapa-signature")
_OUR_REFERENCE: Final = re.compile(r"p-[a-z2-7]{26}")
_LONGEST_WORD_CHARACTERS: Final = 80

_EVENTS: Final[Mapping[str, Claim]] = {
    "charge.success": Claim.PAID,
    "charge.failed/cancelled": Claim.FAILED,
    "charge.failed": Claim.FAILED,
    "charge.cancelled": Claim.FAILED,
    "charge.refunded": Claim.RETURNED,
    "charge.reversed": Claim.RETURNED,
    "refund.success": Claim.RETURNED,
    "refund.reversed": Claim.OTHER,
    "refund.failed": Claim.OTHER,
}
_STATUSES: Final[Mapping[str, Claim]] = {
    "success": Claim.PAID,
    "failed": Claim.FAILED,
    "cancelled": Claim.FAILED,
    "failed/cancelled": Claim.FAILED,
    "refunded": Claim.RETURNED,
    "reversed": Claim.RETURNED,
}


def _without_empty(secrets: tuple[Secret, ...]) -> tuple[Secret, ...]:
    # Everybody can sign with an empty key.
    return tuple(secret for secret in secrets if secret)


@attrs.frozen
class ChapaWebhooks(Webhooks):
    """Believes only what one of the active secrets signed; without a secret, nothing."""

    _secrets: tuple[Secret, ...] = attrs.field(converter=_without_empty)
    _constants: tuple[bytes, ...] = attrs.field(init=False, repr=False)
    """What each of the secrets makes of itself."""

    @_constants.default
    def _of_themselves(self) -> tuple[bytes, ...]:
        keys = [secret.reveal().encode() for secret in self._secrets]
        return tuple(hmac.digest(key, key, "sha256").hex().encode() for key in keys)

    def read(self, notice: RawNotice) -> Hint:
        if not self._is_authentic(notice):
            raise NoticeForged
        try:
            body = strict_json.read_object(notice.body)
        except ValueError as error:
            raise NoticeMalformed(f"The notice cannot be read. {error}") from error
        return hint_of(body)

    def _is_authentic(self, notice: RawNotice) -> bool:
        """Whether a header carries the HMAC of the raw body (section 6.1).

        ``chapa-signature`` usually carries the HMAC of the secret itself, a constant that covers nothing; it
        counts only where it covers the body, as custom webhooks have it.
        """
        given: list[bytes] = []
        for header in _SIGNATURE_HEADERS:
            values = [value for name, value in notice.headers if name == header]
            if len(values) > 1:
                return False
            given += [value.encode("utf-8", "surrogateescape") for value in values]
        authentic = False
        # Every secret and header is compared, so that the time taken tells nothing.
        for secret, constant in zip(self._secrets, self._constants, strict=True):
            key = secret.reveal().encode()
            expected = hmac.digest(key, notice.body, "sha256").hex().encode()
            for value in given:
                covers_body = hmac.compare_digest(value, expected)
                is_constant = hmac.compare_digest(value, constant)
                authentic |= covers_body and not is_constant
        return authentic


def hint_of(body: Mapping[str, Any]) -> Hint:
    """What an authentic notice is about. Of a body without an event only reference and status are read."""
    event, status = body.get("event"), body.get("status")
    word = flattened(event or status)[:_LONGEST_WORD_CHARACTERS]
    reference = body.get("tx_ref")
    claim = _claim(event, status)
    if (
        not isinstance(reference, str)
        or not _OUR_REFERENCE.fullmatch(reference)
        or body.get("type") == "Payout"
    ):
        return Hint(reference=None, claim=Claim.IGNORED, word=word)
    return Hint(reference=reference, claim=claim, word=word)


def _claim(event: Any, status: Any) -> Claim:
    if event is None:
        return _STATUSES.get(status, Claim.OTHER) if isinstance(status, str) else Claim.OTHER
    if not isinstance(event, str):
        return Claim.IGNORED
    if event in _EVENTS:
        return _EVENTS[event]
    # What is no charge or refund event is ignored (docs/model.md section 3); new ones of those say "look
    # again".
    return Claim.OTHER if event.startswith(("charge.", "refund.")) else Claim.IGNORED
