"""What is mutated, which tests judge it, and what score is owed."""

from typing import Final

import attrs

UNIT: Final = "tests/unit"
CASES: Final = f"{UNIT}/use_cases"
PROVIDERS: Final = f"{UNIT}/adapters/providers"


@attrs.frozen(kw_only=True)
class Group:
    """Modules that are judged by the same tests."""

    name: str
    sources: tuple[str, ...]
    """Patterns of files below ``src/payments``."""
    but: tuple[str, ...] = ()
    """Patterns of those among them that another group has."""
    near: tuple[str, ...]
    """The tests that look straight at them: every mutant meets these."""
    far: tuple[str, ...] = ()
    """More tests, slower: only what survived the near ones meets these."""
    owed: int = 80
    """The least score, in per cent."""


MONEY: Final = Group(
    name="money",
    sources=("domain/money.py",),
    near=(f"{UNIT}/domain/test_money.py",),
    owed=95,
)
SETTLE: Final = Group(
    name="settle",
    sources=(
        "domain/transitions.py",
        "domain/settlement.py",
        "domain/finding.py",
        "domain/taking_in.py",
        "domain/same_money.py",
        "domain/confirming.py",
        "domain/no_money.py",
        "domain/going_back.py",
        "domain/looking_again.py",
    ),
    near=(
        f"{UNIT}/domain",
        f"{CASES}/test_settle.py",
        f"{CASES}/test_matching.py",
        f"{CASES}/test_money_that_went_back.py",
        f"{CASES}/test_watching.py",
        f"{CASES}/test_turns.py",
        f"{CASES}/test_clocks_ahead.py",
        f"{CASES}/test_prompts.py",
        f"{CASES}/test_refunds.py",
        f"{CASES}/test_names_of_money.py",
        f"{CASES}/test_own_names_and_clocks.py",
        f"{CASES}/test_recorded_meanwhile.py",
        f"{CASES}/test_the_rest_of_the_money.py",
        f"{CASES}/test_attached_money.py",
        f"{CASES}/test_what_an_answer_says.py",
    ),
    far=(CASES,),
    owed=95,
)
SETTLE_PAYMENT: Final = Group(
    name="settle_payment",
    sources=(
        "application/use_cases/settle_payment.py",
        "application/applying.py",
        "application/reported.py",
    ),
    near=(
        f"{CASES}/test_settle.py",
        f"{CASES}/test_matching.py",
        f"{CASES}/test_prompts.py",
        f"{CASES}/test_notices.py",
        f"{CASES}/test_watching.py",
        f"{CASES}/test_turns.py",
        f"{CASES}/test_clocks_ahead.py",
        f"{CASES}/test_surplus_policy.py",
        f"{CASES}/test_strangers.py",
        f"{CASES}/test_what_an_answer_says.py",
        f"{CASES}/test_asking.py",
        f"{CASES}/test_what_settling_looks_up.py",
        f"{CASES}/test_names_of_money.py",
        f"{CASES}/test_own_names_and_clocks.py",
        f"{CASES}/test_recorded_meanwhile.py",
    ),
    far=(CASES,),
    owed=95,
)
SIGNATURES: Final = Group(
    name="signatures",
    sources=("adapters/providers/*/webhooks.py", "adapters/providers/*/callbacks.py"),
    near=(
        f"{PROVIDERS}/test_chapa_webhooks.py",
        f"{PROVIDERS}/test_paystack_webhooks.py",
        f"{PROVIDERS}/test_mpesa_callbacks.py",
    ),
    owed=95,
)
REST: Final = Group(
    name="rest",
    sources=("domain/*.py", "application/**/*.py"),
    but=(*MONEY.sources, *SETTLE.sources, *SETTLE_PAYMENT.sources),
    near=(
        f"{UNIT}/domain",
        CASES,
        f"{UNIT}/testing",
        f"{UNIT}/test_sequences.py",
        f"{UNIT}/test_strict_json.py",
    ),
)

GROUPS: Final = {group.name: group for group in (MONEY, SETTLE, SETTLE_PAYMENT, SIGNATURES, REST)}
CRITICAL: Final = ("money", "settle", "settle_payment", "signatures")
