"""What Chapa's answers about a transaction mean (fact sheet, sections 4.1 to 4.3): each means one thing."""

import hashlib
import json
from collections.abc import Mapping
from decimal import Decimal
from http import HTTPStatus
from typing import Any, Final

from payments.adapters.providers.chapa.api import ChapaAnswer, flattened
from payments.domain.errors import InvalidMoney
from payments.domain.evidence import Answer, Mode, Outcome, nothing
from payments.domain.money import Money

_LONGEST_WORD_CHARACTERS: Final = 80
_LONGEST_NAME_CHARACTERS: Final = 128

# Cancelling a link never shows in a status (section 5), and a failed try leaves the link open (section 3):
# all three words are about the payer's try, and the page may still be paid on.
_OUTCOMES: Final[Mapping[str, Outcome]] = {
    "success": Outcome.PAID,
    "pending": Outcome.PAYABLE,
    "failed": Outcome.DECLINED,
    "cancelled": Outcome.DECLINED,
    "failed/cancelled": Outcome.DECLINED,
    "refunded": Outcome.RETURNED,
    "reversed": Outcome.RETURNED,
}
ABOUT_MONEY: Final = frozenset({Outcome.PAID, Outcome.RETURNED})
_MODES: Final = {"test": Mode.TEST, "live": Mode.LIVE}
_REFUSED: Final = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND})


def answer_of(answer: ChapaAnswer) -> Answer:
    """The meaning of what verify answered.

    Only ``data.status`` speaks about money; the envelope's ``status`` is "the lookup worked" (section 4.3).
    """
    if answer.body is None:
        return nothing(f"HTTP {answer.status}, not JSON")
    if answer.status == HTTPStatus.OK:
        return _transaction(answer.data) if answer.data is not None else nothing("HTTP 200 without data")
    if answer.status in _REFUSED:
        if answer.says("not paid yet"):
            return Answer(outcome=Outcome.PAYABLE, word=short(answer.message))
        if is_unknown(answer):
            return Answer(outcome=Outcome.NOT_FOUND, word=short(answer.message))
    return nothing(short(f"HTTP {answer.status} {answer.message}"))


def is_unknown(answer: ChapaAnswer) -> bool:
    """Whether Chapa says that it does not know the transaction.

    The envelope's word keeps a web server's own "Not Found" from being taken for Chapa's.
    """
    refused = answer.status in _REFUSED and answer.word == "failed"
    return refused and answer.says("invalid transaction", "transaction not found")


def outcome_of(word: Any) -> Outcome | None:
    """What the state of a transaction means (section 4.3); None when no sheet knows the word."""
    return _OUTCOMES.get(word) if isinstance(word, str) else None


def _transaction(data: Mapping[str, Any]) -> Answer:
    word = data.get("status")
    outcome = outcome_of(word)
    if not isinstance(word, str) or outcome is None:
        return nothing(short(f"unknown status {word!r}"))
    tx_ref, reference = name_of(data.get("tx_ref")), name_of(data.get("reference"))
    amount, mode = amount_of(data), _mode(data)
    if outcome in ABOUT_MONEY:
        facts = {"tx_ref": tx_ref, "reference": reference, "mode": mode, "amount": amount}
        missing = [name for name, fact in facts.items() if fact is None]
        if missing:
            return nothing(short(f"{word} without a readable {', '.join(missing)}"))
    return Answer(
        outcome=outcome,
        word=word,
        reference=tx_ref,
        amount=amount,
        mode=mode,
        provider_reference=reference,
        capture_key=reference if outcome in ABOUT_MONEY else None,
        fingerprint=_fingerprint(data) if outcome is Outcome.DECLINED else None,
        detail=_reason(data) if outcome is Outcome.DECLINED else "",
    )


def _mode(data: Mapping[str, Any]) -> Mode | None:
    mode = data.get("mode")
    return _MODES.get(mode) if isinstance(mode, str) else None


def amount_of(data: Mapping[str, Any]) -> Money | None:
    """The amount, exactly; a JSON number or a text (section 4.1). None when it cannot be read, or is none."""
    value = data.get("amount")
    if type(value) is int:
        value = Decimal(value)
    if not isinstance(value, str | Decimal):
        return None
    try:
        amount = Money.of(value, data.get("currency"))
    except InvalidMoney:
        return None
    return amount if amount.minor > 0 else None


def name_of(value: Any) -> str | None:
    """Chapa's name for something; None when it cannot be one."""
    fits = isinstance(value, str) and 0 < len(value) <= _LONGEST_NAME_CHARACTERS and value.isprintable()
    return value if fits else None


def _fingerprint(data: Mapping[str, Any]) -> str | None:
    """What tells one failed try from the next; None when neither transaction nor time is there."""
    facts = [data.get("reference"), _reason(data), data.get("updated_at")]
    if not facts[0] and not facts[2]:
        return None
    return hashlib.sha256(json.dumps(facts, default=str).encode()).hexdigest()[:32]


def _reason(data: Mapping[str, Any]) -> str:
    """Why a try failed; webhooks call it ``failure_reason``, verify documents no field for it."""
    return flattened(data.get("failure_reason") or data.get("message"))


def short(word: str) -> str:
    """``word`` as people are shown it."""
    return flattened(word)[:_LONGEST_WORD_CHARACTERS]
