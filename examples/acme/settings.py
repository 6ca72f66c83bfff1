"""Acme's group of settings."""

from typing import Final

import attrs

from payments.adapters.environment import Environment
from payments.adapters.secret import Secret
from payments.domain.evidence import Mode

REAL_API_HOST: Final = "api.acme.example"
REAL_BASE_URL: Final = f"https://{REAL_API_HOST}/v1"


@attrs.frozen(kw_only=True)
class AcmeSettings:
    """How to reach one account at Acme."""

    mode: Mode
    secret_key: Secret
    webhook_secrets: tuple[Secret, ...] = ()
    """All active ones; with none every notice is refused."""
    base_url: str = REAL_BASE_URL


def read_settings(environment: Environment, mode: Mode) -> AcmeSettings | None:
    """The group, or None when there is no key: Acme is off."""
    key = environment.secret("ACME_SECRET_KEY")
    webhook_secrets = environment.secrets("ACME_WEBHOOK_SECRETS")
    base_url = environment.url("ACME_BASE_URL", REAL_BASE_URL)
    if key is None:
        return None
    if mode is Mode.LIVE and not webhook_secrets:
        environment.refuse("ACME_WEBHOOK_SECRETS", "It is missing; copy the secret of Acme's dashboard.")
    return AcmeSettings(mode=mode, secret_key=key, webhook_secrets=webhook_secrets, base_url=base_url)
