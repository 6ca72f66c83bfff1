"""What every provider's gateway is given to work with."""

import secrets

import attrs
import httpx

from payments.adapters.cipher import AesGcmCipher
from payments.adapters.memory.shared_state import MemorySharedState
from payments.application.ports.cipher import Cipher
from payments.application.ports.clock import Clock
from payments.application.ports.shared_state import SharedState


def _shared_with_nobody(surroundings: "Surroundings") -> SharedState:
    return MemorySharedState(surroundings.clock)


def _known_to_nobody() -> Cipher:
    return AesGcmCipher.of([secrets.token_bytes(32)])


@attrs.frozen(kw_only=True)
class Surroundings:
    """Lasts as long as the process; gateways close nothing of it."""

    client: httpx.AsyncClient
    """The shared client of ``adapters/http_client.py``."""
    clock: Clock
    shared_state: SharedState = attrs.field(default=attrs.Factory(_shared_with_nobody, takes_self=True))
    """What all processes of the service share; by default a process has it to itself."""
    cipher: Cipher = attrs.field(factory=_known_to_nobody)
    """What a secret is sealed with before it is shared."""
