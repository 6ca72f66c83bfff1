"""Issuers of tokens: one of each kind of key, and what they publish."""

import base64
import json
from collections.abc import Mapping
from typing import Any

import attrs
import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from tests.integration.http.door import KEY, claims

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def encoded(part: Any) -> str:
    """A part of a token: bytes as they are, anything else as JSON."""
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@attrs.frozen(kw_only=True)
class Issuer:
    """Whoever signs tokens with one key."""

    algorithm: str
    key: Any
    """A shared secret, or a private key."""
    kid: str | None = None
    """The name its key is published under; None where the key itself is configured."""

    def header(self, **changed: Any) -> dict[str, Any]:
        """The header of a good token; a changed member that is None is left out."""
        good = {"alg": self.algorithm, "typ": "JWT", "kid": self.kid} | changed
        return {name: value for name, value in good.items() if value is not None}

    def good(self, payload: Mapping[str, Any] | None = None, **header: Any) -> str:
        return self.by_hand(self.header(**header), claims() if payload is None else payload)

    def by_hand(self, header: Any, payload: Any) -> str:
        """A token of any content, truly signed by this issuer whatever its header says."""
        signed = f"{encoded(header)}.{encoded(payload)}"
        algorithm = jwt.get_algorithm_by_name(self.algorithm)
        signature = algorithm.sign(signed.encode(), algorithm.prepare_key(self.key))
        return f"{signed}.{encoded(signature)}"

    @property
    def public(self) -> str:
        """What the world knows: the public key in PEM; of a shared secret, nothing."""
        return "" if self.algorithm == "HS256" else public_pem(self.key)

    def jwk(self, **changed: Any) -> dict[str, Any]:
        """What it publishes; a changed member that is None is left out."""
        told = public_jwk(self.key) | {"kid": self.kid, "alg": self.algorithm, "use": "sig"} | changed
        return {name: value for name, value in told.items() if value is not None}


def shared_secret() -> Issuer:
    return Issuer(algorithm="HS256", key=KEY)


def rsa_issuer(kid: str | None = None) -> Issuer:
    return Issuer(
        algorithm="RS256", key=rsa.generate_private_key(public_exponent=65537, key_size=2048), kid=kid
    )


def ec_issuer(kid: str | None = None) -> Issuer:
    return Issuer(algorithm="ES256", key=ec.generate_private_key(ec.SECP256R1()), kid=kid)


def public_pem(key: PrivateKey) -> str:
    encoding, shape = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(encoding, shape).decode()


def public_jwk(key: PrivateKey) -> dict[str, Any]:
    if isinstance(key, rsa.RSAPrivateKey):
        told = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    else:
        told = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {name: value for name, value in told.items() if name != "key_ops"}
