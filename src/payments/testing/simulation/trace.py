"""What happened in a history: its hash says whether two runs were alike, its lines tell a story."""

import hashlib

import attrs


@attrs.define
class Trace:
    """Every step of every process, and all that went wrong, in order."""

    _lines: list[str] = attrs.field(factory=list, init=False)

    def add(self, now_s: float, who: str, what: str) -> None:
        """``who`` did or suffered ``what``."""
        self._lines.append(f"{now_s:.3f} {who} {what}")

    @property
    def lines(self) -> tuple[str, ...]:
        return tuple(self._lines)

    def hash(self) -> str:
        """16 hexadecimal digits that are the same for runs that are alike, and for no others."""
        return hashlib.sha256("\n".join(self._lines).encode()).hexdigest()[:16]
