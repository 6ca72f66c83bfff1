"""How long is kept what is needed for a while only: raw notices, and what names a person (docs/adr/0026)."""

from datetime import timedelta
from typing import Final

import attrs

LEAST_NOTICES: Final = timedelta(days=30)
"""A raw notice is what a dispute is answered with; its repetitions and reports come within days."""
LEAST_PEOPLE: Final = timedelta(days=90)
"""A refund of that age is common, and its payer is told by mail."""


@attrs.frozen(kw_only=True)
class Retention:
    """Spans of time after which something is erased; the records around it stay."""

    notices_for: timedelta = timedelta(days=90)
    """How long a handled notice keeps its raw bytes. Its digest stays, so a duplicate is known."""
    people_for: timedelta = timedelta(days=365)
    """How long after its last change a payment keeps its payer's name, e-mail and phones."""
