"""Tokens that must not pass, whatever key an issuer signs with: each as an Authorization header."""

import hashlib
import hmac
import time
from collections.abc import Callable
from typing import Any, Final

import attrs
import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.integration.http.door import AUDIENCE, ISSUER, claims
from tests.issuers import Issuer, encoded

Forger = Callable[[Issuer], str | list[str]]

OTHER_KEY = "some-other-key-that-is-as-long-as-the-right-one"
EVIL = "https://evil.example/keys"


def within(seconds: int) -> int:
    """The instant so many seconds from now, as tokens write it: the suite may have begun long ago."""
    return int(time.time()) + seconds


def keyed(header: Any, payload: Any, key: bytes) -> str:
    """A token signed with HMAC and SHA-256 by anybody's bytes."""
    signed = f"{encoded(header)}.{encoded(payload)}"
    return f"{signed}.{encoded(hmac.new(key, signed.encode(), hashlib.sha256).digest())}"


def changed(token: str, part: int) -> str:
    parts = token.split(".")
    middle = len(parts[part]) // 2
    flipped = "A" if parts[part][middle] != "A" else "B"
    parts[part] = parts[part][:middle] + flipped + parts[part][middle + 1 :]
    return ".".join(parts)


def another_key(issuer: Issuer) -> Issuer:
    """Somebody else with a key of the same kind, who uses the same name for it."""
    match issuer.key:
        case rsa.RSAPrivateKey():
            return attrs.evolve(issuer, key=rsa.generate_private_key(public_exponent=65537, key_size=2048))
        case ec.EllipticCurvePrivateKey():
            return attrs.evolve(issuer, key=ec.generate_private_key(ec.SECP256R1()))
        case _:
            return attrs.evolve(issuer, key=OTHER_KEY)


def other_hash(issuer: Issuer) -> str:
    """Signed by the right key, in another algorithm of its family."""
    if issuer.algorithm == "RS256":
        return jwt.encode(claims(), issuer.key, algorithm="RS512", headers=issuer.header(alg="RS512"))
    if issuer.algorithm == "HS256":
        return jwt.encode(claims(), issuer.key * 2, algorithm="HS512")
    key = ec.generate_private_key(ec.SECP384R1())
    return jwt.encode(claims(), key, algorithm="ES384", headers=issuer.header(alg="ES384"))


def hinted(issuer: Issuer, **header: Any) -> str:
    """Signed by somebody else's key, with a hint where to find it."""
    return another_key(issuer).good(**header)


SHAPES: Final[dict[str, Forger]] = {
    "not a token": lambda _: "Bearer abc",
    "two parts": lambda _: "Bearer a.b",
    "four parts": lambda by: f"Bearer {by.good()}.x",
    "empty": lambda _: "Bearer ",
    "no scheme": lambda by: by.good(),
    "basic": lambda _: "Basic dXNlcjpwYXNz",
    "other scheme": lambda by: f"Token {by.good()}",
    "padded": lambda by: f"Bearer {by.good()}=",
    "trailing blank and more": lambda by: f"Bearer {by.good()} more",
    "sent twice": lambda by: [f"Bearer {by.good()}", f"Bearer {by.good()}"],
    "too long": lambda by: f"Bearer {by.good(claims(filler='x' * 9000))}",
}

TOKENS: Final[dict[str, Callable[[Issuer], str]]] = {
    "alg none": lambda by: f"{encoded(by.header(alg='none'))}.{encoded(claims())}.",
    "alg none, something behind it": lambda by: f"{encoded(by.header(alg='none'))}.{encoded(claims())}.eA",
    "alg none, signed": lambda by: by.good(alg="none"),
    "alg None": lambda by: by.good(alg="None"),
    "alg missing": lambda by: by.good(alg=None),
    "alg null": lambda by: by.by_hand(by.header() | {"alg": None}, claims()),
    "alg a list": lambda by: by.good(alg=[by.algorithm]),
    "alg in lower case": lambda by: by.good(alg=by.algorithm.lower()),
    "another algorithm of the family": other_hash,
    "another algorithm's name": lambda by: by.good(alg="HS512"),
    "another hash's name": lambda by: by.good(alg=by.algorithm.replace("256", "384")),
    "another key": lambda by: another_key(by).good(),
    "the public key as an HMAC secret": lambda by: keyed(
        by.header(alg="HS256"), claims(), by.public.encode()
    ),
    "the public key without its newline": lambda by: keyed(
        by.header(alg="HS256"), claims(), by.public.strip().encode()
    ),
    "an HMAC under the right algorithm's name": lambda by: keyed(by.header(), claims(), by.public.encode()),
    "an empty HMAC key": lambda by: keyed(by.header(alg="HS256"), claims(), b""),
    "the HMAC key of others": lambda by: keyed(by.header(alg="HS256"), claims(), OTHER_KEY.encode()),
    "header changed": lambda by: changed(by.good(), 0),
    "claims changed": lambda by: changed(by.good(), 1),
    "signature changed": lambda by: changed(by.good(), 2),
    "signature cut": lambda by: by.good()[:-6],
    "signature of zeros": lambda by: f"{by.good().rpartition('.')[0]}.{encoded(bytes(64))}",
    "jku": lambda by: hinted(by, jku=EVIL),
    "x5u": lambda by: hinted(by, x5u=EVIL),
    "x5c": lambda by: hinted(by, x5c=[encoded(b"x" * 64)]),
    "jwk": lambda by: hinted(by, jwk={"kty": "oct", "k": encoded(b"x" * 32)}),
    "jwk, signed with it": lambda by: keyed(
        by.header(jwk={"kty": "oct", "k": encoded(b"x" * 32)}), claims(), b"x" * 32
    ),
    "kid to a file": lambda by: keyed(by.header(kid="/dev/null"), claims(), b""),
    "kid up the tree": lambda by: hinted(by, kid="../../../../etc/hostname"),
    "kid with SQL": lambda by: hinted(by, kid="' UNION SELECT 1--"),
    "kid an address": lambda by: hinted(by, kid=EVIL),
    "kid a number": lambda by: by.good(kid=1),
    "unknown critical extension": lambda by: by.good(crit=["exp"], exp=1),
    "detached payload": lambda by: by.good(b64=False, crit=["b64"]),
    "header a list": lambda by: by.by_hand([by.header()], claims()),
    "header not JSON": lambda by: by.by_hand(b"{", claims()),
    "header nested too deep": lambda _: f"{encoded(b'[' * 4000)}.{encoded(claims())}.{encoded(b'x')}",
    "claims a list": lambda by: by.by_hand(by.header(), [claims()]),
    "claims not JSON": lambda by: by.by_hand(by.header(), b"nonsense"),
    "claims not UTF-8": lambda by: by.by_hand(by.header(), bytes([0xFF, 0xFE])),
    "expired": lambda by: by.good(claims(exp=within(-120))),
    "no exp": lambda by: by.good(claims(exp=None)),
    "exp null": lambda by: by.good(claims() | {"exp": None}),
    "exp a word": lambda by: by.good(claims(exp="never")),
    "exp a list": lambda by: by.good(claims(exp=[within(60)])),
    "exp infinite": lambda by: by.good(claims(exp=float("inf"))),
    "exp not a number": lambda by: by.good(claims(exp=float("nan"))),
    "not yet": lambda by: by.good(claims(nbf=within(120))),
    "issued in the future": lambda by: by.good(claims(iat=within(120))),
    "no sub": lambda by: by.good(claims(sub=None)),
    "sub empty": lambda by: by.good(claims(sub="")),
    "sub a number": lambda by: by.good(claims(sub=1)),
    "sub a list": lambda by: by.good(claims(sub=["user_1"])),
    "sub too long": lambda by: by.good(claims(sub="x" * 256)),
    "sub with a NUL": lambda by: by.good(claims(sub="user_1" + chr(0))),
    "sub with a lone surrogate": lambda by: by.good(claims(sub=chr(0xD800))),
    "no iss": lambda by: by.good(claims(iss=None)),
    "another issuer": lambda by: by.good(claims(iss=ISSUER + ".evil.example")),
    "issuer a list": lambda by: by.good(claims(iss=[ISSUER])),
    "no aud": lambda by: by.good(claims(aud=None)),
    "another audience": lambda by: by.good(claims(aud="orders")),
    "audience in other case": lambda by: by.good(claims(aud=AUDIENCE.upper())),
    "a refresh token by header": lambda by: by.good(typ="refresh+jwt"),
    "a logout token by header": lambda by: by.good(typ="logout+jwt"),
    "typ a number": lambda by: by.good(typ=1),
    "a refresh token by claim": lambda by: by.good(claims(token_type="refresh")),
    "an identity token by claim": lambda by: by.good(claims(token_use="id")),
    "a refresh token, capital": lambda by: by.good(claims(typ="Refresh")),
    "scope a list": lambda by: by.good(claims(scope=["payments:read"])),
    "scope null": lambda by: by.good(claims() | {"scope": None}),
}

FORGED: Final[dict[str, Forger]] = SHAPES | {
    name: lambda by, forge=forge: f"Bearer {forge(by)}" for name, forge in TOKENS.items()
}
"""Good for every kind of key: what it forges, by name."""
