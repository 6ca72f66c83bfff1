"""Every statement there is, as Core writes it. Nothing is put together at run time."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    LargeBinary,
    Select,
    Table,
    Text,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    insert,
    literal_column,
    null,
    or_,
    select,
    tuple_,
    union_all,
    update,
)

# Its ON CONFLICT compiles for both databases; SQLite's own compiles for SQLite alone.
from sqlalchemy.dialects.postgresql import insert as insert_or

from payments.adapters.sql.compiled import IsChosen, RowsAsJson
from payments.adapters.sql.tables import (
    ANSWERS,
    ATTEMPTS,
    AUDIT,
    CAPTURES,
    COLLECTIONS,
    EVIDENCE,
    HANDOVERS,
    MESSAGES,
    NOTICES,
    PAYMENTS,
    REFUNDS,
    REVIEW_AUDIT,
    REVIEWS,
)
from payments.application.records import ERASED, UNKNOWN_REFERENCE
from payments.domain.transitions import PaymentStatus


def _set(table: Table, *fixed: str) -> Mapping[str, Any]:
    """All columns of ``table`` but the ``fixed`` ones, each from the parameter of its name."""
    return _from(*(column.name for column in table.columns if column.name not in fixed))


def _rows(table: Table) -> ColumnElement[str]:
    rows = select(RowsAsJson(*table.columns)).where(table.c.payment_id == PAYMENTS.c.payment_id)
    return rows.correlate(PAYMENTS).scalar_subquery().label(table.name)


def _from(*names: str) -> Mapping[str, Any]:
    return {name: bindparam(name) for name in names}


def _due(column: ColumnElement[int]) -> ColumnElement[bool]:
    return column <= bindparam("now", type_=BigInteger)


def _rows_with(table: Table, column: str, word: str) -> Select[Any]:
    # Written out, not bound: a partial index serves only a condition that repeats its own.
    return select(func.count()).select_from(table).where(table.c[column] == literal_column(f"'{word}'"))


def _counted(number: Select[Any], name: str) -> ColumnElement[Any]:
    return number.scalar_subquery().label(name)


def _limit() -> Any:
    return bindparam("limit", type_=BigInteger)


# The payment, whole: one statement, so that it is seen as it was at one moment.

# Without its line of history, which follows from the rest.
_LINE_ONLY: Final = frozenset(
    {
        *("provider", "reference", "checkout_url", "received_minor", "given_back_minor"),
        *("failure", "failure_detail", "in_review"),
    }
)
_OWN: Final = [column for column in PAYMENTS.columns if column.name not in _LINE_ONLY]
_WHOLE: Final = select(*_OWN, _rows(ATTEMPTS), _rows(CAPTURES), _rows(REFUNDS))
_OWNER: Final = ATTEMPTS.alias("owner")

PAYMENT: Final = _WHOLE.where(PAYMENTS.c.payment_id == bindparam("payment_id"))
PAYMENT_OF_ORDER: Final = _WHOLE.where(PAYMENTS.c.order_id == bindparam("order_id"))
PAYMENT_WITH_REFERENCE: Final = _WHOLE.where(
    PAYMENTS.c.payment_id
    == select(_OWNER.c.payment_id).where(_OWNER.c.reference == bindparam("reference")).scalar_subquery()
)
PAYMENT_WITH_CALLBACK_TOKEN: Final = _WHOLE.where(
    PAYMENTS.c.payment_id.in_(
        union_all(
            select(_OWNER.c.payment_id).where(_OWNER.c.callback_token_hash == bindparam("token_hash")),
            select(REFUNDS.c.payment_id).where(REFUNDS.c.callback_token_hash == bindparam("token_hash")),
        )
    )
)
PAYMENT_WITH_REFUND_REFERENCE: Final = _WHOLE.where(
    PAYMENTS.c.payment_id
    == select(REFUNDS.c.payment_id).where(REFUNDS.c.reference == bindparam("reference")).scalar_subquery()
)
PAYMENT_WITH_PAGE_TOKEN: Final = _WHOLE.where(
    PAYMENTS.c.payment_id
    == select(_OWNER.c.payment_id)
    .where(_OWNER.c.page_token_hash == bindparam("token_hash"))
    .scalar_subquery()
)
# At its beginning a walk includes its place, the empty text: somebody may have edited an id to that.
_WALKED: Final = _WHOLE.order_by(PAYMENTS.c.payment_id).limit(_limit())
PAYMENTS_FROM: Final = _WALKED.where(PAYMENTS.c.payment_id >= bindparam("payment_id"))
PAYMENTS_AFTER: Final = _WALKED.where(PAYMENTS.c.payment_id > bindparam("payment_id"))

# The records of payments that a walk has met: a range of one index each.


def _walked(table: Table, *order: ColumnElement[Any]) -> Select[Any]:
    walked = table.c.payment_id.between(bindparam("first_payment"), bindparam("last_payment"))
    return select(table).where(walked).order_by(table.c.payment_id, *order)


EVIDENCE_WALKED: Final = _walked(EVIDENCE, EVIDENCE.c.observed_at, EVIDENCE.c.evidence_id)
MESSAGES_WALKED: Final = _walked(MESSAGES, MESSAGES.c.sequence)
REVIEWS_WALKED: Final = _walked(REVIEWS, REVIEWS.c.opened_at, REVIEWS.c.review_id)
AUDIT_WALKED: Final = _walked(AUDIT, AUDIT.c.sequence)
COLLECTIONS_WALKED: Final = _walked(COLLECTIONS, COLLECTIONS.c.recorded_at, COLLECTIONS.c.collection_id)

# The lock stands apart from the read: PostgreSQL answers a locking read's subqueries from before the wait.
LOCK_PAYMENT: Final = (
    select(PAYMENTS.c.payment_id).where(PAYMENTS.c.payment_id == bindparam("payment_id")).with_for_update()
)
LOCK_ORDER: Final = (
    select(PAYMENTS.c.payment_id).where(PAYMENTS.c.order_id == bindparam("order_id")).with_for_update()
)

OPEN_PAYMENT: Final = insert_or(PAYMENTS).on_conflict_do_nothing()
SAVE_PAYMENT: Final = (
    update(PAYMENTS)
    .where(
        PAYMENTS.c.payment_id == bindparam("this_payment"),
        PAYMENTS.c.version == bindparam("version_before"),
    )
    .values(_set(PAYMENTS, "payment_id", "order_id", "payer", "created_at"))
)

# What never changes once it is stored, and is therefore never written again.
_TERMS: Final = ("provider", "mode", "amount_minor", "currency", "order_version")

ADD_ATTEMPT: Final = insert(ATTEMPTS)
# What its provider last said is kept without a new version of the payment; each time it is counted.
SAVE_ATTEMPT: Final = (
    update(ATTEMPTS)
    .where(
        ATTEMPTS.c.reference == bindparam("this_reference"),
        ATTEMPTS.c.checks == bindparam("checks_before"),
    )
    .values(_set(ATTEMPTS, "reference", "payment_id", "position", "claimed_at", *_TERMS))
)
ADD_CAPTURE: Final = insert(CAPTURES)
SAVE_CAPTURE: Final = (
    update(CAPTURES)
    .where(CAPTURES.c.capture_id == bindparam("this_capture"))
    .values(_set(CAPTURES, "capture_id", "payment_id", "position", "reference", "key", *_TERMS))
)
ADD_REFUND: Final = insert(REFUNDS)
SAVE_REFUND: Final = (
    update(REFUNDS)
    .where(REFUNDS.c.refund_id == bindparam("this_refund"))
    .values(_set(REFUNDS, "refund_id", "payment_id", "position", "capture_id", "reference", *_TERMS))
)

ADD_EVIDENCE: Final = insert(EVIDENCE)
ADD_AUDIT: Final = insert(AUDIT)
ADD_MESSAGE: Final = insert(MESSAGES)
ADD_REVIEW: Final = insert_or(REVIEWS).on_conflict_do_nothing()
ADD_REVIEW_LINK: Final = insert(REVIEW_AUDIT)
ADD_NOTICE: Final = insert_or(NOTICES).on_conflict_do_nothing()

# One statement says whether anybody has the reference, and stores it with that: a known one costs no more.
_UNKNOWN: Final[ColumnElement[str]] = literal_column(f"'{UNKNOWN_REFERENCE}'")
_NOTICED: Final = bindparam("reference", type_=Text)
_NOBODY_HAS_IT: Final = and_(
    bindparam("next_try_at", type_=BigInteger).is_not(None),
    ~exists().where(ATTEMPTS.c.reference == _NOTICED),
    ~exists().where(REFUNDS.c.reference == _NOTICED),
)
ADD_SIGNED_NOTICE: Final = (
    insert_or(NOTICES)
    .values(
        {
            **_set(NOTICES, "outcome"),
            "outcome": case((_NOBODY_HAS_IT, _UNKNOWN), else_=bindparam("outcome", type_=Text)),
        }
    )
    .on_conflict_do_nothing()
    .returning(NOTICES.c.outcome)
)
ADD_KNOWN_NOTICE: Final = (
    insert_or(NOTICES)
    .from_select(
        [column.name for column in NOTICES.columns],
        select(*(bindparam(column.name, type_=column.type) for column in NOTICES.columns)).where(
            ~_NOBODY_HAS_IT
        ),
    )
    .on_conflict_do_nothing()
)
# Whether more than ``most`` wait: so many entries of an index that holds only those are passed over.
UNKNOWN_BEYOND: Final = (
    select(NOTICES.c.notice_id)
    .where(
        NOTICES.c.provider == bindparam("provider", type_=Text),
        NOTICES.c.next_try_at.is_not(None),
        NOTICES.c.outcome == _UNKNOWN,
    )
    .offset(bindparam("most", type_=BigInteger))
    .limit(literal_column("1"))
)

VERDICT_OF: Final = select(EVIDENCE.c.rule).where(EVIDENCE.c.evidence_id == bindparam("evidence_id"))
# Always one row. Money under this key says more than a name under which nothing was paid yet.
ATTEMPT_HOLDING: Final = select(
    func.coalesce(
        select(CAPTURES.c.reference)
        .where(
            CAPTURES.c.provider == bindparam("provider"),
            CAPTURES.c.mode == bindparam("mode"),
            CAPTURES.c.key == bindparam("key", type_=Text),
        )
        .scalar_subquery(),
        select(ATTEMPTS.c.reference)
        .where(
            ATTEMPTS.c.provider == bindparam("provider"),
            ATTEMPTS.c.mode == bindparam("mode"),
            ATTEMPTS.c.provider_reference == bindparam("provider_reference", type_=Text),
        )
        .scalar_subquery(),
    ).label("reference")
)
ATTEMPT_WITH_MONEY: Final = select(CAPTURES.c.reference).where(
    CAPTURES.c.provider == bindparam("provider"),
    CAPTURES.c.mode == bindparam("mode"),
    CAPTURES.c.key == bindparam("key"),
)
ATTEMPT_WITH_RECEIPT: Final = select(CAPTURES.c.reference).where(
    CAPTURES.c.provider == bindparam("provider"),
    CAPTURES.c.mode == bindparam("mode"),
    CAPTURES.c.receipt == bindparam("receipt"),
)

# What stands around a payment, oldest first.

EVIDENCE_OF: Final = (
    select(EVIDENCE)
    .where(EVIDENCE.c.payment_id == bindparam("payment_id"))
    .order_by(EVIDENCE.c.observed_at, EVIDENCE.c.evidence_id)
)
MESSAGES_OF: Final = (
    select(MESSAGES).where(MESSAGES.c.payment_id == bindparam("payment_id")).order_by(MESSAGES.c.sequence)
)
REVIEW: Final = select(REVIEWS).where(REVIEWS.c.review_id == bindparam("review_id"))
DECIDE_REVIEW: Final = (
    update(REVIEWS)
    .where(REVIEWS.c.review_id == bindparam("this_review"), REVIEWS.c.state == literal_column("'open'"))
    .values(_from("state", "decision", "actor", "reason", "resolved_at", "refund_id"))
)
REVIEWS_OF: Final = (
    select(REVIEWS)
    .where(REVIEWS.c.payment_id == bindparam("payment_id"))
    .order_by(REVIEWS.c.opened_at, REVIEWS.c.review_id)
)
LOCK_REVIEW: Final = select(REVIEWS).where(REVIEWS.c.review_id == bindparam("review_id")).with_for_update()


def _reviews(*filters: ColumnElement[bool]) -> Select[Any]:
    """Reviews in one state, newest first: a range of one index, read backwards from ``before``."""
    return (
        select(REVIEWS)
        .where(
            REVIEWS.c.state == bindparam("review_state", type_=Text),
            *filters,
            tuple_(REVIEWS.c.opened_at, REVIEWS.c.review_id)
            < tuple_(bindparam("before", type_=BigInteger), bindparam("before_id", type_=Text)),
        )
        .order_by(REVIEWS.c.opened_at.desc(), REVIEWS.c.review_id.desc())
        .limit(_limit())
    )


REVIEWS_IN_STATE: Final = _reviews()
REVIEWS_OF_KIND: Final = _reviews(REVIEWS.c.kind == bindparam("kind", type_=Text))
REVIEW_TRAIL: Final = (
    select(REVIEW_AUDIT)
    .where(REVIEW_AUDIT.c.review_id == bindparam("review_id"))
    .order_by(REVIEW_AUDIT.c.sequence)
)
_ALONE: Final = (
    select(REVIEWS).where(REVIEWS.c.payment_id.is_(None)).order_by(REVIEWS.c.review_id).limit(_limit())
)
REVIEWS_ALONE_FROM: Final = _ALONE.where(REVIEWS.c.review_id >= bindparam("review_id"))
REVIEWS_ALONE_AFTER: Final = _ALONE.where(REVIEWS.c.review_id > bindparam("review_id"))
_TRAILS: Final = (
    select(REVIEW_AUDIT.c.review_id).distinct().order_by(REVIEW_AUDIT.c.review_id).limit(_limit())
)
REVIEW_TRAILS_FROM: Final = _TRAILS.where(REVIEW_AUDIT.c.review_id >= bindparam("review_id"))
REVIEW_TRAILS_AFTER: Final = _TRAILS.where(REVIEW_AUDIT.c.review_id > bindparam("review_id"))
AUDIT_OF: Final = (
    select(AUDIT).where(AUDIT.c.payment_id == bindparam("payment_id")).order_by(AUDIT.c.sequence)
)
NOTICES_ABOUT: Final = (
    select(NOTICES)
    .where(NOTICES.c.reference == bindparam("reference"))
    .order_by(NOTICES.c.received_at, NOTICES.c.notice_id)
)

NEWEST_NOTICES: Final = (
    select(NOTICES)
    .where(NOTICES.c.reference == bindparam("reference"), NOTICES.c.provider == bindparam("provider"))
    .order_by(NOTICES.c.received_at.desc(), NOTICES.c.notice_id.desc())
    .limit(_limit())
)

# A payer's history: a range of one index, read backwards from ``before``.

_LINE: Final = select(
    *(PAYMENTS.c[name] for name in ("payment_id", "order_id", "payer", "status", "amount_minor")),
    *(PAYMENTS.c[name] for name in ("currency", "provider", "reference", "checkout_url")),
    *(PAYMENTS.c[name] for name in ("received_minor", "given_back_minor", "failure", "failure_detail")),
    *(PAYMENTS.c[name] for name in ("in_review", "created_at", "updated_at")),
)

_SPAN: Final = and_(
    PAYMENTS.c.created_at > bindparam("after"),
    tuple_(PAYMENTS.c.created_at, PAYMENTS.c.payment_id)
    < tuple_(bindparam("before", type_=BigInteger), bindparam("before_id", type_=Text)),
)
_HAS_STATUS: Final = PAYMENTS.c.status == bindparam("status", type_=Text)
_HAS_PROVIDER: Final = PAYMENTS.c.provider == bindparam("provider", type_=Text)


def _newest_first(*filters: ColumnElement[bool]) -> Select[Any]:
    newest_first = (PAYMENTS.c.created_at.desc(), PAYMENTS.c.payment_id.desc())
    line = _LINE.where(PAYMENTS.c.payer == bindparam("payer"))
    return line.where(*filters, _SPAN).order_by(*newest_first).limit(_limit())


HISTORY: Final = _newest_first()
HISTORY_WITH_STATUS: Final = _newest_first(_HAS_STATUS)
HISTORY_WITH_PROVIDER: Final = _newest_first(_HAS_PROVIDER)
HISTORY_WITH_BOTH: Final = _newest_first(_HAS_PROVIDER, _HAS_STATUS)
HISTORY_OF_ORDER: Final = _newest_first(
    PAYMENTS.c.order_id == bindparam("order_id"),
    or_(bindparam("status", type_=Text).is_(None), _HAS_STATUS),
    or_(bindparam("provider", type_=Text).is_(None), _HAS_PROVIDER),
)

# What operators look for among all payments. Identifiers grow with time: the primary key orders by age.

_BEFORE: Final = PAYMENTS.c.payment_id < bindparam("before_id", type_=Text)


def _latest(*filters: ColumnElement[bool]) -> Select[Any]:
    return _LINE.where(*filters, _BEFORE).order_by(PAYMENTS.c.payment_id.desc()).limit(_limit())


def _latest_that_is(status: PaymentStatus) -> Select[Any]:
    # Written out, not bound: one plan for all would not know that some are rare, and look through everything.
    return _latest(PAYMENTS.c.status == literal_column(f"'{status.value}'"))


FOUND: Final = _latest()
FOUND_PENDING: Final = _latest_that_is(PaymentStatus.PENDING)
FOUND_PROCESSING: Final = _latest_that_is(PaymentStatus.PROCESSING)
FOUND_SUCCESS: Final = _latest_that_is(PaymentStatus.SUCCESS)
FOUND_FAILED: Final = _latest_that_is(PaymentStatus.FAILED)
# At most three, each by an index of its own; whoever asks sorts them.
FOUND_BY_NAME: Final = _LINE.where(
    or_(
        PAYMENTS.c.payment_id == bindparam("payment_id", type_=Text),
        PAYMENTS.c.order_id == bindparam("name", type_=Text),
        PAYMENTS.c.payment_id
        == select(ATTEMPTS.c.payment_id)
        .where(ATTEMPTS.c.reference == bindparam("name", type_=Text))
        .scalar_subquery(),
    ),
    or_(bindparam("status", type_=Text).is_(None), _HAS_STATUS),
    _BEFORE,
)

# The queues. One statement chooses the rows that are due, passes over those that others are taking at this
# moment, and has them leased until they are due again.


def _most_due(key: ColumnElement[str], due_at: ColumnElement[int], *then: ColumnElement[Any]) -> IsChosen:
    """Whether a row is among the ``limit`` that have been due for longest."""
    chosen = select(key).where(_due(due_at)).order_by(due_at, *then).limit(_limit())
    alone = chosen.with_for_update(skip_locked=True).correlate(None)
    return IsChosen(key, alone.scalar_subquery())


LEASE_NOTICES: Final = (
    update(NOTICES)
    .where(_most_due(NOTICES.c.notice_id, NOTICES.c.next_try_at, NOTICES.c.received_at, NOTICES.c.notice_id))
    .values(_from("next_try_at", "lease"))
    .returning(*NOTICES.columns)
)
HASTEN_NOTICE: Final = (
    update(NOTICES)
    .where(
        NOTICES.c.digest == bindparam("this_digest"),
        NOTICES.c.lease.is_(None),
        NOTICES.c.next_try_at > bindparam("sooner"),
    )
    .values(next_try_at=bindparam("sooner"))
)
FINISH_NOTICE: Final = (
    update(NOTICES)
    .where(NOTICES.c.notice_id == bindparam("this_notice"), NOTICES.c.lease == bindparam("token"))
    .values(_from("handled_at", "outcome", "next_try_at", "tries", "lease"))
)

_NEWER: Final = MESSAGES.alias("newer")
_OVERTAKEN: Final = and_(
    MESSAGES.c.destination == literal_column("'orders'"),
    exists().where(
        _NEWER.c.order_id == MESSAGES.c.order_id,
        _NEWER.c.sequence > MESSAGES.c.sequence,
        _NEWER.c.destination == literal_column("'orders'"),
    ),
)

LEASE_MESSAGES: Final = (
    update(MESSAGES)
    .where(
        _most_due(MESSAGES.c.message_id, MESSAGES.c.next_try_at, MESSAGES.c.created_at, MESSAGES.c.message_id)
    )
    .values(
        state=case((_OVERTAKEN, literal_column("'overtaken'")), else_=MESSAGES.c.state),
        next_try_at=case((_OVERTAKEN, null()), else_=bindparam("next_try_at", type_=BigInteger)),
        lease=case((_OVERTAKEN, null()), else_=bindparam("lease", type_=Text)),
    )
    .returning(*MESSAGES.columns)
)
FINISH_MESSAGE: Final = (
    update(MESSAGES)
    .where(MESSAGES.c.message_id == bindparam("this_message"), MESSAGES.c.lease == bindparam("token"))
    .values(
        _from("state", "next_try_at", "tries", "delivered_at", "last_error", "lease"),
    )
)

LEASE_ATTEMPTS: Final = (
    update(ATTEMPTS)
    .where(_most_due(ATTEMPTS.c.reference, ATTEMPTS.c.next_check_at, ATTEMPTS.c.reference))
    .values(_from("next_check_at"))
    .returning(ATTEMPTS.c.reference)
)
LEASE_REFUNDS: Final = (
    update(REFUNDS)
    .where(_most_due(REFUNDS.c.refund_id, REFUNDS.c.next_check_at, REFUNDS.c.refund_id))
    .values(_from("next_check_at"))
    .returning(REFUNDS.c.refund_id, REFUNDS.c.payment_id)
)

# Cash: what collectors recorded, and what they brought in.

_IS_HELD: Final = and_(
    COLLECTIONS.c.outcome == literal_column("'collected'"), COLLECTIONS.c.handover_id.is_(None)
)
_HELD_BY: Final = and_(_IS_HELD, COLLECTIONS.c.collector == bindparam("collector"))

COLLECTION: Final = select(COLLECTIONS).where(COLLECTIONS.c.collection_id == bindparam("collection_id"))
COLLECTIONS_OF: Final = (
    select(COLLECTIONS)
    .where(COLLECTIONS.c.payment_id == bindparam("payment_id"))
    .order_by(COLLECTIONS.c.recorded_at, COLLECTIONS.c.collection_id)
)
ADD_COLLECTION: Final = insert_or(COLLECTIONS).on_conflict_do_nothing()
ATTACH_COLLECTION: Final = (
    update(COLLECTIONS)
    .where(
        COLLECTIONS.c.collection_id == bindparam("this_collection"),
        COLLECTIONS.c.result == literal_column("'orphan'"),
    )
    .values(_from("payment_id", "reference", "result", "status"))
)
HANDOVER: Final = select(HANDOVERS).where(HANDOVERS.c.handover_id == bindparam("handover_id"))
ADD_HANDOVER: Final = insert_or(HANDOVERS).on_conflict_do_nothing()
HAND_OVER: Final = (
    update(COLLECTIONS)
    .where(COLLECTIONS.c.collection_id == bindparam("this_collection"), _HELD_BY)
    .values(_from("handover_id"))
)
COLLECTIONS_OF_HANDOVER: Final = (
    select(COLLECTIONS.c.collection_id)
    .where(COLLECTIONS.c.handover_id == bindparam("handover_id"))
    .order_by(COLLECTIONS.c.collection_id)
)


def _held(*filters: ColumnElement[bool]) -> Select[Any]:
    columns = ("collector", "currency", "recorded_at", "collection_id")
    order = (COLLECTIONS.c[name] for name in columns)
    return select(COLLECTIONS).where(*filters).order_by(*order).limit(_limit())


def _held_sums(*filters: ColumnElement[bool]) -> Select[Any]:
    of_whom = (COLLECTIONS.c.collector, COLLECTIONS.c.currency)
    return (
        select(
            *of_whom,
            func.count().label("count"),
            func.sum(COLLECTIONS.c.amount_minor).label("total_minor"),
            func.min(COLLECTIONS.c.recorded_at).label("oldest_at"),
        )
        .where(*filters)
        .group_by(*of_whom)
        .order_by(*of_whom)
    )


CASH_HELD: Final = _held(_IS_HELD)
CASH_HELD_BY: Final = _held(_HELD_BY)
CASH_HELD_SUMS: Final = _held_sums(_IS_HELD)
CASH_HELD_SUMS_BY: Final = _held_sums(_HELD_BY)

# Answers kept under an Idempotency-Key.

_THIS_ANSWER: Final = (
    ANSWERS.c.user == bindparam("this_user"),
    ANSWERS.c.operation == bindparam("this_operation"),
    ANSWERS.c.key == bindparam("this_key"),
)
_ANSWER_ID: Final = (ANSWERS.c.user, ANSWERS.c.operation, ANSWERS.c.key)

ANSWER: Final = select(ANSWERS).where(*_THIS_ANSWER)
_NEW_ANSWER: Final = insert_or(ANSWERS)
_REPLACED: Final = {
    name: _NEW_ANSWER.excluded[name] for name in ("fingerprint", "holder", "expires_at", "status", "body")
}
# Whoever comes when the answer has run out takes its place.
BEGIN_ANSWER: Final = _NEW_ANSWER.on_conflict_do_update(
    index_elements=[*_ANSWER_ID], set_=_REPLACED, where=_due(ANSWERS.c.expires_at)
).returning(ANSWERS.c.holder)
# A reservation that ran out may have been cleared away: then the answer is stored anew.
END_ANSWER: Final = _NEW_ANSWER.on_conflict_do_update(
    index_elements=[*_ANSWER_ID], set_=_REPLACED, where=ANSWERS.c.holder == _NEW_ANSWER.excluded.holder
)
DROP_ANSWER: Final = delete(ANSWERS).where(
    *_THIS_ANSWER, ANSWERS.c.holder == bindparam("this_holder"), ANSWERS.c.status.is_(None)
)
ANSWERS_TO_FORGET: Final = (
    select(*_ANSWER_ID)
    .where(_due(ANSWERS.c.expires_at))
    .order_by(ANSWERS.c.expires_at)
    .limit(_limit())
    .with_for_update(skip_locked=True)
)
FORGET_ANSWER: Final = delete(ANSWERS).where(*_THIS_ANSWER)

# What is kept for a while only.

_UNTIL: Final = bindparam("until", type_=BigInteger)


def _none_of(table: Table, *filters: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether the payment has no such row.

    Counted row by row: as a join this would read whole tables. And compared where it is counted: PostgreSQL
    then expects it of every other payment; of one in two hundred, and it would read whole tables, too.
    """
    no_rows = select(func.count() == literal_column("0")).select_from(table)
    return (
        no_rows.where(table.c.payment_id == PAYMENTS.c.payment_id, *filters)
        .correlate(PAYMENTS)
        .scalar_subquery()
    )


def _in(column: ColumnElement[str], *words: str) -> ColumnElement[bool]:
    return column.in_([literal_column(f"'{word}'") for word in words])


BODIES_TO_ERASE: Final = (
    select(NOTICES.c.notice_id)
    .where(
        NOTICES.c.next_try_at.is_(None),
        func.length(NOTICES.c.sealed) > literal_column("0"),
        NOTICES.c.received_at <= _UNTIL,
    )
    .order_by(NOTICES.c.received_at, NOTICES.c.notice_id)
    .limit(_limit())
    .with_for_update(skip_locked=True)
)
ERASE_BODY: Final = (
    update(NOTICES)
    .where(NOTICES.c.notice_id == bindparam("this_notice"))
    .values(sealed=bindparam("nothing", b"", type_=LargeBinary))
)
# Nothing about the payment is under way. Whoever works on it has changed it or holds it: it is passed over.
_IS_OVER: Final = and_(
    PAYMENTS.c.updated_at <= _UNTIL,
    _none_of(
        ATTEMPTS,
        or_(_in(ATTEMPTS.c.status, "claimed", "open", "unknown"), ATTEMPTS.c.next_check_at.is_not(None)),
    ),
    _none_of(REFUNDS, _in(REFUNDS.c.status, "awaiting_approval", "reserved", "requested", "unknown")),
    _none_of(MESSAGES, MESSAGES.c.state == literal_column("'pending'")),
    _none_of(REVIEWS, REVIEWS.c.state == literal_column("'open'")),
)


def _to_erase(*filters: ColumnElement[bool], by: tuple[ColumnElement[Any], ...]) -> Select[Any]:
    chosen = select(PAYMENTS.c.payment_id).where(*filters, by[0] <= _UNTIL, _IS_OVER)
    return chosen.order_by(*by).limit(_limit()).with_for_update(skip_locked=True, of=PAYMENTS)


PAYERS_TO_ERASE: Final = _to_erase(
    or_(*(PAYMENTS.c[name].is_not(None) for name in ("email", "first_name", "last_name", "phone_number"))),
    by=(PAYMENTS.c.created_at, PAYMENTS.c.payment_id),
)
# What a payer typed, and mails, where the order's customer had no name by then: looked for afterwards.
PHONES_TO_ERASE: Final = _to_erase(
    ATTEMPTS.c.payment_id == PAYMENTS.c.payment_id,
    ATTEMPTS.c.phone.is_not(None),
    by=(ATTEMPTS.c.claimed_at, ATTEMPTS.c.reference),
)
MAILS_TO_ERASE: Final = _to_erase(
    MESSAGES.c.payment_id == PAYMENTS.c.payment_id,
    MESSAGES.c.destination == literal_column("'payer'"),
    func.length(MESSAGES.c.body) > literal_column("2"),
    by=(MESSAGES.c.created_at, MESSAGES.c.message_id),
)
_OF_THIS_PAYMENT: Final[ColumnElement[str]] = bindparam("this_payment")
ERASE_PAYER: Final = (
    update(PAYMENTS)
    .where(PAYMENTS.c.payment_id == _OF_THIS_PAYMENT)
    .values(email=null(), first_name=null(), last_name=null(), phone_number=null())
)
ERASE_PHONES: Final = (
    update(ATTEMPTS)
    .where(ATTEMPTS.c.payment_id == _OF_THIS_PAYMENT, ATTEMPTS.c.phone.is_not(None))
    .values(phone=null())
)
ERASE_MAILS: Final = (
    update(MESSAGES)
    .where(MESSAGES.c.payment_id == _OF_THIS_PAYMENT, MESSAGES.c.destination == literal_column("'payer'"))
    .values(body=bindparam("nothing", ERASED, type_=LargeBinary))
)

# What waits, in one statement. Each number is read from an index that holds only the rows that count.

_UNHANDLED: Final = NOTICES.c.next_try_at.is_not(None)
_UNDELIVERED: Final = MESSAGES.c.next_try_at.is_not(None)

BACKLOG: Final = select(
    _counted(select(func.count()).select_from(NOTICES).where(_UNHANDLED), "notices"),
    _counted(select(func.min(NOTICES.c.received_at)).where(_UNHANDLED), "oldest_notice"),
    _counted(select(func.count()).select_from(MESSAGES).where(_UNDELIVERED), "messages"),
    _counted(select(func.min(MESSAGES.c.created_at)).where(_UNDELIVERED), "oldest_message"),
    _counted(_rows_with(MESSAGES, "state", "parked"), "parked"),
    _counted(_rows_with(REVIEWS, "state", "open"), "open_reviews"),
    _counted(_rows_with(ATTEMPTS, "status", "unknown"), "unknown_attempts"),
)
