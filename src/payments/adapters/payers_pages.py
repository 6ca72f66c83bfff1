"""Whether an address that a provider answered may be handed to a payer."""

from urllib.parse import urlsplit

from payments.adapters.web_addresses import split_address
from payments.domain.evidence import Mode


def may_be_handed_out(url: str, *, page_host: str, api_host: str, base_url: str, mode: Mode) -> bool:
    """Whether ``url`` is the provider's own page, on ``page_host``, or one of what we are pointed at.

    ``base_url`` may be that of a simulator, whose pages are its own, or of something on the way to the real
    ``api_host``, which passes its answers on.
    """
    asked = urlsplit(base_url).hostname
    try:
        parts = split_address(url, ("https",) if mode is Mode.LIVE else ("https", "http"))
    except ValueError:
        return False
    if parts.username is not None or parts.password is not None:
        return False
    if parts.hostname == page_host:
        return parts.scheme == "https"
    return parts.hostname == asked != api_host
