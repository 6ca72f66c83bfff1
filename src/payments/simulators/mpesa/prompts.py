"""What Daraja knows of a prompt, of a payment and of a request for a result, and where it keeps it."""

from typing import Any

import attrs

from payments.simulators.documents import Documents


@attrs.frozen(kw_only=True)
class Prompt:
    """One STK push. Times are seconds since the epoch; `phone` is an MSISDN of 12 digits.

    `state` is `live` (the payer can answer), `answered` (the result is under way) or `ended`. `shown` is
    false when no phone ever displayed it; `ignored` when the payer said so. `code` is the result, once there
    is one to come; it is final when `ended`.
    """

    checkout_request_id: str
    merchant_request_id: str
    shortcode: str
    transaction_type: str
    party_b: str
    amount: int
    phone: str
    callback_url: str
    account_reference: str
    description: str
    created_at: float
    closes_at: float
    shown: bool = True
    ignored: bool = False
    state: str = "live"
    code: str | None = None
    receipt: str | None = None
    ended_at: float | None = None
    queries: int = 0


@attrs.frozen(kw_only=True)
class Payment:
    """Money that arrived, by a prompt (`stk`, `stk_till`) or by itself (`c2b`); the key is the receipt."""

    receipt: str
    source: str
    shortcode: str
    amount: int
    phone: str
    account_reference: str
    at: float
    merchant_request_id: str | None = None
    reversed_amount: int = 0
    reversal_receipt: str | None = None


@attrs.frozen(kw_only=True)
class Request:
    """A reversal or a transaction status that was acknowledged.

    `state` is pending, completed, failed or timed_out; the fields are those that were asked with.
    """

    conversation_id: str
    originator_conversation_id: str
    kind: str
    transaction_id: str
    original_conversation_id: str
    amount: int
    receiver: str
    result_url: str
    queue_timeout_url: str
    phone: str | None
    created_at: float
    refused_code: str | None = None
    state: str = "pending"
    code: str | None = None
    receipt: str | None = None
    ended_at: float | None = None


@attrs.frozen
class Ledger:
    """Prompts by `CheckoutRequestID`, payments by receipt, requests by `ConversationID`."""

    _documents: Documents

    def put(self, prompt: Prompt) -> None:
        self._remember_of_phone(prompt)
        self._documents.put("prompt", prompt.checkout_request_id, attrs.asdict(prompt))
        if prompt.state == "ended":
            self._forget_live(prompt)
        elif self.live_prompt(prompt.phone) is None:
            self._documents.put("live", prompt.phone, {"id": prompt.checkout_request_id})

    def prompt(self, checkout_request_id: str) -> Prompt | None:
        stored = self._documents.get("prompt", checkout_request_id)
        return None if stored is None else Prompt(**stored)

    def live_prompt(self, phone: str) -> Prompt | None:
        """Return the prompt of this number that is not ended; there is one at most."""
        stored = self._documents.get("live", phone)
        return None if stored is None else self.prompt(stored["id"])

    def prompts(self, phone: str | None = None) -> list[Prompt]:
        """Return all prompts, or those of one number without looking at any other, oldest first."""
        if phone is None:
            return [Prompt(**stored) for stored in self._documents.all("prompt")]
        found = (self.prompt(name) for name in self._of_phone(phone))
        return [prompt for prompt in found if prompt is not None]

    def put_payment(self, payment: Payment) -> None:
        self._documents.put("payment", payment.receipt, attrs.asdict(payment))

    def payment(self, receipt: str) -> Payment | None:
        stored = self._documents.get("payment", receipt)
        return None if stored is None else Payment(**stored)

    def payments(self) -> list[Payment]:
        return [Payment(**stored) for stored in self._documents.all("payment")]

    def put_request(self, request: Request) -> None:
        self._documents.put("request", request.conversation_id, attrs.asdict(request))

    def request(self, conversation_id: str) -> Request | None:
        stored = self._documents.get("request", conversation_id)
        return None if stored is None else Request(**stored)

    def requests(self, kind: str | None = None) -> list[Request]:
        requests = [Request(**stored) for stored in self._documents.all("request")]
        return [request for request in requests if kind in (None, request.kind)]

    def reversal(self, receipt: str) -> Request | None:
        """Return the reversal that was carried out under this receipt of its own."""
        return next((one for one in self.requests("reversal") if one.receipt == receipt), None)

    def put_text_message(self, phone: str, text: str, at_s: float) -> None:
        self._documents.add("text_message", {"phone": phone, "text": text, "at": at_s})

    def text_messages(self, phone: str) -> list[dict[str, Any]]:
        """Return what the payer was told by SMS, oldest first."""
        return [one for one in self._documents.all("text_message") if one["phone"] == phone]

    def live_prompts(self) -> list[Prompt]:
        """Return the prompts that are not ended."""
        found = (self.prompt(stored["id"]) for stored in self._documents.all("live"))
        return [prompt for prompt in found if prompt is not None]

    def _of_phone(self, phone: str) -> list[str]:
        stored = self._documents.get("prompts_of_phone", phone)
        return [] if stored is None else list(stored["ids"])

    def _remember_of_phone(self, prompt: Prompt) -> None:
        known = self._of_phone(prompt.phone)
        if prompt.checkout_request_id not in known:
            ids = [*known, prompt.checkout_request_id]
            self._documents.put("prompts_of_phone", prompt.phone, {"ids": ids})

    def _forget_live(self, prompt: Prompt) -> None:
        stored = self._documents.get("live", prompt.phone)
        if stored is not None and stored["id"] == prompt.checkout_request_id:
            self._documents.remove("live", prompt.phone)
