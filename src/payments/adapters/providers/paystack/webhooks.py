"""Reading Paystack's notices (fact sheet, section 10)."""

import hmac
import re
from collections.abc import Mapping
from typing import Any, Final

import attrs

from payments.adapters.providers.paystack.mapping import short
from payments.adapters.secret import Secret
from payments.application import strict_json
from payments.application.ports.providers import Hint, RawNotice, Webhooks
from payments.application.records import Claim
from payments.domain.errors import NoticeForged, NoticeMalformed

_SIGNATURE_HEADER: Final = "x-paystack-signature"
_OUR_REFERENCE: Final = re.compile(r"p-[a-z2-7]{26}")
_DISPUTES: Final = "charge.dispute."

_EVENTS: Final[Mapping[str, Claim]] = {
    "charge.success": Claim.PAID,
    # Only this one says that money went back; what the others say of a refund, its own query tells.
    "refund.processed": Claim.RETURNED,
    "refund.pending": Claim.OTHER,
    "refund.processing": Claim.OTHER,
    "refund.failed": Claim.OTHER,
    "refund.needs-attention": Claim.OTHER,
    "charge.dispute.create": Claim.DISPUTED,
    "charge.dispute.remind": Claim.DISPUTED,
}
_STATUSES: Final[Mapping[str, Claim]] = {
    "success": Claim.PAID,
    "failed": Claim.FAILED,
    "reversed": Claim.RETURNED,
}


def _without_empty(keys: tuple[Secret, ...]) -> tuple[Secret, ...]:
    # Everybody can sign with an empty key.
    return tuple(key for key in keys if key)


@attrs.frozen
class PaystackWebhooks(Webhooks):
    """Believes only what one of the active keys signed: Paystack has no secret for webhooks alone."""

    _keys: tuple[Secret, ...] = attrs.field(converter=_without_empty)

    def read(self, notice: RawNotice) -> Hint:
        if not self._is_authentic(notice):
            raise NoticeForged
        try:
            body = strict_json.read_object(notice.body)
        except ValueError as error:
            raise NoticeMalformed(f"The notice cannot be read. {error}") from error
        return hint_of(body)

    def _is_authentic(self, notice: RawNotice) -> bool:
        """Whether exactly one header carries the lower-case HMAC-SHA512 of the raw body (section 10.2)."""
        values = [value for name, value in notice.headers if name == _SIGNATURE_HEADER]
        if len(values) != 1:
            return False
        given = values[0].encode("utf-8", "surrogateescape")
        authentic = False
        # Every key is tried, so that the time taken tells nothing.
        for key in self._keys:
            expected = hmac.digest(key.reveal().encode(), notice.body, "sha512").hex().encode()
            authentic |= hmac.compare_digest(given, expected)
        return authentic


def hint_of(body: Mapping[str, Any]) -> Hint:
    """What an authentic notice is about. Of a body without an event only reference and status are read."""
    event = body.get("event")
    if event is None:
        status = body.get("status")
        word = status if isinstance(status, str) else ""
        claim = _STATUSES.get(word, Claim.OTHER)
        named = {body[name] for name in ("tx_ref", "reference") if isinstance(body.get(name), str)}
        reference = named.pop() if len(named) == 1 else None
    else:
        word = event if isinstance(event, str) else ""
        data = body.get("data")
        told: Mapping[str, Any] = data if isinstance(data, dict) else {}
        claim, reference = _claim(word, told), _reference(word, told)
    if reference is None or not _OUR_REFERENCE.fullmatch(reference):
        return Hint(reference=None, claim=Claim.IGNORED, word=short(word))
    return Hint(reference=reference, claim=claim, word=short(word))


def _claim(event: str, data: Mapping[str, Any]) -> Claim:
    if event == "charge.dispute.resolve":
        # A dispute that the shop won, or gave in to in part, leaves the money where it is.
        return Claim.CHARGED_BACK if _transaction(data).get("status") == "reversed" else Claim.OTHER
    # What is no charge or refund event is ignored (docs/model.md section 3); new ones of those say "look
    # again".
    unlisted = Claim.OTHER if event.startswith(("charge.", "refund.")) else Claim.IGNORED
    return _EVENTS.get(event, unlisted)


def _reference(event: str, data: Mapping[str, Any]) -> str | None:
    """Our reference, which each kind of event keeps in another place (section 10.3)."""
    if event.startswith("refund."):
        reference = data.get("transaction_reference")
    elif event.startswith(_DISPUTES):
        reference = _transaction(data).get("reference")
    else:
        reference = data.get("reference")
    return reference if isinstance(reference, str) else None


def _transaction(data: Mapping[str, Any]) -> Mapping[str, Any]:
    transaction = data.get("transaction")
    return transaction if isinstance(transaction, dict) else {}
