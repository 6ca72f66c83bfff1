"""Sequences: which of two messages about one order is the newer (docs/adr/0022).

An orders service ignores a message whose sequence is not above all it has seen. A database that was restored
from a backup has forgotten what it told since, so counting on from what it remembers would be believed by
nobody. A sequence therefore begins with the time, and ends with the message's place among those of its order.
"""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final

_PLACES: Final = 1024
_ZERO: Final = datetime(1970, 1, 1, tzinfo=UTC)


def next_sequence(last: int, now: datetime) -> int:
    """The sequence that follows ``last``, which is 0 before the first message of an order.

    Milliseconds since 1970 times 1024, and the place. It is always above ``last``, whatever the clock says;
    that it is above what a restored database has forgotten is all that hangs on the clock. Below 2**53, so
    that every reader of JSON holds it exactly, until the year 2248.
    """
    following = last + 1
    at_this_time = (now - _ZERO) // timedelta(milliseconds=1) * _PLACES + place_of(following)
    return max(following, at_this_time)


def place_of(sequence: int) -> int:
    """The message's place among those of its order, counted from 1; it begins again after 1,023."""
    return sequence % _PLACES


def misplaced(sequences: tuple[int, ...]) -> bool:
    """Whether one of an order's messages is missing, or does not come after those before it."""
    return any(
        later <= earlier or place_of(later) != place_of(earlier + 1)
        for earlier, later in pairwise((0, *sequences))
    )
