"""Chapa's group of settings."""

from datetime import timedelta
from typing import Final

import attrs

from payments.adapters.environment import Environment
from payments.adapters.providers.chapa.payer_fields import LONGEST_TITLE, plain
from payments.adapters.secret import Secret
from payments.domain.evidence import Mode

REAL_BASE_URL: Final = "https://api.chapa.co/v1"
"""For test and live alike; only the key differs (fact sheet, section 1)."""
REAL_API_HOST: Final = "api.chapa.co"

MOST_LINK_MINUTES: Final = 60
WATCHED_FOR: Final = timedelta(hours=72)

_TEST_MARK: Final = "_TEST-"
_KEY_PREFIX: Final = "CHASECK"


@attrs.frozen(kw_only=True)
class ChapaSettings:
    """How to reach one merchant account at Chapa."""

    mode: Mode
    secret_key: Secret
    webhook_secrets: tuple[Secret, ...] = ()
    """All active ones; with none every notice is refused."""
    base_url: str = REAL_BASE_URL
    """Ends in ``/v1`` and without a slash."""
    title: str = ""
    """The shop's name on Chapa's page, at most 16 characters; empty: Chapa's own."""
    payable_for: timedelta = timedelta(minutes=MOST_LINK_MINUTES)
    watched_for: timedelta = WATCHED_FOR


def read_settings(environment: Environment, mode: Mode) -> ChapaSettings | None:
    """The group, or None when there is no key: Chapa is off."""
    key = environment.secret("CHAPA_SECRET_KEY")
    webhook_secrets = environment.secrets("CHAPA_WEBHOOK_SECRETS")
    base_url = environment.url("CHAPA_BASE_URL", REAL_BASE_URL)
    title = environment.text("CHAPA_TITLE")
    link_minutes = environment.whole_number(
        "CHAPA_LINK_MINUTES", MOST_LINK_MINUTES, least=1, most=MOST_LINK_MINUTES
    )
    watched_for = environment.duration("CHAPA_WATCHED_FOR", WATCHED_FOR)
    if title != plain(title, LONGEST_TITLE):
        environment.refuse("CHAPA_TITLE", "Use at most 16 letters, digits, blanks, dots, - and _.")
    if key is None:
        return None
    _refuse_wrong_key(environment, key, mode)
    if mode is Mode.LIVE and not webhook_secrets and not environment.refused("CHAPA_WEBHOOK_SECRETS"):
        environment.refuse(
            "CHAPA_WEBHOOK_SECRETS", "It is missing; copy the secret hash of Chapa's dashboard."
        )
    if any(secret == key for secret in webhook_secrets):
        environment.refuse(
            "CHAPA_WEBHOOK_SECRETS",
            "It repeats CHAPA_SECRET_KEY, which signs nothing; use the secret hash of Chapa's dashboard.",
        )
    return ChapaSettings(
        mode=mode,
        secret_key=key,
        webhook_secrets=webhook_secrets,
        base_url=base_url if base_url.endswith("/v1") else f"{base_url}/v1",
        title=title,
        payable_for=timedelta(minutes=link_minutes),
        watched_for=watched_for,
    )


def _refuse_wrong_key(environment: Environment, key: Secret, mode: Mode) -> None:
    text = key.reveal()
    if not text.startswith(_KEY_PREFIX) or not text.isascii() or not text.isprintable() or " " in text:
        environment.refuse("CHAPA_SECRET_KEY", "It is no secret key of Chapa; those begin with CHASECK.")
    elif mode is Mode.LIVE and _TEST_MARK in text:
        environment.refuse("CHAPA_SECRET_KEY", "It is a test key, and the mode is live; use the live key.")
    elif mode is Mode.TEST and _TEST_MARK not in text:
        environment.refuse("CHAPA_SECRET_KEY", "It is a live key, and the mode is sandbox; use the test key.")
