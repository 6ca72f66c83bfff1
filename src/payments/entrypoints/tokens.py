"""Bearer tokens for development."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import jwt

from payments.domain.errors import ConfigurationInvalid, FieldError
from payments.domain.evidence import Mode
from payments.settings import Settings

_SHARED_SECRET: Final = "HS256"  # noqa: S105 -- an algorithm's name


def sign_token(settings: Settings, *, user: str, scope: str, valid_for: timedelta) -> str:
    """A token that this configuration admits, for ``user`` and ``scope``.

    Raises:
        ConfigurationInvalid: live mode, no key, or a key that can only verify.
    """
    if settings.mode is Mode.LIVE:
        raise ConfigurationInvalid("In live mode tokens come from your identity provider, not from here.")
    if settings.auth is None:
        raise ConfigurationInvalid(
            "There is no key to sign a token with.",
            errors=(FieldError("PAYMENTS_AUTH_KEY", "Set it to a secret of at least 32 characters."),),
        )
    if settings.auth.algorithm != _SHARED_SECRET:
        raise ConfigurationInvalid(
            f"The key of {settings.auth.algorithm} is public: it verifies tokens and cannot sign one.",
            errors=(FieldError("PAYMENTS_AUTH_ALGORITHM", "Use HS256 for development."),),
        )
    now = datetime.now(UTC)
    claims: dict[str, Any] = {"sub": user, "scope": scope, "iat": now, "exp": now + valid_for}
    if settings.auth.issuer:
        claims["iss"] = settings.auth.issuer
    if settings.auth.audience:
        claims["aud"] = settings.auth.audience
    return jwt.encode(claims, settings.auth.key.reveal(), algorithm=_SHARED_SECRET)
