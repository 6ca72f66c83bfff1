"""Everything about the simulated Paystack that can be made to differ, globally or for one transaction."""

import attrs
from attrs import validators

from payments.simulators import switch_fields

ENDPOINTS = (
    "any",
    "initialize",
    "verify",
    "list",
    "fetch",
    "timeline",
    "totals",
    "charge_authorization",
    "charge",
    "charge_check",
    "charge_step",
    "refund",
    "refunds",
    "refund_fetch",
    "refund_retry",
    "disputes",
    "dispute",
    "dispute_of",
    "dispute_update",
    "dispute_evidence",
    "dispute_upload_url",
    "dispute_resolve",
)


@attrs.frozen(kw_only=True)
class PaystackSwitches:
    """The switches; fact-sheet sections in brackets. None as an override means: report the truth."""

    # What happens after a payment, in this order; "redirect" is the payer's browser [4].
    after_payment: tuple[str, ...] = switch_fields.order_of("webhook", "redirect")
    redirect_lost: bool = switch_fields.flag()

    # Webhooks: late, lost, more than once, and held back until the next one of the transaction has gone out
    # [10.1].
    webhook_delay_s: float = switch_fields.seconds(0.0)
    webhook_lost: bool = switch_fields.flag()
    webhook_copies: int = switch_fields.copies()
    webhook_reordered: bool = switch_fields.flag()
    webhook_hold_s: float = switch_fields.seconds(30.0)
    # php escapes slashes and what is not ASCII, spaced has spaces: who signs them again disagrees [10.2].
    webhook_style: str = switch_fields.one_of("compact", "php", "spaced")
    # other_mode: by the other domain's key; sha256: what some guides claim [13].
    webhook_signature: str = switch_fields.one_of("good", "forged", "other_mode", "sha256", "missing")
    webhook_url: str | None = switch_fields.maybe_text()
    webhook_secret: str | None = switch_fields.maybe_text()
    webhook_domain: str | None = switch_fields.maybe_text()
    # docs: refund events without id and notes, save for needs-attention [10.3].
    refund_webhooks: str = switch_fields.one_of("observed", "docs")

    # What verify answers [5].
    unknown_reference: str = switch_fields.one_of("observed", "docs")
    verify_amount: int | None = switch_fields.maybe_number()
    verify_requested_amount: int | None = switch_fields.maybe_number()
    verify_requested_amount_as: str = switch_fields.one_of("number", "null", "missing")
    verify_currency: str | None = switch_fields.maybe_text()
    verify_domain: str | None = switch_fields.maybe_text()
    verify_reference: str | None = switch_fields.maybe_text()
    verify_id: int | None = switch_fields.maybe_number()
    verify_status: str | None = switch_fields.maybe_text()

    # Opening the checkout, and what is paid there [2, 3, 4].
    minimums: str = switch_fields.one_of("ignored", "enforced")
    reference_charset: str = switch_fields.one_of("observed", "documented")
    authorization_url: str = switch_fields.one_of("ours", "foreign", "missing")
    fees_passed_on: bool = switch_fields.flag()
    paid_amount: int | None = switch_fields.maybe_number(least=1)
    paid_currency: str | None = switch_fields.maybe_text()
    late_success_after_leaving_s: float | None = switch_fields.maybe_seconds(None)

    # Refunds go from pending by processing to their end, a step each so often; None waits for a hand [8].
    refund_step_s: float | None = switch_fields.maybe_seconds(0.5)
    refund_end: str = switch_fields.one_of("as_paid", "processed", "failed", "needs-attention")
    after_partial_refund: str = switch_fields.one_of("success", "reversed", "reversal-pending")
    balance: str = switch_fields.one_of("enough", "insufficient")

    # Faults on the wire (`payments.simulators.faults`), on one endpoint or any, for a number of calls or
    # for good; and a limit on calls a minute that is kept to, where Paystack's own is 100 in test mode [11].
    fault: str = switch_fields.a_fault()
    fault_on: str = attrs.field(default="any", validator=validators.in_(ENDPOINTS))
    fault_times: int | None = switch_fields.maybe_number(least=1)
    answer_delay_s: float = switch_fields.seconds(5.0)
    calls_a_minute: int | None = switch_fields.maybe_number(least=1)
