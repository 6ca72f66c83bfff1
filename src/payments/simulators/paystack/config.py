"""How a simulated Paystack is set up."""

from pathlib import Path

import attrs
from attrs import validators

from payments.simulators.paystack.switches import PaystackSwitches

# The sheet's list is exhaustive: no EUR, no ETB [2].
CURRENCIES = ("NGN", "USD", "GHS", "ZAR", "KES", "XOF")


def _without_slash(url: str) -> str:
    return url.rstrip("/")


@attrs.frozen(kw_only=True)
class PaystackSimulatorConfig:
    """`public_url` is where the payer's browser finds this simulator, its mount path included.

    `secret_key` opens test mode and signs its webhooks; `live_secret_key`, where there is one, does so for
    live mode. The account takes `currencies`; the first is its own. `callback_url` is the dashboard's, for
    transactions without one. A webhook answered with anything but 200 is tried again: in test mode ten times,
    every `retry_unit_s` (Paystack: an hour); in live mode after a twentieth of that three times, then every
    unit, 72 times.
    """

    public_url: str = attrs.field(converter=_without_slash)
    webhook_url: str | None = None
    secret_key: str
    live_secret_key: str | None = None
    currencies: tuple[str, ...] = attrs.field(
        default=CURRENCIES, converter=tuple, validator=validators.min_len(1)
    )
    callback_url: str | None = None
    state_path: Path | None = None
    retry_unit_s: float = 3600.0
    webhook_timeout_s: float = 30.0
    switches: PaystackSwitches = attrs.field(factory=PaystackSwitches)

    def key_of(self, domain: str) -> str:
        """Return the key that signs the webhooks of a domain; in live mode without a key, the test one."""
        return self.live_secret_key or self.secret_key if domain == "live" else self.secret_key
