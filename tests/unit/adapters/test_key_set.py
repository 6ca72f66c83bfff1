"""Which keys of a published set may verify tokens."""

import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from payments.adapters.identity.key_set import read_key_set
from tests.integration.http.door import AUDIENCE
from tests.issuers import Issuer, ec_issuer, public_jwk, rsa_issuer

RSA = rsa_issuer("one")
EC = ec_issuer("one")
SHORT = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 -- too short on purpose


def read(*keys: Any, algorithm: str = "RS256") -> tuple[list[str], tuple[str, ...]]:
    found = read_key_set(json.dumps({"keys": keys}).encode(), algorithm)
    return sorted(found.by_id), found.refused


@pytest.mark.parametrize("issuer", [RSA, EC], ids=["RS256", "ES256"])
@pytest.mark.parametrize(
    "told",
    [
        {},
        {"alg": None},
        {"use": None},
        {"use": None, "key_ops": ["verify"]},
        {"x5t": "thumbprint", "x5c": ["certificate"]},
    ],
)
def test_a_key_that_says_nothing_against_it_verifies(issuer: Issuer, told: dict[str, Any]) -> None:
    found = read_key_set(json.dumps({"keys": [issuer.jwk(**told)]}).encode(), issuer.algorithm)
    assert found.refused == ()
    jwt.decode(issuer.good(), found.by_id["one"], algorithms=[issuer.algorithm], audience=AUDIENCE)


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ({"kty": "oct", "kid": "one", "k": "c2VjcmV0"}, "symmetric"),
        (RSA.jwk(k="c2VjcmV0"), "symmetric"),
        (RSA.jwk(d="c2VjcmV0"), "private"),
        (RSA.jwk(qi="c2VjcmV0"), "private"),
        (RSA.jwk(kid=None), "kid"),
        (RSA.jwk(kid=""), "kid"),
        (RSA.jwk(kid=1), "kid"),
        (RSA.jwk(kid="x" * 256), "kid"),
        (EC.jwk(), "kty"),
        (EC.jwk(alg="RS256"), "kty"),
        (RSA.jwk(kty=None), "kty"),
        (RSA.jwk(alg="RS512"), "alg"),
        (RSA.jwk(alg="HS256"), "alg"),
        (RSA.jwk(alg="none"), "alg"),
        (RSA.jwk(use="enc"), "use"),
        (RSA.jwk(key_ops=["encrypt"]), "key_ops"),
        (RSA.jwk(key_ops="verify"), "key_ops"),
        (RSA.jwk(n=None), "not a key"),
        (RSA.jwk(n="!"), "not a key"),
        (RSA.jwk(n=1), "not a key"),
        (RSA.jwk(e="AA"), "not a key"),
        (RSA.jwk(n="A" * 10_000), "bits"),
        (public_jwk(SHORT) | {"kid": "one"}, "1024 bits"),
        ("junk", "no object"),
        (None, "no object"),
    ],
)
def test_a_key_that_is_not_for_this_is_refused_with_the_reason(key: Any, why: str) -> None:
    named, refused = read(key, RSA.jwk(kid="two"))
    assert named == ["two"]
    assert len(refused) == 1
    assert why in refused[0]


def test_es256_is_one_curve_and_no_other() -> None:
    other = public_jwk(ec.generate_private_key(ec.SECP384R1())) | {"kid": "one"}
    named, refused = read(other, EC.jwk(kid="moved", x=EC.jwk()["y"]), algorithm="ES256")
    assert named == []
    assert "P-256" in refused[0]
    assert "not a key" in refused[1]


def test_a_name_that_stands_for_two_keys_stands_for_none() -> None:
    assert read(RSA.jwk(), rsa_issuer("one").jwk(), RSA.jwk(kid="two")) == (
        ["two"],
        ("'one': two keys have this name",),
    )
    assert read(RSA.jwk(), RSA.jwk(alg=None)) == (["one"], ())


def test_an_empty_set_withdraws_every_key() -> None:
    assert read() == ([], ())
