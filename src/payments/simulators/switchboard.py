"""Switches that make a simulator behave badly: for everything, or for one reference only."""

from typing import Any, Generic, TypeVar

import attrs

from payments.simulators.documents import Documents

_EVERYTHING = "*"
_KIND = "switches"

T = TypeVar("T", bound=attrs.AttrsInstance)


class SwitchError(ValueError):
    """A switch that does not exist, or a value it does not take."""


@attrs.frozen
class Switchboard(Generic[T]):
    """The switches in force; those of one subject lie over those for everything, which lie over the defaults.

    The type of the switches is an attrs class whose validators raise `ValueError` or `TypeError`, and which
    has the fields `fault`, `fault_on` and `fault_times` (see `payments.simulators.faults`).
    """

    _documents: Documents
    _defaults: T

    def current(self, subject: str | None = None) -> T:
        changes = self._layer(_EVERYTHING)
        if subject is not None:
            changes |= self._layer(subject)
        return self._apply(changes)

    def change(self, changes: dict[str, Any], subject: str | None = None) -> None:
        """Lay the changes over what is set; a value of None sets a switch back to its default.

        Raise `SwitchError`, and change nothing, on an unknown name or a value out of range.
        """
        known = {field.name for field in attrs.fields(type(self._defaults))}
        if unknown := sorted(set(changes) - known):
            raise SwitchError(
                f"unknown switches: {', '.join(unknown)}; known are: {', '.join(sorted(known))}"
            )
        layer = self._layer(subject or _EVERYTHING) | changes
        kept = {name: value for name, value in layer.items() if value is not None}
        self._apply(kept)
        self._documents.put(_KIND, subject or _EVERYTHING, {"subject": subject, "switches": kept})

    def overview(self) -> dict[str, Any]:
        """Return every switch in force for everything, and what is set for single subjects."""
        layers = self._documents.all(_KIND)
        return {
            "switches": attrs.asdict(self.current()),
            "subjects": {layer["subject"]: layer["switches"] for layer in layers if layer["subject"]},
        }

    def take_fault(self, subject: str | None, endpoint: str) -> str:
        """Return the fault to show on this call, and count it off where it was set for a number of calls."""
        for name in (subject, _EVERYTHING):
            layer = self._layer(name) if name is not None else {}
            if "fault" not in layer:
                continue
            if layer.get("fault_on", "any") not in {"any", endpoint}:
                continue
            self._count_off(name or _EVERYTHING, layer)
            return str(layer["fault"])
        return "none"

    def _count_off(self, name: str, layer: dict[str, Any]) -> None:
        if "fault_times" not in layer:
            return
        left = layer["fault_times"] - 1
        rest = {key: value for key, value in layer.items() if key not in {"fault", "fault_times", "fault_on"}}
        kept = layer | {"fault_times": left} if left > 0 else rest
        subject = None if name == _EVERYTHING else name
        self._documents.put(_KIND, name, {"subject": subject, "switches": kept})

    def _layer(self, name: str) -> dict[str, Any]:
        stored = self._documents.get(_KIND, name)
        return {} if stored is None else dict(stored["switches"])

    def _apply(self, changes: dict[str, Any]) -> T:
        try:
            return type(self._defaults)(**{**attrs.asdict(self._defaults), **changes})
        except (TypeError, ValueError) as error:
            raise SwitchError(str(error.args[0])) from error
