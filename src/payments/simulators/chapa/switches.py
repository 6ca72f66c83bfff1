"""Everything about the simulated Chapa that can be made to differ, globally or for one transaction."""

import attrs
from attrs import validators

from payments.simulators import switch_fields

ENDPOINTS = (
    "any",
    "initialize",
    "verify",
    "cancel",
    "refund",
    "refund_verify",
    "banks",
    "currency_supported",
    "transactions",
    "events",
)


@attrs.frozen(kw_only=True)
class ChapaSwitches:
    """The switches; fact-sheet sections in brackets. None as an override means: report the truth."""

    # What happens after a payment, in this order; "redirect" is the payer's browser [3].
    after_payment: tuple[str, ...] = switch_fields.order_of("callback", "webhook", "redirect")
    redirect_lost: bool = switch_fields.flag()
    callback_lost: bool = switch_fields.flag()
    callback_style: str = switch_fields.one_of("query", "json_body")

    # Webhooks: late, lost, more than once, and held back until the next one of the transaction has gone out
    # [6.2].
    webhook_delay_s: float = switch_fields.seconds(0.0)
    webhook_lost: bool = switch_fields.flag()
    webhook_copies: int = switch_fields.copies()
    webhook_reordered: bool = switch_fields.flag()
    webhook_hold_s: float = switch_fields.seconds(30.0)
    webhook_style: str = switch_fields.one_of("compact", "php", "pretty")
    # custom: the payload's HMAC in chapa-signature alone; constant: only the one that proves nothing [6.1].
    webhook_signature: str = switch_fields.one_of(
        "both", "payload", "custom", "constant", "forged", "missing"
    )
    webhook_url: str | None = switch_fields.maybe_text()
    webhook_secret: str | None = switch_fields.maybe_text()

    # What verify answers [4].
    verify_quirks: str = switch_fields.one_of("observed", "docs")
    verify_amount: str | None = switch_fields.maybe_amount()
    verify_amount_as: str = switch_fields.one_of("number", "string")
    verify_currency: str | None = switch_fields.maybe_text()
    verify_mode: str | None = switch_fields.maybe_text()
    verify_tx_ref: str | None = switch_fields.maybe_text()
    verify_reference: str | None = switch_fields.maybe_text()
    verify_status: str | None = switch_fields.maybe_text()

    # Opening and closing the checkout [2, 5].
    merchant: str = switch_fields.one_of("active", "blocked", "api_disabled")
    checkout_url: str = switch_fields.one_of("ours", "foreign", "missing")
    late_success_after_cancel_s: float | None = switch_fields.maybe_seconds(None)

    # Refunds work in live mode only [7]; None leaves them initiated until settled by hand.
    refunds: str = switch_fields.one_of("live_only", "allowed")
    refund_shape: str = switch_fields.one_of("ref", "ref_id")
    refund_settles_after_s: float | None = switch_fields.maybe_seconds(1.0)

    # Faults on the wire (`payments.simulators.faults`), on one endpoint or any, for a number of calls or
    # for good.
    fault: str = switch_fields.a_fault()
    fault_on: str = attrs.field(default="any", validator=validators.in_(ENDPOINTS))
    fault_times: int | None = switch_fields.maybe_number(least=1)
    answer_delay_s: float = switch_fields.seconds(5.0)
