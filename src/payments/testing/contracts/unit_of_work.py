"""What every unit of work and its repository keep: the whole contract, to inherit in one test class."""

from payments.testing.contracts.keeping_answers import AnswersContract
from payments.testing.contracts.keeping_cash import CashContract
from payments.testing.contracts.keeping_for_a_while import RetentionContract
from payments.testing.contracts.keeping_history import HistoryContract
from payments.testing.contracts.keeping_known import KnownContract
from payments.testing.contracts.keeping_names import NamesContract
from payments.testing.contracts.keeping_payments import PaymentsContract
from payments.testing.contracts.keeping_queues import QueuesContract
from payments.testing.contracts.keeping_records import RecordsContract
from payments.testing.contracts.keeping_refunds import RefundsContract
from payments.testing.contracts.keeping_turns import TurnsContract
from payments.testing.contracts.keeping_units import UnitsContract
from payments.testing.contracts.keeping_walks import WalksContract


class UnitOfWorkContract(
    UnitsContract,
    PaymentsContract,
    KnownContract,
    NamesContract,
    HistoryContract,
    RecordsContract,
    QueuesContract,
    RefundsContract,
    CashContract,
    AnswersContract,
    RetentionContract,
    WalksContract,
    TurnsContract,
):
    """Inherit it in a test class, and say how the stage is set: a unit of work over an empty store."""
