"""What every provider's gateway is given to work with."""

import attrs
import httpx

from payments.application.ports.clock import Clock


@attrs.frozen(kw_only=True)
class Surroundings:
    """Lasts as long as the process; gateways close nothing of it."""

    client: httpx.AsyncClient
    """The shared client of ``adapters/http_client.py``."""
    clock: Clock
