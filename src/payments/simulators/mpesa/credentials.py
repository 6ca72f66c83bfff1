"""The secrets of an app: tokens, the push password, the initiator's password (fact sheet 2.1, 3.1, 7.1)."""

import base64
import binascii
import hmac
import re
import time
from datetime import UTC, datetime, timedelta

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from payments.simulators.documents import Documents
from payments.simulators.mpesa import formats

_KEY_BITS = 2048
_PUBLIC_EXPONENT = 65537
_VALID_FOR = timedelta(days=3650)
_COMMON_NAME = "simulated-daraja"
_TIMESTAMP = re.compile(r"[0-9]{14}\Z")


def push_password(shortcode: str, passkey: str, timestamp: str) -> str:
    """Return the base64 of the three put together."""
    return base64.b64encode(f"{shortcode}{passkey}{timestamp}".encode()).decode()


def same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())


def new_private_key() -> bytes:
    """Return a new RSA-2048 key as unencrypted PEM, for `MpesaSimulatorConfig.private_key_pem`."""
    key = rsa.generate_private_key(public_exponent=_PUBLIC_EXPONENT, key_size=_KEY_BITS)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def certificate_of(private_key_pem: bytes) -> bytes:
    """Return a self-signed X.509 certificate of the key as PEM, as an initiator encrypts with."""
    key = _rsa(private_key_pem)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, _COMMON_NAME)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _VALID_FOR)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM)


def decrypted(private_key_pem: bytes, credential: str) -> str | None:
    """Return what was encrypted with the certificate by RSA PKCS#1 v1.5, or None."""
    try:
        encrypted = base64.b64decode(credential, validate=True)
        return _rsa(private_key_pem).decrypt(encrypted, padding.PKCS1v15()).decode()
    except (binascii.Error, ValueError):
        return None


def is_password(said: str, password: str, style: str) -> bool:
    """Tell whether the decrypted text is the password; `any` also takes what some SDKs make of it (7.1)."""
    if same(said, password):
        return True
    if style != "any":
        return False
    return same(said, base64.b64encode(password.encode()).decode()) or same(
        _TIMESTAMP.sub("", said), password
    )


def _rsa(private_key_pem: bytes) -> rsa.RSAPrivateKey:
    # Checking that the primes are primes takes a tenth of a second each time, and nobody else's money.
    key = serialization.load_pem_private_key(
        private_key_pem, password=None, unsafe_skip_rsa_key_validation=True
    )
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("the simulator's key must be an RSA key")
    return key


@attrs.frozen
class Tokens:
    """The access tokens in force."""

    _documents: Documents

    def issue(self, life_s: float, *, alone: bool) -> str:
        """Return a new token; `alone` ends every other."""
        token = formats.access_token()
        others = {} if alone else self._in_force()
        self._documents.put("tokens", "*", {**others, token: time.time() + life_s})
        return token

    def valid(self, token: str) -> bool:
        return token in self._in_force()

    def revoke(self) -> None:
        self._documents.remove("tokens", "*")

    def _in_force(self) -> dict[str, float]:
        stored = self._documents.get("tokens", "*") or {}
        now = time.time()
        return {token: until for token, until in stored.items() if until > now}


@attrs.frozen
class Initiator:
    """The initiator's key, and how often its password was wrong in a row."""

    _documents: Documents
    _given_key_pem: bytes | None

    def key_pem(self) -> bytes:
        """Return the private key: the one given, or one made at the first need and kept."""
        if self._given_key_pem is not None:
            return self._given_key_pem
        stored = self._documents.get("initiator", "key")
        if stored is None:
            stored = {"pem": new_private_key().decode()}
            self._documents.put("initiator", "key", stored)
        return str(stored["pem"]).encode()

    def keep_key(self) -> bytes | None:
        """Return the key made so far, so that a reset can put it back and certificates stay good."""
        stored = self._documents.get("initiator", "key")
        return None if stored is None else str(stored["pem"]).encode()

    def put_key(self, pem: bytes) -> None:
        self._documents.put("initiator", "key", {"pem": pem.decode()})

    def wrong_tries(self) -> int:
        stored = self._documents.get("initiator", "wrong_tries")
        return 0 if stored is None else int(stored["count"])

    def count_wrong_try(self) -> None:
        self._documents.put("initiator", "wrong_tries", {"count": self.wrong_tries() + 1})

    def forgive(self) -> None:
        self._documents.remove("initiator", "wrong_tries")
