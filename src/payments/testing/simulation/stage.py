"""Which history the ports of the simulated processes serve at this moment."""

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from payments.testing.simulation.world import World


@attrs.define(eq=False)
class Stage:
    """The one world that is being simulated."""

    _world: "World | None" = attrs.field(default=None, init=False)

    @property
    def world(self) -> "World":
        """The present one."""
        if self._world is None:
            raise LookupError("No history is being simulated.")
        return self._world

    def show(self, world: "World | None") -> None:
        """Put another world on, or none."""
        self._world = world
