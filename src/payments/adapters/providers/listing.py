"""The list of providers: one line adds one of ours; the entry point ``payments.providers`` adds another's.

A provider is a folder, or anybody's module, with the three names of :class:`ProviderFolder`.
"""

import re
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any, Final, Protocol, cast

from payments.adapters.environment import Environment
from payments.adapters.providers import cash, chapa, mpesa, paystack
from payments.adapters.providers.surroundings import Surroundings
from payments.application.ports.providers import Provider, Providers
from payments.domain.errors import ConfigurationInvalid, FieldError
from payments.domain.evidence import Mode

ENTRY_POINTS: Final = "payments.providers"

_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,31}")
"""What the HTTP interface takes for a provider's name."""


class ProviderFolder(Protocol):
    """What a provider's package exports."""

    NAME: str
    """As in ``POST /payments/initiate/`` and ``/payments/verify/{provider}/``."""

    def read_settings(self, environment: Environment, mode: Mode) -> Any | None:
        """Its own group of settings, mistakes recorded in ``environment``; None when it is off."""

    def build(self, settings: Any, surroundings: Surroundings) -> Provider:
        """The provider over what :meth:`read_settings` gave."""


BUILT_IN: Final[tuple[ProviderFolder, ...]] = (
    cash,
    chapa,
    mpesa,
    paystack,
)  # fmt: skip  # one line a provider


def available_providers() -> Mapping[str, ProviderFolder]:
    """Every provider this installation has, by name: ours first, then those of other packages.

    Raises:
        ConfigurationInvalid: an entry point cannot be loaded, lacks one of the three names, or takes a name
            that is already there, or that no request could have.
    """
    found = {folder.NAME: folder for folder in BUILT_IN}
    mistakes = []
    for entry in sorted(entry_points(group=ENTRY_POINTS), key=lambda entry: entry.name):
        try:
            folder = entry.load()
            name = folder.NAME
        except Exception as error:  # noqa: BLE001 -- it is somebody else's module, and may raise anything
            mistakes.append(
                FieldError(f"entry point {entry.name}", f"{entry.value} cannot be used: {error}.")
            )
            continue
        missing = [part for part in ("read_settings", "build") if not callable(getattr(folder, part, None))]
        if missing:
            problem = f"{entry.value} lacks {', '.join(missing)}."
        elif not isinstance(name, str) or not _NAME.fullmatch(name):
            problem = f"{name!r} is no name that a request could ask for: small letters, digits, - and _."
        else:
            problem = f"{name!r} is there already." if name in found else ""
        if problem:
            mistakes.append(FieldError(f"entry point {entry.name}", problem))
            continue
        found[name] = cast("ProviderFolder", folder)
    if mistakes:
        raise ConfigurationInvalid("A provider of another package cannot be used.", errors=tuple(mistakes))
    return found


def build_providers(settings: Mapping[str, Any], surroundings: Surroundings) -> Providers:
    """The providers that are switched on; ``settings`` by name is ``Settings.provider_settings``."""
    folders = available_providers()
    return Providers({name: folders[name].build(group, surroundings) for name, group in settings.items()})
