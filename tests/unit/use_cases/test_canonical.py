"""The bytes that audit hashes are made of: another byte, and every trail that was ever written is broken."""

import enum
import hashlib
import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from payments.application.recording import canonical, digest, state_digest
from payments.domain.capture import Vouched
from payments.domain.events import Reason
from payments.domain.evidence import Mode
from payments.domain.money import Currency, Money
from payments.domain.transitions import AttemptStatus, PaymentStatus
from payments.testing.contracts.stored import a_capture, a_payment, a_refund, an_attempt


def as_first_written(value: Any) -> bytes:
    """What the trail was first written with, kept as it was."""
    return json.dumps(
        value, default=_plain, ensure_ascii=True, separators=(",", ":"), sort_keys=True
    ).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, Money | UUID):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds")
    if isinstance(value, enum.Enum):
        return value.value
    assert isinstance(value, bytes)
    return value.decode()


LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.text().map(str.encode),
    st.uuids(),
    st.datetimes(timezones=st.just(UTC)),
    st.sampled_from([*PaymentStatus, *AttemptStatus, *Reason, *Mode]),
    st.builds(Money, st.integers(-(10**15), 10**15), st.sampled_from(["ETB", "UGX", "BHD"]).map(Currency.of)),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(st.text(max_size=8), inner, max_size=4),
    ),
    max_leaves=12,
)


@settings(max_examples=40)
@given(value=VALUES)
def test_what_is_hashed_is_written_as_it_always_was(value: Any) -> None:
    assert canonical(value) == as_first_written(value)
    assert digest(value) == hashlib.sha256(as_first_written(value)).hexdigest()


def test_half_a_character_and_a_control_character_are_written_as_they_always_were() -> None:
    value = {"name": "\ud800 \x7f \x00 é  😀 </script>", "at": datetime(2026, 1, 5, tzinfo=UTC)}
    assert canonical(value) == as_first_written(value)


def test_a_payments_state_is_hashed_as_it_always_was_whatever_was_added_since() -> None:
    capture = a_capture(receipt="SGH1234567")
    payment = a_payment(attempts=(an_attempt(),), captures=(capture,), refunds=(a_refund(),))
    assert state_digest(payment) == "19f27fc5e03cd294fc04a4eee4f8d8d76b745bbdee515e2ac2269c3bdf9f0eba"


def test_by_whose_word_money_is_here_is_hashed_with_it() -> None:
    digests = {
        state_digest(
            a_payment(attempts=(an_attempt(),), captures=(a_capture(vouched=by, accepted=accepted),))
        )
        for by in (None, *Vouched)
        for accepted in (False, True)
    }
    assert len(digests) == 6
