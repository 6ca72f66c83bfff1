"""A question that did not get out is asked once more, and no other."""

import pytest
from structlog.testing import capture_logs

from payments.adapters.unsent import asked_again_if_unsent
from payments.domain.errors import OutcomeUnknown, PaymentsError, ProviderUnavailable

pytestmark = pytest.mark.anyio

UNSENT = ProviderUnavailable("Nobody listens; nothing was sent.")
LOST = OutcomeUnknown("The answer was lost.")


class Asked:
    """Answers, or raises, in turns."""

    def __init__(self, *turns: str | PaymentsError) -> None:
        self.turns = list(turns)

    async def __call__(self) -> str:
        turn = self.turns.pop(0)
        if isinstance(turn, PaymentsError):
            raise turn
        return turn


async def test_what_is_answered_is_asked_once_and_nothing_is_told_of_it() -> None:
    ask = Asked("paid", "never asked")
    with capture_logs() as told:
        assert await asked_again_if_unsent(ask) == "paid"
    assert (ask.turns, told) == (["never asked"], [])


async def test_what_did_not_get_out_is_asked_once_more_and_that_is_told() -> None:
    ask = Asked(UNSENT, "paid", "never asked")
    with capture_logs() as told:
        assert await asked_again_if_unsent(ask) == "paid"
    assert ask.turns == ["never asked"]
    (line,) = told
    assert line["event"] == "stamina.retry_scheduled"
    assert 0 < line["wait_for"] <= 0.2


async def test_what_does_not_get_out_twice_is_given_up_with_what_was_wrong_last() -> None:
    last = ProviderUnavailable("It still does not listen; nothing was sent.")
    ask = Asked(UNSENT, last, "never asked")
    with pytest.raises(ProviderUnavailable) as raised:
        await asked_again_if_unsent(ask)
    assert (raised.value, ask.turns) == (last, ["never asked"])


@pytest.mark.parametrize("turns", [(LOST, "never asked"), (UNSENT, LOST, "never asked")])
async def test_what_may_have_got_out_is_not_asked_again(turns: tuple[str | PaymentsError, ...]) -> None:
    ask = Asked(*turns)
    with pytest.raises(OutcomeUnknown):
        await asked_again_if_unsent(ask)
    assert ask.turns == ["never asked"]
