"""What the record of calls leaves out: secrets that clients send (fact sheet, section 11, item 19)."""

import re

_SECRETS = re.compile(
    r'("(?:password|passkey|securitycredential|access_?token|token|initiatorpassword)"\s*:\s*)'
    r'("(?:[^"\\]|\\.)*"|[^,}\s]+)',
    re.IGNORECASE,
)


def redacted(body: str) -> str:
    """Return the body with the values of its secret keys taken out."""
    return _SECRETS.sub(r'\1"redacted"', body)
