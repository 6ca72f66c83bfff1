"""The tables, as SQLAlchemy Core writes them (docs/model.md section 1). The same in both databases.

Instants are whole microseconds since 1970-01-01 UTC, identifiers 36-character text, money minor units beside
a currency code. Nothing here has a default: what is stored was said.
"""

import enum
from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    false,
    text,
)

from payments.application.records import UNKNOWN_REFERENCE, Claim, Destination, MessageState
from payments.domain.collection import AtTheDoor, CashResult
from payments.domain.events import Reason, ReviewKind
from payments.domain.evidence import Channel, Mode, Outcome, Rule
from payments.domain.review import ReviewState
from payments.domain.transitions import AttemptStatus, Disposition, PaymentStatus, RefundStatus

METADATA: Final = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

# Byte order in both databases: SQLite's own, and what makes PostgreSQL's comparisons agree with Python's.
_ID: Final = String(36).with_variant(String(36, collation="C"), "postgresql")
_NAME: Final = Text().with_variant(Text(collation="C"), "postgresql")
_INSTANT: Final = BigInteger()
_MINOR: Final = BigInteger()
_CURRENCY: Final = String(3)


def _required(name: str, kind: Any, *constraints: ForeignKey, primary_key: bool = False) -> Column[Any]:
    return Column(name, kind, *constraints, nullable=False, primary_key=primary_key)


def _maybe(name: str, kind: Any, *constraints: ForeignKey) -> Column[Any]:
    return Column(name, kind, *constraints, nullable=True)


def _one_of(column: str, kinds: Iterable[enum.Enum]) -> CheckConstraint:
    return _check(column, _any(column, [kind.value for kind in kinds]))


def _any(column: str, words: Iterable[str]) -> str:
    # Not as a list after IN: SQLite makes a table in memory of one, for each row that is written.
    return " OR ".join(f"{column} = {word!r}" for word in words)


def _check(name: str, rule: str) -> CheckConstraint:
    return CheckConstraint(rule, name=name)


def _where(name: str, condition: str, *columns: str, unique: bool = False) -> Index:
    """An index over the rows that meet ``condition`` alone."""
    only = text(condition)
    return Index(name, *columns, unique=unique, sqlite_where=only, postgresql_where=only)


def _of_payment() -> Column[Any]:
    return _required("payment_id", _ID, ForeignKey("payments.payment_id"))


_NAMES_SOMEONE: Final = " OR ".join(
    f"{column} IS NOT NULL" for column in ("email", "first_name", "last_name", "phone_number")
)

PAYMENTS: Final = Table(
    "payments",
    METADATA,
    _required("payment_id", _ID, primary_key=True),
    _required("order_id", _NAME),
    _required("payer", _NAME),
    _required("amount_minor", _MINOR),
    _required("currency", _CURRENCY),
    _required("order_version", Text),
    _maybe("email", Text),
    _maybe("first_name", Text),
    _maybe("last_name", Text),
    _maybe("phone_number", Text),
    _required("created_at", _INSTANT),
    _required("updated_at", _INSTANT),
    _required("status", _NAME),
    _required("version", BigInteger),
    _required("told", BigInteger),
    _required("last_told", Text),
    _required("trail", Text),
    # From here on the payer's line of history, as summary_of() says it: one index range of one table.
    _maybe("provider", _NAME),
    _maybe("reference", _NAME),
    _maybe("checkout_url", Text),
    _required("received_minor", _MINOR),
    _required("given_back_minor", _MINOR),
    _maybe("failure", Text),
    _required("failure_detail", Text),
    _required("in_review", Boolean),
    _check("amount", "amount_minor > 0"),
    _check("version", "version >= 0"),
    _one_of("status", PaymentStatus),
    Index("payments_order", "order_id", unique=True),
    # Read backwards: newest first.
    Index("payments_payer", "payer", "created_at", "payment_id"),
    Index("payments_payer_status", "payer", "status", "created_at", "payment_id"),
    Index("payments_payer_provider", "payer", "provider", "created_at", "payment_id"),
    Index("payments_status", "status", "payment_id"),
    _where("payments_people", _NAMES_SOMEONE, "created_at", "payment_id"),
)

ATTEMPTS: Final = Table(
    "attempts",
    METADATA,
    _required("reference", _NAME, primary_key=True),
    _of_payment(),
    _required("position", Integer),
    _required("provider", _NAME),
    _required("mode", _NAME),
    _required("amount_minor", _MINOR),
    _required("currency", _CURRENCY),
    _required("order_version", Text),
    _required("claimed_at", _INSTANT),
    _maybe("watch_until", _INSTANT),
    _maybe("payable_until", _INSTANT),
    _maybe("next_check_at", _INSTANT),
    _required("status", _NAME),
    _maybe("reason", Text),
    _required("detail", Text),
    _maybe("phone", Text),
    _maybe("return_to", Text),
    _maybe("checkout_url", Text),
    _maybe("provider_reference", _NAME),
    _maybe("callback_token_hash", _NAME),
    _maybe("page_token_hash", _NAME),
    _required("on_delivery", Boolean),
    _maybe("handed_out_at", _INSTANT),
    _required("page_closed", Boolean),
    _maybe("reopened_at", _INSTANT),
    _required("declines", Text),
    _maybe("not_found_at", _INSTANT),
    _maybe("said_paid_at", _INSTANT),
    _required("wrong_codes", Integer),
    _required("checks", Integer),
    _maybe("last_checked_at", _INSTANT),
    _required("last_word", Text),
    _check("amount", "amount_minor > 0"),
    _one_of("mode", Mode),
    _one_of("status", AttemptStatus),
    _one_of("reason", Reason),
    Index("attempts_payment", "payment_id", "position", unique=True),
    _where("attempts_live", _any("status", ["claimed", "open", "unknown"]), "payment_id", unique=True),
    _where(
        "attempts_provider_reference",
        "provider_reference IS NOT NULL",
        *("provider", "mode", "provider_reference"),
        unique=True,
    ),
    _where("attempts_callback_token", "callback_token_hash IS NOT NULL", "callback_token_hash", unique=True),
    _where("attempts_page_token", "page_token_hash IS NOT NULL", "page_token_hash", unique=True),
    _where("attempts_due", "next_check_at IS NOT NULL", "next_check_at", "reference"),
    _where("attempts_unknown", "status = 'unknown'", "reference"),
    _where("attempts_phones", "phone IS NOT NULL", "claimed_at", "reference"),
)

CAPTURES: Final = Table(
    "captures",
    METADATA,
    _required("capture_id", _ID, primary_key=True),
    _of_payment(),
    _required("position", Integer),
    _required("reference", _NAME, ForeignKey("attempts.reference")),
    _required("provider", _NAME),
    _required("mode", _NAME),
    _required("key", _NAME),
    _required("amount_minor", _MINOR),
    _required("currency", _CURRENCY),
    _required("disposition", _NAME),
    _required("captured_at", _INSTANT),
    _maybe("receipt", _NAME),
    # Later than the others. Without a check, which would read all rows under a lock, and with a default,
    # because processes of the version before do not know them.
    _maybe("vouched", _NAME),
    Column("accepted", Boolean, server_default=false(), nullable=False),
    _check("amount", "amount_minor > 0"),
    _check("key", "key <> ''"),
    _one_of("mode", Mode),
    _one_of("disposition", Disposition),
    Index("captures_payment", "payment_id", "position", unique=True),
    Index("captures_key", "provider", "mode", "key", unique=True),
    _where("captures_receipt", "receipt IS NOT NULL", "provider", "mode", "receipt", unique=True),
    _where("captures_settling", "disposition = 'settles'", "payment_id", unique=True),
)

REFUNDS: Final = Table(
    "refunds",
    METADATA,
    _required("refund_id", _ID, primary_key=True),
    _of_payment(),
    _required("position", Integer),
    _required("capture_id", _ID, ForeignKey("captures.capture_id")),
    _required("reference", _NAME),
    _required("amount_minor", _MINOR),
    _required("currency", _CURRENCY),
    _required("status", _NAME),
    _required("reason", Text),
    _required("actor", Text),
    _required("created_at", _INSTANT),
    _maybe("approver", Text),
    _maybe("provider_reference", _NAME),
    _maybe("callback_token_hash", _NAME),
    _maybe("requested_at", _INSTANT),
    _maybe("next_check_at", _INSTANT),
    _required("detail", Text),
    _check("amount", "amount_minor > 0"),
    _one_of("status", RefundStatus),
    Index("refunds_payment", "payment_id", "position", unique=True),
    Index("refunds_reference", "reference", unique=True),
    _where("refunds_callback_token", "callback_token_hash IS NOT NULL", "callback_token_hash", unique=True),
    _where("refunds_due", "next_check_at IS NOT NULL", "next_check_at", "refund_id"),
)

EVIDENCE: Final = Table(
    "evidence",
    METADATA,
    _required("evidence_id", _ID, primary_key=True),
    _of_payment(),
    _required("reference", _NAME, ForeignKey("attempts.reference")),
    _required("channel", _NAME),
    _required("cause", Text),
    _required("rule", _NAME),
    _required("observed_at", _INSTANT),
    # What the gateway read; an attested amount is whatever was attested, so nothing bounds it.
    _required("outcome", _NAME),
    _required("word", Text),
    _maybe("attested_reference", Text),
    _maybe("attested_minor", _MINOR),
    _maybe("attested_currency", _CURRENCY),
    _maybe("attested_mode", _NAME),
    _maybe("provider_reference", Text),
    _maybe("capture_key", Text),
    _maybe("fingerprint", Text),
    _required("detail", Text),
    _maybe("returned_minor", _MINOR),
    _maybe("returned_currency", _CURRENCY),
    _maybe("captured_minor", _MINOR),
    _maybe("captured_currency", _CURRENCY),
    _one_of("channel", Channel),
    _one_of("outcome", Outcome),
    _one_of("attested_mode", Mode),
    # A rule's value is a sentence that may be worded better one day; its name stays.
    _check("rule", _any("rule", [rule.name.lower() for rule in Rule])),
    _check("attested", "(attested_minor IS NULL) = (attested_currency IS NULL)"),
    _check("returned", "(returned_minor IS NULL) = (returned_currency IS NULL)"),
    _check("captured", "(captured_minor IS NULL) = (captured_currency IS NULL)"),
    Index("evidence_payment", "payment_id", "observed_at", "evidence_id"),
)

NOTICES: Final = Table(
    "notices",
    METADATA,
    _required("notice_id", _ID, primary_key=True),
    _required("provider", _NAME),
    _required("digest", _NAME),
    _required("sealed", LargeBinary),
    _maybe("reference", _NAME),
    _required("claim", _NAME),
    _required("word", Text),
    _required("received_at", _INSTANT),
    _maybe("handled_at", _INSTANT),
    _required("outcome", Text),
    _maybe("next_try_at", _INSTANT),
    _required("tries", Integer),
    _maybe("lease", _ID),
    _one_of("claim", Claim),
    # What was received and not handled is always in the queue: nothing acknowledged is lost.
    _check("due", "(handled_at IS NULL) = (next_try_at IS NOT NULL)"),
    Index("notices_digest", "digest", unique=True),
    _where("notices_reference", "reference IS NOT NULL", "reference", "received_at", "notice_id"),
    _where("notices_unknown", f"next_try_at IS NOT NULL AND outcome = '{UNKNOWN_REFERENCE}'", "provider"),
    _where("notices_due", "next_try_at IS NOT NULL", "next_try_at", "received_at", "notice_id"),
    _where("notices_bodies", "next_try_at IS NULL AND length(sealed) > 0", "received_at", "notice_id"),
)

MESSAGES: Final = Table(
    "messages",
    METADATA,
    _required("message_id", _ID, primary_key=True),
    _of_payment(),
    _required("order_id", _NAME),
    _required("sequence", BigInteger),
    _required("destination", _NAME),
    _required("kind", Text),
    _required("body", LargeBinary),
    _required("created_at", _INSTANT),
    _required("state", _NAME),
    _maybe("next_try_at", _INSTANT),
    _required("tries", Integer),
    _maybe("delivered_at", _INSTANT),
    _required("last_error", Text),
    _maybe("lease", _ID),
    _one_of("destination", Destination),
    _one_of("state", MessageState),
    _check("due", "(state = 'pending') = (next_try_at IS NOT NULL)"),
    Index("messages_order", "order_id", "sequence", unique=True),
    Index("messages_payment", "payment_id", "sequence"),
    _where("messages_due", "next_try_at IS NOT NULL", "next_try_at", "created_at", "message_id"),
    _where("messages_parked", "state = 'parked'", "message_id"),
    # Longer than the two bytes of what was erased.
    _where("messages_mails", "destination = 'payer' AND length(body) > 2", "created_at", "message_id"),
)

REVIEWS: Final = Table(
    "reviews",
    METADATA,
    _required("review_id", _ID, primary_key=True),
    _required("kind", _NAME),
    _required("subject", _NAME),
    _maybe("payment_id", _ID, ForeignKey("payments.payment_id")),
    _required("detail", Text),
    _required("opened_at", _INSTANT),
    _required("state", _NAME),
    _maybe("decision", Text),
    _maybe("actor", Text),
    _maybe("reason", Text),
    _maybe("resolved_at", _INSTANT),
    _maybe("refund_id", _ID),
    _one_of("kind", ReviewKind),
    _one_of("state", ReviewState),
    _where("reviews_open", "state = 'open'", "kind", "subject", unique=True),
    _where("reviews_payment", "payment_id IS NOT NULL", "payment_id", "opened_at", "review_id"),
    Index("reviews_state", "state", "opened_at", "review_id"),
    Index("reviews_kind", "kind", "state", "opened_at", "review_id"),
    _where("reviews_alone", "payment_id IS NULL", "review_id"),
)

AUDIT: Final = Table(
    "audit",
    METADATA,
    Column("payment_id", _ID, ForeignKey("payments.payment_id"), nullable=False, primary_key=True),
    Column("sequence", BigInteger, nullable=False, primary_key=True, autoincrement=False),
    _required("at", _INSTANT),
    _required("actor", Text),
    _required("cause", Text),
    _required("events", LargeBinary),
    _maybe("evidence_id", _ID),
    _required("state_digest", Text),
    _required("previous_hash", Text),
    _required("hash", Text),
)

# No foreign key: making one would keep writers from the reviews. A trail without its review is found by I21.
REVIEW_AUDIT: Final = Table(
    "review_audit",
    METADATA,
    Column("review_id", _ID, nullable=False, primary_key=True),
    Column("sequence", BigInteger, nullable=False, primary_key=True, autoincrement=False),
    _required("at", _INSTANT),
    _required("actor", Text),
    _required("cause", Text),
    _required("events", LargeBinary),
    _maybe("evidence_id", _ID),
    _required("state_digest", Text),
    _required("previous_hash", Text),
    _required("hash", Text),
)

ANSWERS: Final = Table(
    "answers",
    METADATA,
    _required("user", _NAME, primary_key=True),
    _required("operation", _NAME, primary_key=True),
    _required("key", _NAME, primary_key=True),
    _required("fingerprint", Text),
    _required("holder", _ID),
    _required("expires_at", _INSTANT),
    _maybe("status", Integer),
    _required("body", LargeBinary),
    Index("answers_expiry", "expires_at"),
)

HANDOVERS: Final = Table(
    "handovers",
    METADATA,
    _required("handover_id", _NAME, primary_key=True),
    _required("collector", _NAME),
    _required("actor", Text),
    _required("recorded_at", _INSTANT),
)

COLLECTIONS: Final = Table(
    "collections",
    METADATA,
    _required("collection_id", _NAME, primary_key=True),
    _required("fingerprint", Text),
    _required("collector", _NAME),
    _required("outcome", _NAME),
    _maybe("amount_minor", _MINOR),
    _maybe("currency", _CURRENCY),
    _maybe("payment_id", _ID, ForeignKey("payments.payment_id")),
    _maybe("reference", _NAME, ForeignKey("attempts.reference")),
    _maybe("order_id", _NAME),
    _required("reason", Text),
    _required("result", _NAME),
    _maybe("status", _NAME),
    _required("recorded_at", _INSTANT),
    _maybe("handover_id", _NAME, ForeignKey("handovers.handover_id")),
    _check("amount", "amount_minor > 0"),
    # What was collected is some money, and what was refused is none.
    _check("collected", "(outcome = 'collected') = (amount_minor IS NOT NULL)"),
    _check("currency", "(amount_minor IS NULL) = (currency IS NULL)"),
    _check("handed_in", "handover_id IS NULL OR outcome = 'collected'"),
    _one_of("outcome", AtTheDoor),
    _one_of("result", CashResult),
    _one_of("status", PaymentStatus),
    _where("collections_payment", "payment_id IS NOT NULL", "payment_id", "recorded_at", "collection_id"),
    _where(
        "collections_held",
        "outcome = 'collected' AND handover_id IS NULL",
        *("collector", "currency", "recorded_at", "collection_id"),
    ),
    _where("collections_handover", "handover_id IS NOT NULL", "handover_id", "collection_id"),
)

# On PostgreSQL alone it is used, and there it is UNLOGGED: its rows may be lost.
COALESCED: Final = Table(
    "coalesced",
    METADATA,
    _required("key", _NAME, primary_key=True),
    _required("told_at", _INSTANT),
    Index("coalesced_told_at", "told_at"),
)

SPENT: Final = Table(
    "spent",
    METADATA,
    _required("key", _NAME, primary_key=True),
    # Instants, newest first. Only PostgreSQL's processes share a budget here; SQLite has one process.
    _required("used", ARRAY(BigInteger).with_variant(Text, "sqlite")),
)

REMEMBERED: Final = Table(
    "remembered",
    METADATA,
    _required("key", _NAME, primary_key=True),
    _required("value", LargeBinary),
    _required("ends_at", _INSTANT),
)
