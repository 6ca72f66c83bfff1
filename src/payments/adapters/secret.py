"""A secret that does not show itself."""

from typing import Final

import attrs

MASK: Final = "********"


@attrs.frozen(repr=False)
class Secret:
    """Text that must not reach a log, a page or an error: only :meth:`reveal` gives it away."""

    _value: str

    def reveal(self) -> str:
        """The text itself. Every call of this is a place to look at in a review."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    def __str__(self) -> str:
        return MASK

    def __len__(self) -> int:
        """Its length in bytes of UTF-8, which is what makes a key long or short."""
        return len(self._value.encode())

    def __bool__(self) -> bool:
        return bool(self._value)
