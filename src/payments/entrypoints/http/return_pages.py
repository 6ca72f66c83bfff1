"""Where a payer's browser goes after paying: only ever to a configured page, never to what a request says."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit
from uuid import UUID

import attrs

from payments.domain.transitions import PaymentStatus

STATUS_PAGE: Final = "/payments/return/"
_OURS: Final = frozenset({"payment_id", "status"})


@attrs.frozen
class ReturnPages:
    """The configured pages by key, and our own status page for everybody else."""

    _own: SplitResult
    _by_key: Mapping[str, SplitResult]

    @classmethod
    def of(cls, public_url: str, return_urls: Mapping[str, str]) -> "ReturnPages":
        """The pages of the settings, parsed once.

        Raises:
            ValueError: an address is not http or https, or holds credentials.
        """
        by_key = {key: _parsed(url) for key, url in return_urls.items()}
        return cls(_parsed(public_url + STATUS_PAGE), by_key)

    def knows(self, key: str) -> bool:
        """Whether there is a page called ``key``."""
        return key in self._by_key

    @property
    def keys(self) -> tuple[str, ...]:
        """What a page may be called, in the order of the settings."""
        return tuple(self._by_key)

    def neutral(self) -> str:
        """Our own page, told nothing."""
        return self._own.geturl()

    def address(self, key: str | None, payment_id: UUID, status: PaymentStatus) -> str:
        """The page called ``key`` (our own if there is none), told payment and status and nothing else.

        Written anew from the configured address, whose own query is kept.
        """
        page = self._by_key.get(key, self._own) if key else self._own
        kept = [
            (name, value)
            for name, value in parse_qsl(page.query, keep_blank_values=True)
            if name not in _OURS
        ]
        told = [*kept, ("payment_id", str(payment_id)), ("status", status.value)]
        return page._replace(query=urlencode(told)).geturl()


def _parsed(url: str) -> SplitResult:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc or "\\" in url:
        raise ValueError(f"{url!r} is no page a payer could be sent to.")
    return parts
