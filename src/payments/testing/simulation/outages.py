"""Whoever is outside and may be away for long: a provider, the orders service, the mail server."""

import attrs

from payments.testing.simulation.chance import Chance
from payments.testing.simulation.faults import Fault
from payments.testing.simulation.processes import Steps

LONGEST_S = 72 * 3600.0


@attrs.define(eq=False)
class Outage:
    """Whether it is away, and until when; some outages last until everything heals."""

    _steps: Steps
    _chance: Chance
    _fault: Fault
    _until_s: float = attrs.field(default=0.0, init=False)

    def at(self, label: str) -> bool:
        """Whether a call at ``label`` meets it away."""
        if self._steps.struck(self._fault, label):
            self._until_s = self._steps.loop.time() + self._chance.spread(1, LONGEST_S)
        return self._steps.loop.time() < self._until_s and not self._steps.weather.healed
