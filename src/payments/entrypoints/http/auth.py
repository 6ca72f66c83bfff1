"""Who is calling: bearer tokens (RFC 6750, RFC 7519, RFC 8725) with one fixed algorithm per key."""

import enum
import re
import time
from typing import Any, Final

import attrs
import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from starlette.requests import Request

from payments.application.ports.caller_keys import CallerKeys
from payments.domain.errors import ConfigurationInvalid, FieldError
from payments.entrypoints.http.known_tokens import KnownToken, KnownTokens
from payments.entrypoints.http.problems import INSUFFICIENT_SCOPE, UNAUTHENTICATED, Refused

LEEWAY_S: Final = 30
"""How far the clock of whoever issues tokens may differ from ours."""
SUBJECT: Final = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,255}")
"""What a user may be called."""

_COMPACT: Final = re.compile(r"bearer +([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)", re.IGNORECASE)
_LONGEST: Final = 8 * 1024
_KEY_ID: Final = re.compile(r"[\x20-\x7e]{1,255}")
_LEAST_RSA_BITS: Final = 2048  # RFC 7518, section 3.3; of a key set the same
_CHALLENGE: Final = 'Bearer realm="payments"'
# What issuers call the claim or header that tells an access token from a refresh or an identity token.
_TYPE_CLAIMS: Final = ("typ", "type", "token_type", "token_use")
_ACCESS: Final = frozenset({"access", "bearer"})
_ACCESS_HEADERS: Final = frozenset({"jwt", "at+jwt", "application/at+jwt"})


class Scope(enum.Enum):
    """What a token may allow. Refund, collect and operate are never there by default."""

    READ = "payments:read"
    WRITE = "payments:write"
    REFUND = "payments:refund"
    COLLECT = "payments:collect"
    OPERATE = "payments:operate"


_SCOPES: Final = frozenset(scope.value for scope in Scope)
"""All that are ever asked for; a token may name thousands."""


@attrs.frozen
class Caller:
    """Who is calling and what the token allows."""

    user: str
    """The token's ``sub``; empty for anybody."""
    scopes: frozenset[str] = frozenset()

    def may(self, scope: Scope) -> bool:
        """Whether the token carries ``scope``."""
        return scope.value in self.scopes

    @property
    def owner(self) -> str | None:
        """Whose records the caller may see: their own, or None for everybody's (an operator)."""
        return None if self.may(Scope.OPERATE) else self.user

    @property
    def actor(self) -> str:
        """How the audit trail names the caller."""
        return f"operator:{self.user}" if self.may(Scope.OPERATE) else f"payer:{self.user}"


ANYONE: Final = Caller("")


@attrs.frozen(kw_only=True)
class Callers:
    """Admits callers by their token. Keys, algorithm and what is required come from the settings alone.

    Hints in a token's own header (``jku``, ``x5u``, ``jwk``) are never followed. A ``kid`` only chooses among
    the keys that the configured issuer publishes; a token without one is refused there.
    """

    _key: Any = attrs.field(default=None, repr=False)
    """The one key; None where there are ``keys``."""
    _keys: CallerKeys | None = None
    _algorithm: str
    _issuer: str | None
    _audience: str | None
    _default_scopes: frozenset[str]
    _known: KnownTokens = attrs.field(factory=KnownTokens, init=False, eq=False, repr=False)

    @classmethod
    def by(
        cls,
        key: str,
        *,
        algorithm: str,
        issuer: str | None = None,
        audience: str | None = None,
        default_scopes: tuple[str, ...] = (),
    ) -> "Callers":
        """Callers whose tokens are signed by ``key``: a secret (HS…) or a public key in PEM (RS…, ES…).

        Raises:
            ConfigurationInvalid: it is no key of this algorithm, or an RSA key that is too short for it.
        """
        try:
            prepared = jwt.get_algorithm_by_name(algorithm).prepare_key(key)
        except (jwt.PyJWTError, ValueError) as error:
            remedy = "Set it to the issuer's public key in PEM, or PAYMENTS_AUTH_ALGORITHM to what it is for."
            raise _unusable(f"no key of {algorithm}", remedy) from error
        if isinstance(prepared, rsa.RSAPublicKey) and prepared.key_size < _LEAST_RSA_BITS:
            remedy = f"{algorithm} needs {_LEAST_RSA_BITS} bits or more: have the issuer sign with one."
            raise _unusable(f"an RSA key of {prepared.key_size} bits", remedy)
        return cls(
            key=prepared,
            algorithm=algorithm,
            issuer=issuer or None,
            audience=audience or None,
            default_scopes=frozenset(default_scopes),
        )

    @classmethod
    def by_published(
        cls,
        keys: CallerKeys,
        *,
        algorithm: str,
        issuer: str | None = None,
        audience: str | None = None,
        default_scopes: tuple[str, ...] = (),
    ) -> "Callers":
        """Callers whose tokens are signed by one of ``keys``, all of them for ``algorithm`` (RS…, ES…)."""
        return cls(
            keys=keys,
            algorithm=algorithm,
            issuer=issuer or None,
            audience=audience or None,
            default_scopes=frozenset(default_scopes),
        )

    async def admit(self, request: Request, scopes: tuple[Scope, ...]) -> Caller:
        """The caller, whose token carries one of ``scopes``.

        Raises:
            Refused: 401, the same for every bad token, or 403 for a good one that does not reach.
            IdentityUnavailable: whoever publishes the keys gives no answer, so nobody can tell.
        """
        given = request.headers.getlist("authorization")
        if not given:
            raise Refused(UNAUTHENTICATED, WWW_Authenticate=_CHALLENGE)
        caller = await self._caller(given[0]) if len(given) == 1 else None
        if caller is None:
            raise Refused(UNAUTHENTICATED, WWW_Authenticate=f'{_CHALLENGE}, error="invalid_token"')
        if not any(caller.may(scope) for scope in scopes):
            needed = " or ".join(scope.value for scope in scopes)
            asked = f'{_CHALLENGE}, error="insufficient_scope", scope="{scopes[0].value}"'
            raise Refused(INSUFFICIENT_SCOPE, f"It needs the scope {needed}.", WWW_Authenticate=asked)
        return caller

    async def _caller(self, authorization: str) -> Caller | None:
        match = _COMPACT.fullmatch(authorization) if len(authorization) <= _LONGEST else None
        if match is None:
            return None
        token = match[1]
        known = self._known.find(token)
        if known is not None and await self._present_key(known.key_id) is known.key:
            in_time = known.counts_at(time.time(), LEEWAY_S)
            return Caller(known.user, known.scopes) if in_time else None
        found = await self._checked(token)
        if found is None:
            return None
        self._known.remember(token, found)
        return Caller(found.user, found.scopes)

    async def _checked(self, token: str) -> KnownToken | None:
        """What ``token`` says, if all of it is as it must be."""
        try:
            key_id = self._key_id_of(token)
            key = await self._present_key(key_id)
            if key is None:
                return None
            read = jwt.decode_complete(
                token,
                key,
                algorithms=[self._algorithm],
                audience=self._audience,
                issuer=self._issuer,
                leeway=LEEWAY_S,
                options={"require": self._required, "verify_aud": self._audience is not None},
            )
        # A header nested too deep, or holding numbers no float can hold, is read before any signature is.
        except (jwt.PyJWTError, ValueError, RecursionError):
            return None
        claims = read["payload"]
        scopes = self._scopes(claims)
        if scopes is None or not _is_access_token(read["header"], claims):
            return None
        if not SUBJECT.fullmatch(claims["sub"]):
            return None
        return KnownToken.of(claims, user=claims["sub"], scopes=scopes, key=key, key_id=key_id)

    def _key_id_of(self, token: str) -> str | None:
        """Which of several keys must have signed ``token``; None when none of ours can have."""
        if self._keys is None:
            return None
        header = jwt.get_unverified_header(token)
        key_id = header.get("kid")
        # Looked at before the issuer may be asked: what cannot be its token causes no call.
        if header.get("alg") != self._algorithm or not isinstance(key_id, str):
            return None
        return key_id if _KEY_ID.fullmatch(key_id) else None

    async def _present_key(self, key_id: str | None) -> Any | None:
        """The key that counts now for tokens that name ``key_id``; None when there is none."""
        if self._keys is None:
            return self._key
        return None if key_id is None else await self._keys.named(key_id)

    @property
    def _required(self) -> list[str]:
        optional = {"iss": self._issuer, "aud": self._audience}
        return ["exp", "sub", *(claim for claim, wanted in optional.items() if wanted)]

    def _scopes(self, claims: dict[str, Any]) -> frozenset[str] | None:
        if "scope" not in claims:
            return self._default_scopes
        given = claims["scope"]
        return _SCOPES.intersection(given.split(" ")) if isinstance(given, str) else None


def _unusable(what: str, remedy: str) -> ConfigurationInvalid:
    return ConfigurationInvalid(
        f"PAYMENTS_AUTH_KEY is {what}.", errors=(FieldError("PAYMENTS_AUTH_KEY", remedy),)
    )


def _is_access_token(header: dict[str, Any], claims: dict[str, Any]) -> bool:
    """Whether nothing in the token says that it is meant for something else (RFC 8725 section 3.11)."""
    said = [claims[name] for name in _TYPE_CLAIMS if name in claims]
    typ = header.get("typ", "JWT")
    return (
        isinstance(typ, str)
        and typ.lower() in _ACCESS_HEADERS
        and all(isinstance(word, str) and word.lower() in _ACCESS for word in said)
    )
