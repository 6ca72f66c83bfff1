"""How a simulated Daraja is set up."""

from pathlib import Path

import attrs

from payments.simulators.mpesa.switches import MpesaSwitches

# The pair that Safaricom publishes for its own sandbox (fact sheet 3.1).
SANDBOX_SHORTCODE = "174379"
SANDBOX_PASSKEY = "bfb279f9aa9bdbcf158e97dd71a467cd2e0c893059b10f78e6b72ada1ed2c919"


def _without_slash(url: str) -> str:
    return url.rstrip("/")


@attrs.frozen(kw_only=True)
class MpesaSimulatorConfig:
    """`public_url` is where browsers find this simulator, its mount path included.

    There is one app (`consumer_key`, `consumer_secret`) with one shortcode. With a `till` the shortcode is
    the head office of that till and takes `CustomerBuyGoodsOnline`; without, it is a paybill. `pin` is what
    every payer's phone accepts. `private_key_pem` decrypts security credentials; without one a key is made
    and kept. `lock_after` wrong initiator passwords lock the initiator. `retry_unit_s` is the wait between
    tries of a callback, where a switch wants more than one.
    """

    public_url: str = attrs.field(converter=_without_slash)
    consumer_key: str = "simulated-consumer-key"
    consumer_secret: str = attrs.field(default="simulated-consumer-secret", repr=False)
    shortcode: str = SANDBOX_SHORTCODE
    passkey: str = attrs.field(default=SANDBOX_PASSKEY, repr=False)
    till: str | None = None
    organisation: str = "PAYMENTS SANDBOX"
    initiator_name: str = "testapi"
    initiator_password: str = attrs.field(default="Safaricom111!", repr=False)
    private_key_pem: bytes | None = attrs.field(default=None, repr=False)
    lock_after: int = 3
    pin: str = "1234"
    state_path: Path | None = None
    retry_unit_s: float = 5.0
    callback_timeout_s: float = 10.0
    switches: MpesaSwitches = attrs.field(factory=MpesaSwitches)
