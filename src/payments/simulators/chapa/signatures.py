"""The two signature headers of a webhook (fact sheet 6.1)."""

import hashlib
import hmac


def signature(secret: str, message: bytes) -> str:
    """Return HMAC-SHA256 in lower-case hex, keyed by the secret's UTF-8 bytes."""
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def signature_headers(secret: str, body: bytes, style: str) -> dict[str, str]:
    """Return the headers of a delivery.

    `both` is what Chapa sends: the body's HMAC in `x-chapa-signature` and, in `chapa-signature`, that of
    the secret itself, a constant that proves nothing. `custom` webhooks carry the body's HMAC in
    `chapa-signature`.
    """
    of_body, constant = signature(secret, body), signature(secret, secret.encode())
    return {
        "both": {"x-chapa-signature": of_body, "chapa-signature": constant},
        "payload": {"x-chapa-signature": of_body},
        "custom": {"chapa-signature": of_body},
        "constant": {"chapa-signature": constant},
        "forged": {"x-chapa-signature": signature("not " + secret, body), "chapa-signature": constant},
        "missing": {},
    }[style]
