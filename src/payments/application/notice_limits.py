"""How much is kept for providers whose notices name nothing of ours (docs/edge-cases.md, case 36)."""

from typing import Final

import attrs

DEFAULT_UNKNOWN: Final = 10_000


@attrs.frozen(kw_only=True)
class NoticeLimits:
    """How many notices of one provider may wait while nobody has the reference they name."""

    unknown: int = DEFAULT_UNKNOWN
