"""Tokens that were found good: the same bytes under the same key need no second look at their signature.

Nothing else of a token is remembered as true. When it begins and ends is compared with the clock each time,
and under which key it was found good with the key that counts now: one that was withdrawn or replaced is
believed no longer than without this.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

import attrs

MOST: Final = 4096
"""So many are remembered by each process."""

_BEGINS: Final = ("nbf", "iat")
"""The claims before which a token does not count."""


@attrs.frozen(kw_only=True)
class KnownToken:
    """What a good token says. Instants are seconds since the epoch, as its claims have them."""

    user: str
    scopes: frozenset[str]
    key: Any = attrs.field(repr=False)
    """The very object that its signature was checked with."""
    key_id: str | None
    begins_s: int
    ends_s: int

    @classmethod
    def of(
        cls, claims: Mapping[str, Any], *, user: str, scopes: frozenset[str], key: Any, key_id: str | None
    ) -> "KnownToken":
        """One whose signature and ``claims`` were checked just now."""
        begins = (int(claims[name]) for name in _BEGINS if name in claims)
        return cls(
            user=user,
            scopes=scopes,
            key=key,
            key_id=key_id,
            begins_s=max(begins, default=0),
            ends_s=int(claims["exp"]),
        )

    def counts_at(self, now_s: float, leeway_s: float) -> bool:
        """Whether it has begun and not ended, by a clock that may differ by ``leeway_s`` (RFC 7519, 4.1)."""
        return self.begins_s <= now_s + leeway_s and now_s - leeway_s < self.ends_s


class KnownTokens:
    """Those that were found good last, by what a token's bytes come to: no token itself is kept."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._by_digest: dict[bytes, KnownToken] = {}

    def __len__(self) -> int:
        return len(self._by_digest)

    def find(self, token: str) -> KnownToken | None:
        """What is known of ``token``, if it was found good before."""
        return self._by_digest.get(_digest(token))

    def remember(self, token: str, known: KnownToken) -> None:
        """``token`` was found good; the one that was found so longest ago makes room."""
        digest = _digest(token)
        self._by_digest.pop(digest, None)
        if len(self._by_digest) >= self._most:
            del self._by_digest[next(iter(self._by_digest))]
        self._by_digest[digest] = known


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
