"""How fast the service is, beside what else one could run: ``make bench`` (docs/performance.md)."""
