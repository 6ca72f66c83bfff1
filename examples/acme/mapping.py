"""What Acme's answers mean: each means one thing, and whatever is not listed gives no information."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from examples.acme.api import AcmeAnswer
from payments.domain.errors import InvalidMoney
from payments.domain.evidence import Answer, Mode, Outcome, nothing
from payments.domain.money import Currency, Money

_OUTCOMES: Final = {
    "open": Outcome.PAYABLE,
    "failed": Outcome.DECLINED,
    "paid": Outcome.PAID,
    "returned": Outcome.RETURNED,
}
_ABOUT_MONEY: Final = frozenset({Outcome.PAID, Outcome.RETURNED})
_MODES: Final = {"test": Mode.TEST, "live": Mode.LIVE}


def answer_of(answer: AcmeAnswer) -> Answer:
    """The meaning of what Acme answered."""
    if answer.status == HTTPStatus.NOT_FOUND and answer.text("error") == "unknown_reference":
        return Answer(outcome=Outcome.NOT_FOUND, word="unknown_reference")
    if answer.status != HTTPStatus.OK or answer.body is None:
        return nothing(f"HTTP {answer.status}")
    word = answer.text("state")
    outcome = _OUTCOMES.get(word)
    if outcome is None:
        return nothing(f"unknown state {word[:40]!r}")
    reference, transaction = answer.text("reference"), answer.text("transaction")
    amount, mode = _amount(answer.body), _MODES.get(answer.text("mode"))
    about_money = outcome in _ABOUT_MONEY
    if about_money and not (reference and transaction and amount and mode):
        return nothing(f"{word} without a readable fact")
    return Answer(
        outcome=outcome,
        word=word,
        reference=reference or None,
        amount=amount,
        mode=mode,
        capture_key=transaction if about_money else None,
        fingerprint=str(answer.body.get("tries")) if outcome is Outcome.DECLINED else None,
    )


def _amount(body: Mapping[str, Any]) -> Money | None:
    minor = body.get("amount_minor")
    if type(minor) is not int or minor <= 0:
        return None
    try:
        return Money(minor, Currency.of(body.get("currency")))
    except InvalidMoney:
        return None
