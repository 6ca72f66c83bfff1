"""Everything about the simulated Chapa that can be made to differ, globally or for one transaction."""

from typing import Any

import attrs
from attrs import validators

from payments.simulators.faults import FAULTS

AFTER_PAYMENT = frozenset({"callback", "webhook", "redirect"})
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

_flag = validators.instance_of(bool)


def _seconds(_instance: object, field: "attrs.Attribute[Any]", value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise ValueError(f"{field.name} must be a number of seconds, zero or more")


def _maybe_seconds(instance: object, field: "attrs.Attribute[Any]", value: Any) -> None:
    if value is not None:
        _seconds(instance, field, value)


_text = validators.optional(validators.instance_of(str))


def _one_of(*words: str) -> str:
    """Return a field that takes one of the words; the first is the default."""
    field: str = attrs.field(default=words[0], validator=validators.in_(words))
    return field


def _each_once(_instance: object, _field: object, value: tuple[str, ...]) -> None:
    if sorted(value) != sorted(AFTER_PAYMENT):
        raise ValueError(
            "after_payment must name callback, webhook and redirect, each once, in the wanted order"
        )


@attrs.frozen(kw_only=True)
class ChapaSwitches:
    """The switches; fact-sheet sections in brackets. None as an override means: report the truth."""

    # What happens after a payment, in this order; "redirect" is the payer's browser [3].
    after_payment: tuple[str, ...] = attrs.field(
        default=("callback", "webhook", "redirect"), converter=tuple, validator=_each_once
    )
    redirect_lost: bool = attrs.field(default=False, validator=_flag)
    callback_lost: bool = attrs.field(default=False, validator=_flag)
    callback_style: str = _one_of("query", "json_body")

    # Webhooks: late, lost, more than once, and held back until the next one of the transaction has gone out
    # [6.2].
    webhook_delay_s: float = attrs.field(default=0.0, validator=_seconds)
    webhook_lost: bool = attrs.field(default=False, validator=_flag)
    webhook_copies: int = attrs.field(
        default=1, validator=[validators.instance_of(int), validators.ge(1), validators.le(1000)]
    )
    webhook_reordered: bool = attrs.field(default=False, validator=_flag)
    webhook_hold_s: float = attrs.field(default=30.0, validator=_seconds)
    webhook_style: str = _one_of("compact", "php", "pretty")
    # custom: the payload's HMAC in chapa-signature alone; constant: only the one that proves nothing [6.1].
    webhook_signature: str = _one_of("both", "payload", "custom", "constant", "forged", "missing")
    webhook_url: str | None = attrs.field(default=None, validator=_text)
    webhook_secret: str | None = attrs.field(default=None, validator=_text)

    # What verify answers [4].
    verify_quirks: str = _one_of("observed", "docs")
    verify_amount: str | None = attrs.field(default=None, validator=_text)
    verify_amount_as: str = _one_of("number", "string")
    verify_currency: str | None = attrs.field(default=None, validator=_text)
    verify_mode: str | None = attrs.field(default=None, validator=_text)
    verify_tx_ref: str | None = attrs.field(default=None, validator=_text)
    verify_reference: str | None = attrs.field(default=None, validator=_text)
    verify_status: str | None = attrs.field(default=None, validator=_text)

    # Opening and closing the checkout [2, 5].
    merchant: str = _one_of("active", "blocked", "api_disabled")
    checkout_url: str = _one_of("ours", "foreign", "missing")
    late_success_after_cancel_s: float | None = attrs.field(default=None, validator=_maybe_seconds)

    # Refunds work in live mode only [7]; None leaves them initiated until settled by hand.
    refunds: str = _one_of("live_only", "allowed")
    refund_shape: str = _one_of("ref", "ref_id")
    refund_settles_after_s: float | None = attrs.field(default=1.0, validator=_maybe_seconds)

    # Faults on the wire (`payments.simulators.faults`), on one endpoint or any, for a number of calls or
    # for good.
    fault: str = attrs.field(default="none", validator=validators.in_(FAULTS))
    fault_on: str = attrs.field(default="any", validator=validators.in_(ENDPOINTS))
    fault_times: int | None = attrs.field(
        default=None, validator=validators.optional([validators.instance_of(int), validators.ge(1)])
    )
    answer_delay_s: float = attrs.field(default=5.0, validator=_seconds)
