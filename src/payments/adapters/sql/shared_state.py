"""Small facts that all processes share, in PostgreSQL: one statement each, by the database's time."""

from typing import Any, Final

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Integer,
    LargeBinary,
    bindparam,
    cast,
    delete,
    func,
    or_,
    select,
)

# SQLAlchemy's ON CONFLICT ... RETURNING for PostgreSQL, the only database these statements are for.
from sqlalchemy.dialects.postgresql import array, insert

from payments.adapters.sql.compiled import IsChosen
from payments.adapters.sql.runner import Reader
from payments.adapters.sql.tables import COALESCED, REMEMBERED, SPENT
from payments.application.ports.shared_state import SharedState

LONGEST_WINDOW_S: Final = 86_400.0
"""What was told longer ago is forgotten."""

CLEAR_EVERY: Final = 64
"""One caller in so many clears away what is forgotten, up to twice as many rows."""

_MICROSECONDS: Final = 1_000_000
_SOONEST_S: Final = 0.001


def _microseconds(timestamp: ColumnElement[Any]) -> ColumnElement[int]:
    return cast(func.date_part("epoch", timestamp) * _MICROSECONDS, BigInteger)


# The clock as it runs, not as it stood when the statement began: in a queue for one row the last must not be
# the oldest. Where an index is searched it has to stand still.
_NOW: Final = _microseconds(func.clock_timestamp())
_AT_THE_BEGINNING: Final = _microseconds(func.statement_timestamp())

# What was told or used at a time that is to come was so by a clock that has been set back since. It keeps
# nobody waiting: that would last until the clock has caught up.

# The row's lock decides: whoever waited for it looks again at what the first one wrote.
FIRST_WITHIN: Final = (
    insert(COALESCED)
    .values(key=bindparam("key"), told_at=_NOW)
    .on_conflict_do_update(
        index_elements=[COALESCED.c.key],
        set_={"told_at": _NOW},
        where=or_(
            COALESCED.c.told_at <= _NOW - bindparam("window", type_=BigInteger), COALESCED.c.told_at > _NOW
        ),
    )
    .returning(COALESCED.c.key)
)

FORGET: Final = delete(COALESCED).where(
    IsChosen(
        COALESCED.c.key,
        select(COALESCED.c.key)
        .where(COALESCED.c.told_at <= _AT_THE_BEGINNING - bindparam("window", type_=BigInteger))
        .order_by(COALESCED.c.told_at)
        .limit(bindparam("limit", type_=BigInteger))
        .with_for_update(skip_locked=True)
        .correlate(None)
        .scalar_subquery(),
    )
)


# No index: what is remembered is a handful of rows, as long as those that ended are cleared away.
FORGET_REMEMBERED: Final = delete(REMEMBERED).where(
    IsChosen(
        REMEMBERED.c.key,
        select(REMEMBERED.c.key)
        .where(REMEMBERED.c.ends_at <= _AT_THE_BEGINNING)
        .limit(bindparam("limit", type_=BigInteger))
        .with_for_update(skip_locked=True)
        .correlate(None)
        .scalar_subquery(),
    )
)


_MOST: Final = bindparam("most", type_=Integer)
_USES: Final = ARRAY(BigInteger)

# The use that has to be out of the window is the oldest of the newest ``most``.
_NTH: Final = SPENT.c.used[_MOST]

SPEND: Final = (
    insert(SPENT)
    .values(key=bindparam("key"), used=array([_NOW]))
    .on_conflict_do_update(
        index_elements=[SPENT.c.key],
        set_={"used": func.array_prepend(_NOW, SPENT.c.used[1 : _MOST - 1], type_=_USES)},
        where=or_(_NTH.is_(None), _NOW - bindparam("window", type_=BigInteger) >= _NTH, _NTH > _NOW),
    )
    .returning(SPENT.c.key)
)

FREE_IN: Final = select((_NTH + bindparam("window", type_=BigInteger) - _NOW).label("microseconds")).where(
    SPENT.c.key == bindparam("key")
)

REMEMBER: Final = (
    insert(REMEMBERED)
    .values(
        key=bindparam("key"),
        value=bindparam("value", type_=LargeBinary),
        ends_at=_NOW + bindparam("lifetime", type_=BigInteger),
    )
    .on_conflict_do_update(
        index_elements=[REMEMBERED.c.key],
        set_={
            "value": bindparam("value", type_=LargeBinary),
            "ends_at": _NOW + bindparam("lifetime", type_=BigInteger),
        },
    )
    .returning(REMEMBERED.c.key)
)

RECALL: Final = select(REMEMBERED.c.value).where(
    REMEMBERED.c.key == bindparam("key"), REMEMBERED.c.ends_at > _NOW
)


class SqlSharedState(SharedState):
    """Coalescing, budgets and short-lived values for any number of processes over one PostgreSQL.

    A lost answer may mean that somebody was counted as told and never heard it: then nobody is first for one
    window, which costs a delay and no money.
    """

    def __init__(self, alone: Reader) -> None:
        self._alone = alone
        self._told = 0

    async def first_within(self, key: str, window_s: float) -> bool:
        if window_s > LONGEST_WINDOW_S:
            raise ValueError(f"A window is at most {LONGEST_WINDOW_S:.0f} s.")
        window = round(window_s * _MICROSECONDS)
        first = await self._alone.fetch_one(FIRST_WITHIN, {"key": key, "window": window}) is not None
        if first:
            await self._clear_now_and_then()
        return first

    async def spend(self, key: str, *, most: int, window_s: float) -> float:
        asked = {"key": key, "most": most, "window": round(window_s * _MICROSECONDS)}
        if await self._alone.fetch_one(SPEND, asked) is not None:
            return 0.0
        row = await self._alone.fetch_one(FREE_IN, asked)
        # It may have become free between the two; asking again at once would be one use too many for some.
        left = row["microseconds"] if row is not None else None
        return max((left or 0) / _MICROSECONDS, _SOONEST_S)

    async def remember(self, key: str, value: bytes, *, lifetime_s: float) -> None:
        kept = {"key": key, "value": value, "lifetime": round(lifetime_s * _MICROSECONDS)}
        await self._alone.fetch(REMEMBER, kept)
        await self._clear_now_and_then()

    async def recall(self, key: str) -> bytes | None:
        row = await self._alone.fetch_one(RECALL, {"key": key})
        return row["value"] if row is not None else None

    async def _clear_now_and_then(self) -> None:
        self._told += 1
        if self._told % CLEAR_EVERY == 1:
            forgotten = {"window": round(LONGEST_WINDOW_S * _MICROSECONDS), "limit": 2 * CLEAR_EVERY}
            await self._alone.fetch(FORGET, forgotten)
            await self._alone.fetch(FORGET_REMEMBERED, forgotten)
