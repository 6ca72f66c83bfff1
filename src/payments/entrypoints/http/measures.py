"""What is measured about requests and what waits, for Prometheus; each application has its own registry.

Of several processes that serve one address any may be asked. They keep what they measure in one directory,
which the Prometheus client finds in ``PROMETHEUS_MULTIPROC_DIR``, and each answers with the sum.
"""

import os
from collections.abc import Iterable
from typing import Final

import attrs
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from payments.application.records import Backlog

_BUCKETS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_WAITING: Final = {
    "notices": "Notices stored and not yet handled.",
    "oldest_notice_age_s": "Age in seconds of the oldest of them.",
    "messages": "Messages not yet delivered.",
    "oldest_message_age_s": "Age in seconds of the oldest of them.",
    "parked": "Messages their receiver refused, kept for a person.",
    "open_reviews": "Questions only a person can answer.",
    "unknown_attempts": "Attempts whose outcome we do not know.",
}


@attrs.frozen
class Measures:
    """Request durations by route template, and the backlog as it was when last looked at."""

    registry: CollectorRegistry
    _durations: Histogram
    _waiting: dict[str, Gauge]
    _storage_up: Gauge
    _refused: Counter
    _card_numbers: Counter
    _together: str | None
    """The directory shared by all processes, if there are several."""

    @classmethod
    def fresh(cls) -> "Measures":
        """Measures with nothing measured yet."""
        registry = CollectorRegistry()
        durations = Histogram(
            "payments_http_request_duration_seconds",
            "How long requests took, by method, route and status.",
            ("method", "route", "status"),
            buckets=_BUCKETS_S,
            registry=registry,
        )
        waiting = {
            name: Gauge(
                f"payments_{name.removesuffix('_s')}{'_seconds' if name.endswith('_age_s') else ''}",
                text,
                registry=registry,
                multiprocess_mode="mostrecent",
            )
            for name, text in _WAITING.items()
        }
        storage_up = Gauge(
            "payments_storage_up",
            "Whether the database answered just now.",
            registry=registry,
            multiprocess_mode="mostrecent",
        )
        refused = Counter(
            "payments_notices_refused",
            "Genuine notices that found no place among those about unknown references.",
            ("provider",),
            registry=registry,
        )
        card_numbers = Counter(
            "payments_card_numbers",
            "Requests whose body held what looks like a card number, by route.",
            ("route",),
            registry=registry,
        )
        together = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
        return cls(registry, durations, waiting, storage_up, refused, card_numbers, together)

    def from_nought(self, *, providers: Iterable[str], bodies: Iterable[str]) -> None:
        """Let what is counted stand at 0: Prometheus sees no increase in a series that begins with 1.

        ``bodies`` are the routes on which bodies are read.
        """
        for provider in providers:
            self._refused.labels(provider)
        for route in bodies:
            self._card_numbers.labels(route)

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request. ``route`` is a template, never a path: paths would be measured one by one."""
        known = method if method in _METHODS else "other"
        self._durations.labels(known, route, str(status)).observe(seconds)

    def refused_notice(self, provider: str) -> None:
        """Count one notice that found no place. ``provider`` is the name of one that is switched on."""
        self._refused.labels(provider).inc()

    def card_number(self, route: str) -> None:
        """Count a request that held a card number, which nobody should send."""
        self._card_numbers.labels(route).inc()

    def backlog(self, backlog: Backlog | None) -> None:
        """Take note of what waits; None when the database gave no answer."""
        self._storage_up.set(0 if backlog is None else 1)
        if backlog is not None:
            for name, gauge in self._waiting.items():
                gauge.set(getattr(backlog, name))

    def text(self) -> bytes:
        """Everything, in Prometheus' text format."""
        if self._together is None:
            return generate_latest(self.registry)
        everybody = CollectorRegistry()
        MultiProcessCollector(everybody, path=self._together)  # type: ignore[no-untyped-call]  # it has no types
        return generate_latest(everybody)
