"""What an address in the settings must be, and how it is shown without its password."""

import re
from ipaddress import ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit

from payments.adapters.secret import MASK

# What urlsplit takes out silently or browsers read in their own way.
_FORBIDDEN: Final = re.compile(r"[\x00-\x20\x7f\\]")

# All that is between a name and the last @: a password whose marks were not encoded makes no address, and
# stays a password. But what follows a host's port may be a query with an @ in it.
_PASSWORD: Final = re.compile(r"(?<=//)([^:/?#\[]*):(?![0-9]*(?:[,/][^@]*)?\?[^@=]+=).*(?=@)", re.DOTALL)

_UNREADABLE: Final = (
    "It cannot be read: a port is a number up to 65535, and in a user name or password the marks "
    ": / ? # [ ] @ are percent-encoded."
)


def split_address(address: str, schemes: tuple[str, ...]) -> SplitResult:
    """The parts of an absolute address with a host.

    Raises:
        ValueError: with a sentence that says what is wrong and never repeats the address.
    """
    if _FORBIDDEN.search(address):
        raise ValueError("It holds blanks, control characters or backslashes.")
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        # The library's own sentence would repeat what it could not read, which may be half a password.
        raise ValueError(_UNREADABLE) from None
    if parts.scheme not in schemes:
        raise ValueError(f"It does not begin with {' or '.join(f'{scheme}://' for scheme in schemes)}.")
    if not parts.hostname:
        raise ValueError("It names no host.")
    if port == 0:
        raise ValueError("Port 0 is no port.")
    if parts.fragment:
        raise ValueError("It has a fragment (#...), which never reaches a server.")
    return parts


def stays_here(host: str) -> bool:
    """Whether what ``host`` is sent never leaves this machine: loopback, or a Unix socket's folder."""
    if host == "localhost" or host.startswith("/"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def without_password(address: str) -> str:
    """``address`` with its password masked, for people."""
    masked = _PASSWORD.sub(rf"\1:{MASK}", address)
    return re.sub(r"(?<=password=)[^&#]*", MASK, masked)


def without_query(address: str) -> str:
    """``address`` with its query masked, for people: some issuers want a secret there."""
    place, _, query = address.partition("?")
    return f"{place}?{MASK}" if query else address
