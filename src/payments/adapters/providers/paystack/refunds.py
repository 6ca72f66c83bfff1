"""Sending money back: ``POST /refund``, and what became of it (fact sheet, section 8)."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

import attrs

from payments.adapters.providers.paystack.amounts import money, money_at_most, subunits
from payments.adapters.providers.paystack.api import PaystackAnswer, PaystackApi, flattened, refusal
from payments.adapters.providers.paystack.mapping import answer_of, identifier, short
from payments.application.ports.providers import (
    RefundAnswer,
    RefundOutcome,
    RefundQuestion,
    RefundRequest,
    Refunds,
)
from payments.domain.errors import GatewayError, OutcomeUnknown
from payments.domain.evidence import Outcome
from payments.domain.money import Currency, Money, zero

_OUTCOMES: Final[Mapping[str, RefundOutcome]] = {
    "pending": RefundOutcome.PENDING,
    "processing": RefundOutcome.PENDING,
    "processed": RefundOutcome.SUCCEEDED,
    "failed": RefundOutcome.FAILED,
    "needs-attention": RefundOutcome.NEEDS_ATTENTION,
}
_ANOTHER_AMOUNT: Final = "a refund of another amount, or of none that can be read"
_SENT: Final = "processed"
_ROWS_A_PAGE: Final = 100
_MOST_PAGES: Final = 20
_LONGEST_NOTE_CHARACTERS: Final = 200


@attrs.frozen
class PaystackRefunds(Refunds):
    """Paystack knows no reference for a refund, so ours is the first word of the note to the merchant."""

    _api: PaystackApi

    async def request(self, request: RefundRequest) -> RefundAnswer:
        answer = await self._api.send("refund", "/refund", refund_fields(request))
        return refund_of(answer, request)

    async def check(self, question: RefundQuestion) -> RefundAnswer:
        try:
            if question.provider_reference is not None:
                return await self._by_name(question, question.provider_reference)
            return await self._by_note(question)
        except GatewayError as error:
            return _nothing(error.code.replace("_", " "))

    async def _by_name(self, question: RefundQuestion, name: str) -> RefundAnswer:
        number = identifier(name)
        if number is None:
            return _nothing("no name of a refund")
        answer = await self._api.ask("fetch refund", f"/refund/{number}")
        if not answer.worked or answer.data is None:
            return _nothing(f"HTTP {answer.status} {answer.message}")
        if identifier(answer.data.get("id")) != number or not await self._belongs(answer.data, question):
            return _nothing("an answer about another refund")
        return _meaning(answer.data, question.amount)

    async def _belongs(self, row: Mapping[str, Any], question: RefundQuestion) -> bool:
        if _is_of(row, question.capture_key):
            return True
        transaction = await self._transaction(question)
        return transaction is not None and _is_of(row, transaction)

    async def _by_note(self, question: RefundQuestion) -> RefundAnswer:
        """Look through the refunds of the transaction: the answer that named ours was lost."""
        row, trouble = None, None
        try:
            row = _noted(await refunds_of(self._api, question.capture_key), question)
        except OutcomeUnknown as error:
            trouble = error
        if row is None and question.attempt is not None:
            # Our request named the transaction by the attempt, so a refund of ours can only be there.
            transaction = await self._transaction(question)
            if transaction != question.capture_key:
                trouble = None
            if transaction not in (None, question.capture_key):
                row = _noted(await refunds_of(self._api, transaction), question)
        if trouble is not None:
            raise trouble
        if row is not None:
            return _meaning(row, question.amount)
        # No proof that it was never asked for: it may still be on its way into the list. So one that was, and
        # whose answer was lost, stays unknown; one that was not may be.
        return RefundAnswer(outcome=RefundOutcome.NOT_FOUND, word="not among the refunds of the transaction")

    async def _transaction(self, question: RefundQuestion) -> str | None:
        """The number of the attempt's transaction, whatever became of it; None where there is none.

        The money may bear another: a person recorded it under a name of their own, which may be all digits.
        """
        if question.attempt is None:
            return None
        answer = await self._api.ask("verify", f"/transaction/verify/{quote(question.attempt, safe='')}")
        if answer.worked and answer.data is not None and answer.data.get("reference") == question.attempt:
            # What a transaction is called of which a part went back is not known: nothing else is read.
            return identifier(answer.data.get("id")) or question.capture_key
        if answer_of(answer).outcome is Outcome.NOT_FOUND:
            return None
        raise OutcomeUnknown(f"Paystack answered {answer.status}, and no transaction of this reference.")


def _noted(rows: tuple[Mapping[str, Any], ...], question: RefundQuestion) -> Mapping[str, Any] | None:
    """The refund whose note begins with our reference, and that is not known to be another."""
    for row in rows:
        ours = flattened(row.get("merchant_note")).split(" ", 1)[0] == question.reference
        if ours and identifier(row.get("id")) not in question.known:
            return row
    return None


async def refunds_of(api: PaystackApi, transaction: str) -> tuple[Mapping[str, Any], ...]:
    """Every refund of the transaction with this number, ours and those made at Paystack.

    Raises:
        ProviderUnavailable, OutcomeUnknown: the list could not be had whole.
    """
    number = identifier(transaction)
    if number is None:
        raise OutcomeUnknown("There is no transaction of this name.")
    found: list[Mapping[str, Any]] = []
    seen: set[str | None] = set()
    for page in range(1, _MOST_PAGES + 1):
        # A reference in the place of the number is answered with an empty list.
        query: dict[str, str | int] = {"transaction": number, "perPage": _ROWS_A_PAGE, "page": page}
        answer = await api.ask("list refunds", "/refund", query)
        if not answer.worked or answer.rows is None:
            raise OutcomeUnknown(f"Paystack answered {answer.status} and no list.")
        if not all(_is_of(row, number) for row in answer.rows):
            raise OutcomeUnknown("Paystack's list holds refunds of another transaction.")
        # A new refund moves the others, and the last of a page comes again on the next.
        found.extend(row for row in answer.rows if identifier(row.get("id")) not in seen)
        seen.update(identifier(row.get("id")) for row in answer.rows)
        seen.discard(None)
        short = len(answer.rows) < _ROWS_A_PAGE
        if not answer.rows or (page >= answer.pages if answer.pages else short):
            return tuple(found)
    raise OutcomeUnknown("The transaction has more refunds than we read.")


def _is_of(row: Mapping[str, Any], capture_key: str) -> bool:
    """Whether a refund's record names no other transaction than that of this money."""
    named, money_is = identifier(row.get("transaction")), identifier(capture_key)
    return named is None or money_is is None or named == money_is


def sent_back(rows: tuple[Mapping[str, Any], ...], currency: Currency) -> Money | None:
    """How much of a transaction went back for certain; None if one of its refunds cannot be read."""
    sent = [row for row in rows if row.get("status") == _SENT]
    # All that arrived, fees in francs included, may go back.
    amounts = [money_at_most(row.get("amount"), row.get("currency")) for row in sent]
    total = zero(currency)
    for amount in amounts:
        if amount is None or amount.currency != currency:
            return None
        total += amount
    return total


def refund_fields(request: RefundRequest) -> dict[str, Any]:
    """What is sent. The amount is always there: without it Paystack takes all of the transaction."""
    note = flattened(f"{request.reference} {request.reason}")
    return {
        # By our reference or by its number (fact sheet, section 8).
        "transaction": request.attempt or request.capture_key,
        "amount": subunits(request.amount),
        "currency": request.amount.currency.code,
        "merchant_note": note[:_LONGEST_NOTE_CHARACTERS],
    }


def refund_of(answer: PaystackAnswer, request: RefundRequest) -> RefundAnswer:
    """What Paystack made of ``request``.

    A refund of another amount than we asked for, or of none that can be read, is no information, but has a
    name to ask about it by.

    Raises:
        ProviderRejected: a definite no.
        ProviderUnavailable: asked to come back later, and nothing was done.
        OutcomeUnknown: anything else; there may be a refund.
    """
    if not answer.worked:
        raise refusal(answer)
    if answer.data is None or identifier(answer.data.get("id")) is None:
        raise OutcomeUnknown("Paystack's answer does not name the refund.")
    if not _is_as_named(answer.data.get("transaction"), request):
        raise OutcomeUnknown("Paystack's answer is about another transaction.")
    return _meaning(answer.data, request.amount)


def _is_as_named(transaction: Any, request: RefundRequest) -> bool:
    """Whether the answer to ``request`` names no other transaction; here it is an object (section 8)."""
    named = transaction if isinstance(transaction, dict) else {"id": transaction}
    reference = named.get("reference")
    if request.attempt is not None and isinstance(reference, str):
        # That is how we named it. Its number may be unknown here, where a person recorded the money.
        return reference == request.attempt
    return _is_of({"transaction": named.get("id")}, request.capture_key)


def _meaning(data: Mapping[str, Any], amount: Money) -> RefundAnswer:
    """What is told of a refund, if it is about exactly this much money."""
    number = identifier(data.get("id"))
    if money(data.get("amount"), data.get("currency")) != amount:
        return attrs.evolve(_nothing(_ANOTHER_AMOUNT), provider_reference=number)
    word = data.get("status")
    outcome = _OUTCOMES.get(word) if isinstance(word, str) else None
    if not isinstance(word, str) or outcome is None:
        return attrs.evolve(_nothing(f"unknown status {word!r}"), provider_reference=number)
    return RefundAnswer(
        outcome=outcome, word=word, provider_reference=number, detail=_REMEDIES.get(outcome, "")
    )


_REMEDIES: Final[Mapping[RefundOutcome, str]] = {
    RefundOutcome.FAILED: "Paystack could not send the money back; it is with the shop again.",
    RefundOutcome.NEEDS_ATTENTION: "Paystack wants an account of the payer to send the money to; give it"
    " one in its dashboard.",
}


def _nothing(word: str) -> RefundAnswer:
    return RefundAnswer(outcome=RefundOutcome.NOTHING, word=short(word))
