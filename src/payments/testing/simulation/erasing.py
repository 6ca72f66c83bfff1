"""What is to be erased, and when: told from the tables alone, and not as the stores find it (ADR 0026).

Only what of a payment names its payer is taken from the store in memory (``without_people``).
"""

from payments.adapters.memory.repository import Tables, without_people
from payments.application.records import ERASED, Destination, MessageState
from payments.application.retention import Retention
from payments.domain.payment import Payment
from payments.domain.refund import PENDING
from payments.domain.review import ReviewState
from payments.testing.simulation.processes import BEGINNING


def ends_s(tables: Tables, retention: Retention) -> float | None:
    """When the first of what is kept for a while only has been kept for long enough; None: there is none."""
    ends = [
        *(
            n.received_at + retention.notices_for
            for n in tables.notices.values()
            if n.handled_at is not None and n.sealed
        ),
        *(
            p.updated_at + retention.people_for
            for p in tables.payments.values()
            if is_over(tables, p) and _names_somebody(tables, p)
        ),
        *(answer.expires_at for answer in tables.answers.values()),
    ]
    return (min(ends) - BEGINNING).total_seconds() if ends else None


def is_over(tables: Tables, payment: Payment) -> bool:
    """Whether nothing about the payment is under way, so that nobody has to know who its payer was."""
    own = payment.payment_id
    return not (
        any(a.live or a.next_check_at is not None for a in payment.attempts)
        or any(r.status in PENDING for r in payment.refunds)
        or any(r.payment_id == own and r.state is ReviewState.OPEN for r in tables.reviews.values())
        or any(m.payment_id == own and m.state is MessageState.PENDING for m in tables.messages.values())
    )


def _names_somebody(tables: Tables, payment: Payment) -> bool:
    return payment != without_people(payment) or any(
        (m.payment_id, m.destination) == (payment.payment_id, Destination.PAYER) and m.body != ERASED
        for m in tables.messages.values()
    )
