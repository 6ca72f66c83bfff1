"""A JSON Web Key Set (RFC 7517), read for exactly one algorithm of ours."""

from collections.abc import Mapping
from typing import Any, Final

import attrs
import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from payments.application import strict_json

MOST_KEYS: Final = 100

_KEY_TYPES: Final = {"RS256": "RSA", "ES256": "EC"}
_CURVE: Final = "P-256"  # ES256 means this curve and no other (RFC 7518, section 3.4)
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth"})
_LONGEST_KEY_ID: Final = 255
# RFC 7518, section 3.3; beyond the upper end one verification costs more than a request is worth.
_LEAST_RSA_BITS: Final = 2048
_MOST_RSA_BITS: Final = 8192
_MOST_RSA_CHARACTERS: Final = _MOST_RSA_BITS // 6 + 4


@attrs.frozen
class KeySet:
    """The keys of one document that may verify tokens."""

    by_id: Mapping[str, Any]
    """Public keys of the ``cryptography`` package."""
    refused: tuple[str, ...] = ()
    """Why each of the others may not, for people."""


def read_key_set(body: bytes, algorithm: str) -> KeySet:
    """The keys in ``body`` that are meant for ``algorithm``: RS256 or ES256.

    Symmetric and private keys, keys of another type, algorithm or use, and names that stand for two keys are
    refused one by one.

    Raises:
        ValueError: it is no key set at all.
    """
    listed = strict_json.read_object(body).get("keys")
    if not isinstance(listed, list):
        raise ValueError("It has no list of keys.")  # noqa: TRY004 -- one error for all bad input
    if len(listed) > MOST_KEYS:
        raise ValueError(f"It has more than {MOST_KEYS} keys.")
    by_id: dict[str, Any] = {}
    refused: list[str] = []
    ambiguous: set[str] = set()
    for jwk in listed:
        try:
            key_id, key = _key(jwk, algorithm)
        except ValueError as error:
            refused.append(f"{_name(jwk)}: {error}")
            continue
        if key_id in by_id and by_id[key_id] != key:
            ambiguous.add(key_id)
        by_id[key_id] = key
    refused += [f"{key_id!r}: two keys have this name" for key_id in sorted(ambiguous)]
    return KeySet({name: key for name, key in by_id.items() if name not in ambiguous}, tuple(refused))


def _key(jwk: Any, algorithm: str) -> tuple[str, Any]:
    """The name and the key, or ValueError with why it is of no use."""
    if not isinstance(jwk, dict):
        raise ValueError("no object")  # noqa: TRY004 -- one error for all bad input
    problem = _problem(jwk, algorithm)
    if problem:
        raise ValueError(problem)
    try:
        key = jwt.get_algorithm_by_name(algorithm).from_jwk(jwk)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError("not a key") from error
    if isinstance(key, rsa.RSAPublicKey) and not _LEAST_RSA_BITS <= key.key_size <= _MOST_RSA_BITS:
        raise ValueError(f"{key.key_size} bits")
    return jwk["kid"], key


def _problem(jwk: Mapping[str, Any], algorithm: str) -> str:
    """Why this key must not verify ``algorithm``, before any of its numbers are read; empty when it may."""
    key_id, kind = jwk.get("kid"), jwk.get("kty")
    operations = jwk.get("key_ops", ["verify"])
    for_signatures = (
        jwk.get("use", "sig") == "sig" and isinstance(operations, list) and "verify" in operations
    )
    problems = {
        "symmetric, so whoever reads it could sign": kind == "oct" or "k" in jwk,
        "a private key, which its owner must replace": not _PRIVATE.isdisjoint(jwk),
        "no name (kid)": not isinstance(key_id, str) or not 0 < len(key_id) <= _LONGEST_KEY_ID,
        f"not of the type of {algorithm} (kty)": kind != _KEY_TYPES[algorithm],
        f"for another algorithm than {algorithm} (alg)": jwk.get("alg", algorithm) != algorithm,
        "not for signatures (use, key_ops)": not for_signatures,
        f"not on {_CURVE} (crv)": kind == "EC" and jwk.get("crv") != _CURVE,
        f"more than {_MOST_RSA_BITS} bits": len(str(jwk.get("n", ""))) > _MOST_RSA_CHARACTERS,
    }
    return next((problem for problem, found in problems.items() if found), "")


def _name(jwk: Any) -> str:
    key_id = jwk.get("kid") if isinstance(jwk, dict) else None
    return repr(key_id[:40]) if isinstance(key_id, str) and key_id else "a key without a name"
