"""Everything about the simulated Daraja that can be made to differ, globally or for one payer's number."""

import re
from typing import Any

import attrs
from attrs import validators

from payments.simulators.mpesa.gateway_faults import GATEWAY_FAULTS
from payments.simulators.mpesa.result_codes import ANSWERS
from payments.simulators.switch_fields import (
    copies,
    flag,
    maybe_amount,
    maybe_number,
    maybe_seconds,
    maybe_text,
    one_of,
    seconds,
)

ENDPOINTS = (
    "any",
    "oauth",
    "push",
    "query",
    "reversal",
    "status",
    "c2b_register",
    "c2b_simulate",
)
IN_FLIGHT = ("4999", "being_processed", "error_in_200", "does_not_exist")
_CODE = re.compile(r"[0-9]{1,6}|[A-Z]+_?[A-Z]*[0-9]+")


def _answer(_instance: object, field: "attrs.Attribute[Any]", value: Any) -> None:
    known = isinstance(value, str) and (value in {"by_hand", "ignore", *ANSWERS} or _CODE.fullmatch(value))
    if not known:
        raise ValueError(f"{field.name} must be by_hand, ignore, {', '.join(ANSWERS)} or a result code")


def _answers(instance: object, field: "attrs.Attribute[Any]", value: Any) -> None:
    if not isinstance(value, dict) or not all(str(amount).isdigit() for amount in value):
        raise ValueError(f"{field.name} must map whole amounts to answers")
    for answer in value.values():
        _answer(instance, field, answer)


def _endpoints(_instance: object, field: "attrs.Attribute[Any]", value: tuple[str, ...]) -> None:
    if unknown := sorted(set(value) - set(ENDPOINTS)):
        raise ValueError(f"{field.name} does not know {', '.join(unknown)}")


def _positive(_instance: object, field: "attrs.Attribute[Any]", value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise ValueError(f"{field.name} must be a number above zero")


@attrs.frozen(kw_only=True)
class MpesaSwitches:
    """The switches; fact-sheet sections in brackets. The default is what was observed.

    Every time that is Daraja's own is multiplied by `time_scale`: with 0.01 a prompt lives 0.6 s.
    """

    time_scale: float = attrs.field(default=1.0, validator=_positive)
    # Rules that the sandbox leaves to production: https and no forbidden word in a URL, lengths of texts,
    # and the documented identifier type of a reversal [3.1, 6.2, 7].
    strict: bool = flag()

    # Tokens [2.1, 2.2].
    token_life_s: float = seconds(3600.0)
    one_token: bool = attrs.field(default=True, validator=validators.instance_of(bool))
    expires_in_as: str = one_of("string", "number")
    oauth_refusal: str = one_of("empty", "error_body")
    c2b_token_error: str = one_of("400.003.01", "401.002.01")
    not_enabled: tuple[str, ...] = attrs.field(default=(), converter=tuple, validator=_endpoints)

    # What push accepts [3.1]; a timestamp may be this old, and None lets any pass.
    largest_amount: int = attrs.field(
        default=250_000, validator=[validators.instance_of(int), validators.ge(1)]
    )
    timestamp_age_s: float | None = maybe_seconds(None)
    credentials_text: str = one_of("[MerchantValidate] - Wrong credentials", "Wrong credentials")
    push_answer: str = one_of("usual", "without_id", "response_code_1", "response_code_number")
    error_ids: str = one_of("given", "null")
    # A second prompt while one is live is refused, or accepted with a result that says the same [10].
    lock_shows_as: str = one_of("push_error", "result_1001")
    # Code 17: the same amount to a payer who just paid it, who was just asked for it, or never [4.1].
    same_amount_rule: str = one_of("paid", "asked", "off")
    same_amount_window_s: float = seconds(120.0)

    # The payer's line, and what the payer does with a prompt, by hand or by itself [4.1, 10].
    line: str = one_of("good", "low_balance", "busy", "unreachable")
    answer: str = attrs.field(default="by_hand", validator=_answer)
    answers_by_amount: dict[str, str] = attrs.field(factory=dict, validator=_answers)
    answer_after_s: float = seconds(5.0)
    processing_s: float = seconds(1.0)
    prompt_life_s: float = seconds(60.0)
    unreachable_after_s: float = seconds(26.0)
    unanswered_code: str = one_of("1037", "1019", "1032")
    late_success_after_s: float | None = maybe_seconds(None)

    # The callback [4, 6.3]: late, lost, repeated, before the answer to the push, and in other shapes.
    callback_delay_s: float = seconds(0.0)
    callback_lost: bool = flag()
    callback_copies: int = copies()
    callback_retries: int = attrs.field(default=0, validator=validators.in_((0, 3)))
    callback_before_answer: bool = flag()
    callback_codes_as: str = one_of("number", "string")
    callback_items: str = one_of("usual", "reversed", "shuffled")
    callback_amount: str | None = maybe_amount()
    callback_amount_as: str = one_of("two_decimals", "whole", "string")
    callback_receipt: str = one_of("given", "absent")
    callback_date_as: str = one_of("number", "text")
    callback_phone: str = one_of("full", "masked", "absent")
    callback_balance: str = one_of("no_value", "text", "absent")
    callback_old_text: bool = flag()

    # The query [5]: in-flight shapes in turn or one of them; every so-many-th poll of a prompt gives no
    # answer (0: never); `query_code` is told in place of the truth.
    query_in_flight: str = one_of("cycle", *IN_FLIGHT)
    query_hiccup_every: int = attrs.field(
        default=5, validator=[validators.instance_of(int), validators.ge(0)]
    )
    query_early_s: float = seconds(1.0)
    query_unknown: str = one_of("invalid", "does_not_exist")
    query_codes_as: str = one_of("string", "number")
    query_code: str | None = maybe_text()
    query_calls: int = attrs.field(default=5, validator=[validators.instance_of(int), validators.ge(1)])
    query_period_s: float = seconds(60.0)
    query_burst_one: bool = flag()

    # Reversal and transaction status [7, 8]: `result_code` is told in place of the truth, and the result
    # goes to one of the two URLs or nowhere, after a while or when it is ended by hand.
    result_code: str | None = maybe_text()
    merchant_balance: str = one_of("enough", "low")
    partial_reversal: str = one_of("refused", "allowed")
    credential_style: str = one_of("plain", "any")
    result_delay_s: float = seconds(2.0)
    result_by_hand: bool = flag()
    result_goes: str = one_of("result_url", "queue_timeout", "queue_timeout_carried_out", "lost")
    result_copies: int = copies()
    result_codes_as: str = one_of("number", "string")
    result_values_as: str = one_of("number", "string")
    result_parameters: str = one_of("list", "one_object")
    result_reference: str = one_of("object", "list")
    status_by_merchant_request_id: bool = flag()
    status_of_reversed: str = one_of("Completed", "Cancelled")

    # C2B [9].
    c2b_again: str = one_of("allowed", "refused")
    c2b_response_code: str = one_of("0", "00000000", "missing")
    c2b_validation: bool = flag()

    # Faults on the wire (`payments.simulators.faults` and `gateway_faults`), on one endpoint or any, for a
    # number of calls or for good.
    fault: str = attrs.field(default="none", validator=validators.in_(GATEWAY_FAULTS))
    fault_on: str = attrs.field(default="any", validator=validators.in_(ENDPOINTS))
    fault_times: int | None = maybe_number(1)
    answer_delay_s: float = seconds(5.0)

    def answer_to(self, amount: int) -> str:
        """Return what the payer does with a prompt of this amount."""
        return self.answers_by_amount.get(str(amount), self.answer)
