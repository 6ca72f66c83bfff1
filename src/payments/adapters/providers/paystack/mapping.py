"""What Paystack's answers about a transaction mean (fact sheet, sections 2 and 5): each means one thing."""

import hashlib
import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from payments.adapters.providers.paystack.amounts import money, money_at_most
from payments.adapters.providers.paystack.api import PaystackAnswer, flattened
from payments.domain.evidence import Answer, Mode, Outcome, nothing
from payments.domain.money import Money

_LONGEST_WORD_CHARACTERS: Final = 80
_LONGEST_NAME_CHARACTERS: Final = 128
_IDENTIFIER: Final = re.compile(r"[1-9][0-9]{0,19}", re.ASCII)

_OUTCOMES: Final[Mapping[str, Outcome]] = {
    "success": Outcome.PAID,
    # A transaction is abandoned from its first moment on, long before anybody could have abandoned it.
    "abandoned": Outcome.PAYABLE,
    "failed": Outcome.DECLINED,
    "ongoing": Outcome.IN_FLIGHT,
    "pending": Outcome.IN_FLIGHT,
    "processing": Outcome.IN_FLIGHT,
    "queued": Outcome.IN_FLIGHT,
    "reversal-pending": Outcome.RETURNED,
    "reversed": Outcome.RETURNED,
}
_ABOUT_MONEY: Final = frozenset({Outcome.PAID, Outcome.RETURNED})
_MODES: Final = {"test": Mode.TEST, "live": Mode.LIVE}
_REFUSED: Final = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND})


def answer_of(answer: PaystackAnswer) -> Answer:
    """The meaning of what verify answered.

    Only ``data.status`` speaks about money; the envelope's ``status`` is "the lookup worked" (section 1).
    """
    if answer.body is None:
        return nothing(f"HTTP {answer.status}, not JSON")
    if answer.worked and answer.status == HTTPStatus.OK:
        return transaction(answer.data) if answer.data is not None else nothing("HTTP 200 without data")
    # The envelope keeps a web server's own "Not Found" from being taken for Paystack's.
    if answer.status in _REFUSED and answer.refused and _is_unknown(answer):
        return Answer(outcome=Outcome.NOT_FOUND, word=short(answer.message or answer.code))
    return nothing(short(f"HTTP {answer.status} {answer.message}"))


def identifier(value: Any) -> str | None:
    """Paystack's number of something, up to 64 bits, as text; None when it is none."""
    text = str(value) if type(value) is int else value
    return text if isinstance(text, str) and _IDENTIFIER.fullmatch(text) else None


def short(word: str) -> str:
    """``word`` as people are shown it."""
    return flattened(word)[:_LONGEST_WORD_CHARACTERS]


def _is_unknown(answer: PaystackAnswer) -> bool:
    return answer.code == "transaction_not_found" or answer.says("Transaction reference not found")


def transaction(data: Mapping[str, Any]) -> Answer:
    """What the state of a transaction means, in an answer of verify or a row of a list (section 5)."""
    word = data.get("status")
    outcome = _OUTCOMES.get(word) if isinstance(word, str) else None
    if not isinstance(word, str) or outcome is None:
        return nothing(short(f"unknown status {word!r}"))
    reference, key, mode = _name(data.get("reference")), identifier(data.get("id")), _mode(data)
    amount, captured = _amounts(data)
    if outcome in _ABOUT_MONEY:
        facts = {"reference": reference, "id": key, "domain": mode, "amount": amount}
        missing = [name for name, fact in facts.items() if fact is None]
        if missing:
            return nothing(short(f"{word} without a readable {', '.join(missing)}"))
    return Answer(
        outcome=outcome,
        word=word,
        reference=reference,
        amount=amount,
        mode=mode,
        provider_reference=key,
        capture_key=key if outcome in _ABOUT_MONEY else None,
        fingerprint=_fingerprint(data) if outcome is Outcome.DECLINED else None,
        detail=_reason(data) if outcome is Outcome.DECLINED else "",
        captured=captured,
    )


def _amounts(data: Mapping[str, Any]) -> tuple[Money | None, Money | None]:
    """What was paid of what we asked for, and what arrived where that is more (section 2).

    ``amount`` is what was charged and ``requested_amount`` what we initialized. More was charged where the
    account passes its fees on, less where part of it was debited.
    """
    currency, charged = data.get("currency"), data.get("amount")
    wanted = data.get("requested_amount")
    if wanted is None or wanted == charged:
        return money(charged, currency), None
    requested, arrived = money(wanted, currency), money_at_most(charged, currency)
    if requested is None or arrived is None:
        return None, None
    return (requested, arrived) if arrived > requested else (arrived, None)


def _mode(data: Mapping[str, Any]) -> Mode | None:
    domain = data.get("domain")
    return _MODES.get(domain) if isinstance(domain, str) else None


def _name(value: Any) -> str | None:
    fits = isinstance(value, str) and 0 < len(value) <= _LONGEST_NAME_CHARACTERS and value.isprintable()
    return value if fits else None


def _fingerprint(data: Mapping[str, Any]) -> str | None:
    """What tells one failed try from the next on the same page; None when nothing does.

    The transaction stays the same from try to try. Of its log only what a try changes is taken: looking at
    the page again, which the rest of the log tells too, is no news.
    """
    log = data.get("log")
    tries = [log.get("attempts"), log.get("errors")] if isinstance(log, dict) else None
    facts = [_reason(data), data.get("paid_at"), tries]
    if not any(facts):
        return None
    told = json.dumps([identifier(data.get("id")), *facts], default=str)
    return hashlib.sha256(told.encode()).hexdigest()[:32]


def _reason(data: Mapping[str, Any]) -> str:
    return flattened(data.get("gateway_response")) or flattened(data.get("message"))
