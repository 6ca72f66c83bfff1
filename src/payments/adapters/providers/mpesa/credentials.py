"""What Daraja wants beside a token: a push's password, and an initiator's sealed one (sections 3 and 7)."""

import base64
from datetime import datetime, timedelta, timezone
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

EAST_AFRICA: Final = timezone(timedelta(hours=3))
"""Daraja's time: UTC+3, all year."""


def timestamp(now: datetime) -> str:
    """``now`` as Daraja writes it: ``YYYYMMDDHHmmss`` in East Africa Time."""
    return now.astimezone(EAST_AFRICA).strftime("%Y%m%d%H%M%S")


def password(shortcode: str, passkey: str, at: str) -> str:
    """A push's password: base64 of the three texts in a row (section 3.1)."""
    return base64.b64encode(f"{shortcode}{passkey}{at}".encode()).decode()


def security_credential(certificate: str, plain: str) -> str:
    """An initiator's password, sealed for Safaricom: RSA with PKCS#1 v1.5 padding, in base64 (section 7.1).

    The certificate's dates are not looked at: those in circulation ran out years ago.

    Raises:
        ValueError: it is no certificate with an RSA key, or the password is too long for it.
    """
    return base64.b64encode(_public_key(certificate).encrypt(plain.encode(), PKCS1v15())).decode()


def is_certificate(text: str) -> bool:
    """Whether ``text`` is a certificate that a password can be sealed with."""
    try:
        _public_key(text)
    except ValueError:
        return False
    return True


def can_seal(certificate: str, plain: str) -> bool:
    """Whether :func:`security_credential` can do its work."""
    try:
        security_credential(certificate, plain)
    except ValueError:
        return False
    return True


def _public_key(certificate: str) -> RSAPublicKey:
    try:
        key = x509.load_pem_x509_certificate(certificate.encode()).public_key()
    except UnsupportedAlgorithm as error:
        raise ValueError("The certificate's key is of a kind that is not known here.") from error
    if not isinstance(key, RSAPublicKey):
        raise ValueError("The certificate holds no RSA key.")  # noqa: TRY004 -- one error for all bad input
    return key
