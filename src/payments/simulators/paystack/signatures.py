"""The signature of a webhook (fact sheet, section 10.2)."""

import hashlib
import hmac

_HEADER = "x-paystack-signature"


def signature(secret: str, message: bytes) -> str:
    """Return HMAC-SHA512 in lower-case hex, keyed by the secret key's UTF-8 bytes."""
    return hmac.new(secret.encode(), message, hashlib.sha512).hexdigest()


def signature_headers(secret: str, body: bytes, style: str, other_mode: str) -> dict[str, str]:
    """Return the headers of a delivery.

    `good` is what Paystack sends; `other_mode` is signed by that key, `sha256` with the wrong hash.
    """
    return {
        "good": {_HEADER: signature(secret, body)},
        "forged": {_HEADER: signature(f"not {secret}", body)},
        "other_mode": {_HEADER: signature(other_mode, body)},
        "sha256": {_HEADER: hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()},
        "missing": {},
    }[style]
