"""Payments: every use-case as a field. The table of contents of the product."""

import attrs

from payments.application.ports.caller_keys import CallerKeys
from payments.application.ports.cipher import Cipher
from payments.application.ports.clock import Clock
from payments.application.ports.providers import Providers
from payments.application.ports.shared_state import SharedState
from payments.application.use_cases.answer_once import AnswerOnce
from payments.application.use_cases.approve_refund import ApproveRefund
from payments.application.use_cases.cancel_payment import CancelPayment
from payments.application.use_cases.check_invariants import CheckInvariants
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
from payments.application.use_cases.process_notices import ProcessNotices
from payments.application.use_cases.receive_callback import ReceiveCallback
from payments.application.use_cases.receive_notice import ReceiveNotice
from payments.application.use_cases.reconcile_payments import ReconcilePayments
from payments.application.use_cases.refund_payment import RefundPayment
from payments.application.use_cases.refuse_refund import RefuseRefund
from payments.application.use_cases.resolve_review import ResolveReview
from payments.application.use_cases.settle_payment import SettlePayment
from payments.application.use_cases.settle_refund import SettleRefund
from payments.application.use_cases.show_page import ShowPage
from payments.application.use_cases.sweep_payments import SweepPayments


@attrs.frozen(kw_only=True)
class Payments:
    """Everything this service can do, made by :func:`payments.open_payments`; entrypoints hold only this."""

    initiate: InitiatePayment
    settle: SettlePayment
    receive_notice: ReceiveNotice
    receive_callback: ReceiveCallback
    process_notices: ProcessNotices
    collect_cash: CollectCash
    cash: ListCash
    hand_over_cash: HandOverCash
    cancel: CancelPayment
    refund: RefundPayment
    approve_refund: ApproveRefund
    refuse_refund: RefuseRefund
    settle_refund: SettleRefund
    refunds: ListRefunds
    list: ListPayments
    find: FindPayments
    get: GetPayment
    explain: ExplainPayment
    page: ShowPage
    offers: OfferProviders
    reviews: ListReviews
    review: GetReview
    resolve: ResolveReview
    sweep: SweepPayments
    reconcile: ReconcilePayments
    deliver: DeliverMessages
    erase: EraseOld
    check: CheckInvariants
    backlog: MeasureBacklog
    answer_once: AnswerOnce
    providers: Providers
    cipher: Cipher
    """For what entrypoints give out sealed and take back, such as an operator's visit."""
    clock: Clock
    shared_state: SharedState
    """For what entrypoints must know in every process, such as which visits go on."""
    caller_keys: CallerKeys | None = None
    """The keys of callers' tokens where their issuer publishes them; None where one key is set."""
