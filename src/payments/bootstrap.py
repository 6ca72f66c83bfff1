"""The composition root: from settings to a working :class:`Payments`. The only file that knows punq.

Things with a lifetime are built by small functions here and registered as instances; punq connects the
use-cases. The container is a local variable that dies inside :func:`open_payments`.
"""

import secrets
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from email.headerregistry import Address
from email.utils import parseaddr
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import punq
from anyio.from_thread import BlockingPortal, start_blocking_portal

from payments.adapters.cipher import AesGcmCipher
from payments.adapters.http_client import open_http_client
from payments.adapters.identity.jwks import open_jwks
from payments.adapters.identity.self_check import JwksSelfCheck
from payments.adapters.memory.shared_state import MemorySharedState
from payments.adapters.memory.unit_of_work import MemoryUnitOfWork
from payments.adapters.notifiers.console import ConsoleNotifier
from payments.adapters.notifiers.self_check import SmtpSelfCheck
from payments.adapters.notifiers.smtp import SmtpNotifier, SmtpServer
from payments.adapters.orders.http import HttpOrders
from payments.adapters.orders.memory import MemoryOrders
from payments.adapters.orders.self_check import OrdersSelfCheck
from payments.adapters.orders.signing import Signer
from payments.adapters.providers.listing import build_providers
from payments.adapters.providers.surroundings import Surroundings
from payments.adapters.sql.lock_file import only_writer
from payments.adapters.sql.postgres import open_postgres_database, units_of_work
from payments.adapters.sql.postgres_url import is_postgresql
from payments.adapters.sql.revision import is_current_in_postgres, is_current_in_sqlite
from payments.adapters.sql.shared_state import SqlSharedState
from payments.adapters.sql.sqlite import open_sqlite
from payments.adapters.system import RandomIdentifiers, SystemClock
from payments.application.addresses import Addresses
from payments.application.notice_limits import NoticeLimits
from payments.application.payments import Payments
from payments.application.ports.caller_keys import CallerKeys
from payments.application.ports.cipher import Cipher
from payments.application.ports.clock import Clock
from payments.application.ports.identifiers import Identifiers
from payments.application.ports.notifier import Notifier
from payments.application.ports.orders import Orders
from payments.application.ports.providers import Providers
from payments.application.ports.self_check import SelfCheck
from payments.application.ports.shared_state import SharedState
from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.retention import Retention
from payments.application.tokens import Tokens
from payments.application.use_cases.answer_once import AnswerOnce
from payments.application.use_cases.approve_refund import ApproveRefund
from payments.application.use_cases.attach_money import AttachMoney
from payments.application.use_cases.cancel_payment import CancelPayment
from payments.application.use_cases.check_invariants import CheckInvariants
from payments.application.use_cases.close_checkout import CloseCheckout
from payments.application.use_cases.collect_cash import CollectCash
from payments.application.use_cases.deliver_messages import DeliverMessages
from payments.application.use_cases.erase_old import EraseOld
from payments.application.use_cases.explain_payment import ExplainPayment
from payments.application.use_cases.find_payments import FindPayments
from payments.application.use_cases.get_payment import GetPayment
from payments.application.use_cases.get_review import GetReview
from payments.application.use_cases.hand_over_cash import HandOverCash
from payments.application.use_cases.initiate_payment import InitiatePayment
from payments.application.use_cases.list_cash import ListCash
from payments.application.use_cases.list_payments import ListPayments
from payments.application.use_cases.list_refunds import ListRefunds
from payments.application.use_cases.list_reviews import ListReviews
from payments.application.use_cases.measure_backlog import MeasureBacklog
from payments.application.use_cases.offer_providers import OfferProviders
from payments.application.use_cases.open_checkout import OpenCheckout
from payments.application.use_cases.process_notices import ProcessNotices
from payments.application.use_cases.read_reports import ReadReports
from payments.application.use_cases.receive_callback import ReceiveCallback
from payments.application.use_cases.receive_notice import ReceiveNotice
from payments.application.use_cases.reconcile_payments import ReconcilePayments
from payments.application.use_cases.record_refund_answer import RecordRefundAnswer
from payments.application.use_cases.refund_payment import RefundPayment
from payments.application.use_cases.refuse_refund import RefuseRefund
from payments.application.use_cases.replace_attempt import ReplaceAttempt
from payments.application.use_cases.reserve_refund import ReserveRefund
from payments.application.use_cases.resolve_review import ResolveReview
from payments.application.use_cases.send_refund import SendRefund
from payments.application.use_cases.settle_payment import SettlePayment
from payments.application.use_cases.settle_refund import SettleRefund
from payments.application.use_cases.show_page import ShowPage
from payments.application.use_cases.sweep_payments import SweepPayments
from payments.application.use_cases.sweep_refunds import SweepRefunds
from payments.domain.errors import ConfigurationInvalid, FieldError
from payments.domain.evidence import Mode
from payments.domain.refund_rules import RefundRules
from payments.settings import Settings

USE_CASES = (
    AnswerOnce,
    AttachMoney,
    ApproveRefund,
    CancelPayment,
    CheckInvariants,
    CloseCheckout,
    CollectCash,
    DeliverMessages,
    EraseOld,
    ExplainPayment,
    FindPayments,
    GetPayment,
    GetReview,
    HandOverCash,
    InitiatePayment,
    ListCash,
    ListPayments,
    ListRefunds,
    ListReviews,
    MeasureBacklog,
    OfferProviders,
    OpenCheckout,
    ProcessNotices,
    ReadReports,
    ReceiveCallback,
    ReceiveNotice,
    ReconcilePayments,
    RecordRefundAnswer,
    RefundPayment,
    RefuseRefund,
    ReplaceAttempt,
    ResolveReview,
    ReserveRefund,
    SendRefund,
    SettlePayment,
    SettleRefund,
    ShowPage,
    SweepPayments,
    SweepRefunds,
)

_SQLITE = "sqlite:///"


@attrs.frozen(kw_only=True)
class Parts:
    """Adapters that take the place of those the settings describe: for embedding and for tests."""

    caller_keys: CallerKeys | None = None
    cipher: Cipher | None = None
    clock: Clock | None = None
    identifiers: Identifiers | None = None
    notifier: Notifier | None = None
    orders: Orders | None = None
    providers: Providers | None = None
    shared_state: SharedState | None = None
    unit_of_work: UnitOfWork | None = None


@asynccontextmanager
async def open_payments(
    settings: Settings | None = None, parts: Parts | None = None, *, read_only: bool = False
) -> AsyncIterator[Payments]:
    """Everything this service can do, open for as long as the block runs.

    ``settings`` None means the ``PAYMENTS_*`` environment. ``parts`` replace single adapters. ``read_only``
    opens the database beside a process that writes it.

    Raises:
        ConfigurationInvalid: something the service cannot do without is not configured.
        StorageBusy: another process writes this SQLite database.
        StorageUnavailable: the database cannot be opened.
    """
    chosen = settings or Settings.from_env()
    given = parts or Parts()
    async with AsyncExitStack() as resources:
        client = await resources.enter_async_context(open_http_client())
        clock = given.clock or SystemClock()
        storage = (
            _Storage(given.unit_of_work)
            if given.unit_of_work is not None
            else await _storage(chosen, resources, read_only=read_only)
        )
        cipher = given.cipher or _cipher(chosen)
        shared_state = given.shared_state or storage.shared_state or MemorySharedState(clock)
        surroundings = Surroundings(client=client, clock=clock, shared_state=shared_state, cipher=cipher)
        yield assemble(
            Addresses(chosen.public_url),
            caller_keys=given.caller_keys or await _caller_keys(chosen, surroundings, resources),
            cipher=cipher,
            clock=clock,
            identifiers=given.identifiers or RandomIdentifiers(),
            notifier=given.notifier or _notifier(chosen),
            notice_limits=chosen.notices,
            orders=given.orders or _orders(chosen, surroundings, read_only=read_only),
            providers=given.providers or build_providers(chosen.provider_settings, surroundings),
            refund_rules=chosen.refunds,
            retention=chosen.retention,
            shared_state=shared_state,
            unit_of_work=storage.unit_of_work,
        )


def assemble(
    addresses: Addresses,
    *,
    caller_keys: CallerKeys | None = None,
    cipher: Cipher,
    clock: Clock,
    identifiers: Identifiers,
    notifier: Notifier,
    notice_limits: NoticeLimits | None = None,
    orders: Orders,
    providers: Providers,
    refund_rules: RefundRules | None = None,
    retention: Retention | None = None,
    shared_state: SharedState,
    unit_of_work: UnitOfWork,
) -> Payments:
    """The use-cases over these adapters. It opens nothing and closes nothing."""
    container = punq.Container()
    container.register(Addresses, instance=addresses)
    container.register(Cipher, instance=cipher)
    container.register(Clock, instance=clock)
    container.register(Identifiers, instance=identifiers)
    container.register(NoticeLimits, instance=notice_limits or NoticeLimits())
    container.register(Notifier, instance=notifier)
    container.register(Orders, instance=orders)
    container.register(Providers, instance=providers)
    container.register(RefundRules, instance=refund_rules or RefundRules())
    container.register(Retention, instance=retention or Retention())
    container.register(SharedState, instance=shared_state)
    container.register(UnitOfWork, instance=unit_of_work)
    container.register(Tokens)
    for use_case in USE_CASES:
        container.register(use_case)
    container.register(Payments)
    return attrs.evolve(container.resolve(Payments), caller_keys=caller_keys)


def migrate_database(settings: Settings) -> None:
    """Bring the database's tables up to this version.

    Raises:
        StorageUnavailable: the database cannot be reached or changed.
    """
    from payments.adapters.sql import migrate  # noqa: PLC0415 -- Alembic, which no process needs that serves

    if not settings.database_url.startswith("memory:"):
        migrate.upgrade(settings.database_url)


@attrs.frozen(kw_only=True)
class SelfChecks:
    """What looks after itself, and the providers, which bring their own checks."""

    parts: tuple[SelfCheck, ...]
    providers: Providers
    addresses: Addresses


@asynccontextmanager
async def open_self_checks(settings: Settings) -> AsyncIterator[SelfChecks]:
    """The checks of everything ``settings`` name. They only read and ask.

    Raises:
        ConfigurationInvalid: a provider of another package cannot be used.
    """
    async with open_http_client() as client:
        surroundings = Surroundings(client=client, clock=SystemClock())
        yield SelfChecks(
            parts=tuple(_self_checks(settings, surroundings)),
            providers=build_providers(settings.provider_settings, surroundings),
            addresses=Addresses(settings.public_url),
        )


def _self_checks(settings: Settings, surroundings: Surroundings) -> Iterator[SelfCheck]:
    # They look at migrations through Alembic, which no process needs that serves.
    from payments.adapters.sql.postgres_self_check import PostgresSelfCheck  # noqa: PLC0415 -- as said above
    from payments.adapters.sql.self_check import SqliteSelfCheck  # noqa: PLC0415 -- as said above

    client, clock, url = surroundings.client, surroundings.clock, settings.database_url
    if is_postgresql(url):
        yield PostgresSelfCheck(url=url, clock=clock)
    elif url.startswith(_SQLITE):
        sandbox = settings.mode is Mode.TEST
        yield SqliteSelfCheck(url=url, path=url.removeprefix(_SQLITE), sandbox=sandbox)
    if settings.orders is not None:
        token = settings.orders.token.reveal()
        yield OrdersSelfCheck(client=client, url=settings.orders.url, token=token, clock=clock)
    if settings.auth is not None and settings.auth.jwks_url:
        yield JwksSelfCheck(
            client=client, clock=clock, url=settings.auth.jwks_url, algorithm=settings.auth.algorithm
        )
    if settings.mail is not None:
        yield SmtpSelfCheck(server=SmtpServer.of(settings.mail.smtp_url))


def hold(place: Path) -> AbstractContextManager[None]:
    """Be the one process that uses ``place`` for as long as the block runs; a file beside it is locked.

    Raises:
        StorageBusy: another process holds it.
        StorageUnavailable: the file cannot be made.
    """
    return only_writer(place)


@attrs.frozen
class _Storage:
    """Where everything is kept; ``shared_state`` is None where no other process could share it."""

    unit_of_work: UnitOfWork
    shared_state: SharedState | None = None


async def _storage(settings: Settings, resources: AsyncExitStack, *, read_only: bool) -> _Storage:
    url = settings.database_url
    if url.startswith("memory:"):
        return _Storage(MemoryUnitOfWork())
    if is_postgresql(url):
        return await _postgres(settings, resources, read_only=read_only)
    if not url.startswith(_SQLITE):
        raise ConfigurationInvalid(
            "There is no such kind of database.",
            errors=(FieldError("PAYMENTS_DATABASE_URL", "Use sqlite:///payments.db or postgresql://..."),),
        )
    path = url.removeprefix(_SQLITE)
    if not is_current_in_sqlite(path):
        if settings.mode is Mode.LIVE or read_only:
            raise _not_migrated()
        migrate_database(settings)
    sqlite = open_sqlite(path, read_only=read_only)
    return _Storage(await resources.enter_async_context(sqlite))


async def _postgres(settings: Settings, resources: AsyncExitStack, *, read_only: bool) -> _Storage:
    url = settings.database_url
    opening = open_postgres_database(url, read_only=read_only, pool_size=settings.database_pool_size)
    database = await resources.enter_async_context(opening)
    # Never by itself, not even in the sandbox: other processes of other versions may be at work there.
    if not await is_current_in_postgres(database.reads):
        raise _not_migrated()
    return _Storage(units_of_work(database), None if read_only else SqlSharedState(database.reads))


def _not_migrated() -> ConfigurationInvalid:
    return ConfigurationInvalid(
        "The database's tables are not those of this version.",
        errors=(FieldError("PAYMENTS_DATABASE_URL", "Run `payments migrate` first."),),
    )


async def _caller_keys(
    settings: Settings, surroundings: Surroundings, resources: AsyncExitStack
) -> CallerKeys | None:
    auth = settings.auth
    if auth is None or not auth.jwks_url:
        return None
    return await resources.enter_async_context(
        open_jwks(surroundings.client, surroundings.clock, url=auth.jwks_url, algorithm=auth.algorithm)
    )


def _cipher(settings: Settings) -> Cipher:
    keys = [key.reveal().encode() for key in settings.data_keys]
    # The sandbox may go without. What several processes share then hangs on what else only they know; without
    # even that, notices and pages of an earlier run cannot be opened any more.
    shared = settings.auth.key.reveal() if settings.auth else ""
    return AesGcmCipher.of(keys or [b"sandbox " + shared.encode() if shared else secrets.token_bytes(32)])


def _notifier(settings: Settings) -> Notifier:
    if settings.mail is None:
        return ConsoleNotifier(sys.stderr)
    name, address = parseaddr(settings.mail.sender)
    return SmtpNotifier(
        server=SmtpServer.of(settings.mail.smtp_url), sender=Address(display_name=name, addr_spec=address)
    )


def _orders(settings: Settings, surroundings: Surroundings, *, read_only: bool) -> Orders:
    if settings.orders is None and read_only:
        # Whoever looks at a database, or at a copy of one, asks nobody what is owed.
        return MemoryOrders()
    if settings.orders is None:
        raise ConfigurationInvalid(
            "There is no orders service to ask what is owed.",
            errors=(
                FieldError(
                    "PAYMENTS_ORDERS_URL",
                    "Set it with PAYMENTS_ORDERS_TOKEN and PAYMENTS_ORDERS_SIGNING_SECRETS,"
                    " or pass Parts(orders=...).",
                ),
            ),
        )
    return HttpOrders(
        client=surroundings.client,
        url=settings.orders.url,
        token=settings.orders.token.reveal(),
        signer=Signer.of(secret.reveal() for secret in settings.orders.signing_secrets),
        clock=surroundings.clock,
    )


class BlockingPayments:
    """:class:`Payments` for programs without an event loop: the same calls, waited for.

    ``blocking.initiate(order_id=..., user_id=..., provider=...)`` and every other field of the facade; what
    is told one by one is iterated with ``for``. It may be used from several threads; all of them share one
    event loop in a thread of its own.
    """

    def __init__(self, payments: Payments, portal: BlockingPortal) -> None:
        self._payments = payments
        self._portal = portal

    def __getattr__(self, name: str) -> Any:
        return _waited_for(getattr(self._payments, name), self._portal)


@attrs.frozen
class _WaitedFor:
    """A use-case, or another question that it answers, for who cannot await it."""

    _call: Callable[..., Any]
    _portal: BlockingPortal

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        answer = self._portal.call(partial(self._call, *args, **kwargs))
        return self._one_by_one(answer) if isinstance(answer, AsyncGenerator) else answer

    def __getattr__(self, name: str) -> Any:
        return _waited_for(getattr(self._call, name), self._portal)

    def _one_by_one(self, told: AsyncGenerator[Any, None]) -> Iterator[Any]:
        try:
            while True:
                try:
                    yield self._portal.call(told.__anext__)
                except StopAsyncIteration:
                    return
        finally:
            self._portal.call(told.aclose)


def _waited_for(field: Any, portal: BlockingPortal) -> Any:
    return _WaitedFor(field, portal) if callable(field) else field


@contextmanager
def open_payments_sync(
    settings: Settings | None = None, parts: Parts | None = None, *, read_only: bool = False
) -> Iterator[BlockingPayments]:
    """The synchronous twin of :func:`open_payments`."""
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(open_payments(settings, parts, read_only=read_only)) as payments,
    ):
        yield BlockingPayments(payments, portal)
