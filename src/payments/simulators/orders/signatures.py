"""Standard Webhooks, as its receiver checks them: `webhook-id`, `webhook-timestamp`, `webhook-signature`."""

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Mapping, Sequence

_TOLERANCE_S = 300


def why_not_genuine(headers: Mapping[str, str], body: bytes, secrets: Sequence[str]) -> str | None:
    """Return why the message is refused, or None when one of its `v1` signatures fits one of the secrets."""
    message_id = headers.get("webhook-id", "")
    sent_at = headers.get("webhook-timestamp", "")
    if not message_id or not sent_at.isascii() or not sent_at.isdigit():
        return "webhook-id or webhook-timestamp is missing or malformed"
    if abs(time.time() - int(sent_at)) > _TOLERANCE_S:
        return "webhook-timestamp is too far from now"
    signed = f"{message_id}.{sent_at}.".encode() + body
    offered = [
        signature for word in headers.get("webhook-signature", "").split() for signature in _version_one(word)
    ]
    expected = [_signature(secret, signed) for secret in secrets]
    if any(hmac.compare_digest(one, other) for one in offered for other in expected):
        return None
    return "webhook-signature fits none of the secrets"


def _version_one(word: str) -> list[bytes]:
    version, _, encoded = word.partition(",")
    try:
        return [base64.b64decode(encoded, validate=True)] if version == "v1" else []
    except binascii.Error:
        return []


def _signature(secret: str, signed: bytes) -> bytes:
    return hmac.new(base64.b64decode(secret.removeprefix("whsec_")), signed, hashlib.sha256).digest()
