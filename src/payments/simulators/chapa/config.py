"""How a simulated Chapa is set up."""

from pathlib import Path

import attrs

from payments.simulators.chapa.switches import ChapaSwitches


def _without_slash(url: str) -> str:
    return url.rstrip("/")


@attrs.frozen(kw_only=True)
class ChapaSimulatorConfig:
    """`public_url` is where the payer's browser finds this simulator, its mount path included.

    `secret_keys` None accepts every well-formed key. A webhook answered with anything but 200 is tried
    again every `retry_unit_s` (Chapa: ten minutes), ten times in all. `link_window_s` is how long a
    checkout link can be paid.
    """

    public_url: str = attrs.field(converter=_without_slash)
    webhook_url: str | None = None
    webhook_secret: str
    secret_keys: frozenset[str] | None = None
    state_path: Path | None = None
    retry_unit_s: float = 600.0
    link_window_s: float = 3600.0
    webhook_timeout_s: float = 10.0
    switches: ChapaSwitches = attrs.field(factory=ChapaSwitches)
