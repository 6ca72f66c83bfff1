"""What is kept: payments with their attempts, captures and refunds, and the records around them."""

from abc import abstractmethod
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from payments.application.ports.single_writes import SingleWrites
from payments.application.records import (
    AuditEntry,
    Backlog,
    HeldCash,
    HistoryQuery,
    Message,
    Notice,
    PaymentSummary,
    Records,
    ReviewLink,
    ReviewQuery,
    Search,
    StoredChange,
    StoredReview,
)
from payments.domain.collection import Collection, Handover
from payments.domain.evidence import Evidence, Mode, Rule
from payments.domain.payment import Payment
from payments.domain.review import Review

Place = UUID | str | None
"""Where a walk by identifiers stands: behind this one, which a text is no longer; None: at the beginning."""


class UnreadableRecord(Exception):
    """Somebody edited a row until it was no record. ``str()`` names it and says what is wrong."""

    def __init__(self, record: str, key: str, why: str) -> None:
        super().__init__(f"The {record} {key!r} cannot be read back: {why}")
        self.key = key
        """The identifier that stands in the row, such as it is."""


class Reads(Protocol):
    """Single reads of committed state, outside any transaction. Lists are oldest first unless said.

    Each raises UnreadableRecord for the first row that is none of ours any more.
    """

    @abstractmethod
    async def payment(self, payment_id: UUID) -> Payment | None:
        """The payment, whole."""

    @abstractmethod
    async def payment_of_order(self, order_id: str) -> Payment | None:
        """The order's payment, whole."""

    @abstractmethod
    async def payment_with_reference(self, reference: str) -> Payment | None:
        """The payment one of whose attempts carries ``reference``, whole."""

    @abstractmethod
    async def payment_with_callback_token(self, token_hash: str) -> Payment | None:
        """The payment with an attempt or a refund whose callback token has this SHA-256, whole."""

    @abstractmethod
    async def payment_with_refund_reference(self, reference: str) -> Payment | None:
        """The payment one of whose refunds carries ``reference``, whole."""

    @abstractmethod
    async def payment_with_page_token(self, token_hash: str) -> Payment | None:
        """The payment with an attempt whose page token has this SHA-256, whole."""

    @abstractmethod
    async def attempt_with_money(self, provider: str, mode: Mode, key: str) -> str | None:
        """The reference of the attempt whose money the provider calls ``key``, if any."""

    @abstractmethod
    async def history(self, query: HistoryQuery) -> tuple[PaymentSummary, ...]:
        """A payer's payments, newest first, at most ``query.limit``."""

    @abstractmethod
    async def found(self, search: Search) -> tuple[PaymentSummary, ...]:
        """Payments of all payers, newest first, at most ``search.limit``."""

    @abstractmethod
    async def evidence_of(self, payment_id: UUID) -> tuple[Evidence, ...]:
        """All evidence about a payment."""

    @abstractmethod
    async def messages_of(self, payment_id: UUID) -> tuple[Message, ...]:
        """All messages about a payment, by sequence."""

    @abstractmethod
    async def reviews_of(self, payment_id: UUID) -> tuple[Review, ...]:
        """All reviews about a payment."""

    @abstractmethod
    async def review(self, review_id: UUID) -> Review | None:
        """One review, open or resolved."""

    @abstractmethod
    async def reviews(self, query: ReviewQuery) -> tuple[Review, ...]:
        """Reviews in one state, newest first, at most ``query.limit``."""

    @abstractmethod
    async def review_trail(self, review_id: UUID) -> tuple[ReviewLink, ...]:
        """The trail of a review about no payment of ours, by sequence; nothing for any other."""

    @abstractmethod
    async def reviews_alone_after(self, review_id: Place, limit: int) -> tuple[Review, ...]:
        """The next ``limit`` reviews about no payment, by review id: the way to walk over all of them."""

    @abstractmethod
    async def review_trails_after(self, review_id: Place, limit: int) -> tuple[UUID, ...]:
        """The next ``limit`` review ids that have a trail, whether or not the review is there."""

    @abstractmethod
    async def collection(self, collection_id: str) -> Collection | None:
        """One collector's record."""

    @abstractmethod
    async def collections_of(self, payment_id: UUID) -> tuple[Collection, ...]:
        """All collectors' records about a payment."""

    @abstractmethod
    async def cash_held(self, collector: str | None, limit: int) -> tuple[Collection, ...]:
        """Up to ``limit`` collections whose cash was not handed in: by collector, currency, oldest first.

        ``collector`` None means everybody.
        """

    @abstractmethod
    async def cash_held_sums(self, collector: str | None) -> tuple[HeldCash, ...]:
        """How much each collector holds in each currency, by collector and currency."""

    @abstractmethod
    async def handover(self, handover_id: str) -> Handover | None:
        """One hand-over, with the ids of its collections, sorted."""

    @abstractmethod
    async def audit_of(self, payment_id: UUID) -> tuple[AuditEntry, ...]:
        """A payment's audit trail, by sequence."""

    @abstractmethod
    async def notices_about(self, reference: str) -> tuple[Notice, ...]:
        """All notices that name ``reference``."""

    @abstractmethod
    async def newest_notices(self, reference: str, provider: str, limit: int) -> tuple[Notice, ...]:
        """The newest ``limit`` notices of ``provider`` that name ``reference``, oldest first."""

    async def records_of(self, payments: Sequence[Payment]) -> tuple[Records, ...]:
        """What is kept about each of ``payments``, next to each other by their ids, in this order.

        They need not be seen at one moment. A store that has no cheaper way reads them one by one.
        """
        return tuple([await _records_of(self, payment) for payment in payments])

    @abstractmethod
    async def payments_after(self, payment_id: Place, limit: int) -> tuple[Payment, ...]:
        """The next ``limit`` payments by payment id: the way to walk over all of them."""

    @abstractmethod
    async def backlog(self, now: datetime) -> Backlog:
        """How much work waits."""


async def _records_of(reads: Reads, payment: Payment) -> Records:
    # Most payments never see a collector.
    collected = any(attempt.on_delivery for attempt in payment.attempts)
    return Records(
        evidence=await reads.evidence_of(payment.payment_id),
        messages=await reads.messages_of(payment.payment_id),
        reviews=await reads.reviews_of(payment.payment_id),
        audit=await reads.audit_of(payment.payment_id),
        collections=await reads.collections_of(payment.payment_id) if collected else (),
    )


class Transaction(SingleWrites, Protocol):
    """Reads and writes that happen together or not at all. Lock order: payment, attempt, inserts.

    What can be written by itself can be written with others, too.

    A transaction may begin from what its caller has just read, and ask nothing: the payment is then neither
    read again nor locked, and :meth:`save` finds out whether it is still so. If it is not, or if nothing of
    it is saved, the unit of work is run again with a lock. So nothing is decided on what is not stored, and
    nobody has to look whether it was; but ``save`` may succeed and the change be refused at the end.
    """

    @abstractmethod
    async def open_payment(self, payment: Payment, *, fresh: bool = False) -> Payment:
        """Store ``payment`` (version 0, no attempts) unless its order has one; lock and return the stored.

        With ``fresh`` the caller has read that there is none, and it may be stored by the first save.
        """

    @abstractmethod
    async def lock_payment(self, payment_id: UUID, known: Payment | None = None) -> Payment | None:
        """The payment, whole and locked until the end of the transaction.

        With ``known``, as the caller has read it, that very object may be returned instead: then this is the
        first run of its unit of work, and nothing was locked yet.
        """

    @abstractmethod
    async def attempt_holding(
        self,
        provider: str,
        mode: Mode,
        key: str | None,
        provider_reference: str | None,
        *,
        proven_by_save: bool = False,
    ) -> str | None:
        """The reference of the attempt that holds this capture key or this provider reference, if any.

        With ``proven_by_save`` the caller means to store first money under both names, which nobody else can
        have. Then a first run of its unit of work may be told None unlooked. Where somebody has one of them,
        or the save does not write both, the unit of work is run again, and looks.
        """

    @abstractmethod
    async def attempt_with_receipt(self, provider: str, mode: Mode, receipt: str) -> str | None:
        """The reference of the attempt whose money has this receipt, if any."""

    @abstractmethod
    async def verdict_of(self, evidence_id: UUID) -> Rule | None:
        """The verdict on this evidence, if it is stored: a unit of work that runs again recognises itself."""

    @abstractmethod
    async def save(self, change: StoredChange) -> None:
        """Write all of ``change``. A review already open for the same kind and subject is not opened again.

        Raises:
            StaleVersion: the stored version is not ``change.before.version``; or an attempt that is written
                was asked about meanwhile, which its ``checks`` tell.
        """

    @abstractmethod
    async def add_review(self, opened: StoredReview) -> bool:
        """Open a review about no payment of ours; False if one is open for the same kind and subject.

        Then its link is not stored either. A review about a payment is opened with a change of it.
        """

    @abstractmethod
    async def reviews_of(self, payment_id: UUID) -> tuple[Review, ...]:
        """All reviews about a payment as they stand, oldest first. Whoever decides one locks its payment."""

    @abstractmethod
    async def lock_review(self, review_id: UUID) -> Review | None:
        """One review as it stands, locked until the end of the transaction; after its payment."""

    @abstractmethod
    async def review_trail(self, review_id: UUID) -> tuple[ReviewLink, ...]:
        """The trail of a review about no payment as it stands. Whoever adds to it locks the review."""

    @abstractmethod
    async def decide_review(self, decided: StoredReview) -> bool:
        """Store what was decided about a review of no payment, with the link that tells of it.

        False, and nothing is stored, if it is not there or is resolved already.
        """

    @abstractmethod
    async def collection(self, collection_id: str) -> Collection | None:
        """One collector's record, as this transaction sees it."""

    @abstractmethod
    async def add_collection(self, collection: Collection) -> bool:
        """Store ``collection``; False, and nothing is stored, when its id is already there."""

    @abstractmethod
    async def attach_collection(self, collection: Collection) -> bool:
        """Store which attempt an orphan's cash counts for, and what it did; False if it is no orphan."""

    @abstractmethod
    async def handover(self, handover_id: str) -> Handover | None:
        """One hand-over, as this transaction sees it."""

    @abstractmethod
    async def add_handover(self, handover: Handover) -> tuple[str, ...] | None:
        """Store ``handover`` and mark its collections as brought in by it.

        Returns the ids whose cash its collector does not hold: never collected, somebody else's, or brought
        in before. With any, the caller has to raise, and nothing stays. None means that the hand-over's own
        id is already there, and nothing is stored.
        """

    @abstractmethod
    async def add_notice(self, notice: Notice, *, most_unknown: int | None = None) -> bool:
        """Store ``notice``; False when its digest is already there.

        With ``most_unknown``, one that is to be looked at and whose reference no attempt and no refund has is
        stored with the outcome ``UNKNOWN_REFERENCE``, and so many of its provider may wait.

        A known one that waits for another try is then due when the new one would have been: only a handled
        notice is a duplicate. One that somebody has leased is left alone.

        Raises:
            InboxFull: ``most_unknown`` wait already; the caller has to let it through, and nothing stays.
        """

    @abstractmethod
    async def finish_notice(self, notice: Notice, *, token: UUID) -> bool:
        """Store what became of a leased notice; False if the lease was lost meanwhile."""

    @abstractmethod
    async def finish_message(self, message: Message, *, token: UUID) -> bool:
        """Store what became of a leased message; False if the lease was lost."""

    @abstractmethod
    async def forget_answers(self, now: datetime, *, limit: int) -> int:
        """Remove up to ``limit`` answers that have expired, oldest first; how many there were."""

    @abstractmethod
    async def erase_notices(self, until: datetime, *, limit: int) -> int:
        """Empty the sealed bytes of up to ``limit`` handled notices received by ``until``, oldest first.

        All else about them stays, so their duplicates are known. Returns how many were emptied.
        """

    @abstractmethod
    async def erase_people(self, until: datetime, *, limit: int) -> int:
        """Take out who the payer was from up to ``limit`` payments last changed by ``until``, oldest first.

        That is the customer, the phones of the attempts, and the bodies of the payer's messages, which are
        then ``{}``. A payment is left alone while an attempt is live or watched, a refund or a message is
        under way, or a review is open. One that changes later is looked at again. Returns how many were done.
        """
