"""Questions that did not get out: each is asked once more, after a moment."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import stamina

from payments.domain.errors import ProviderUnavailable

T = TypeVar("T")

_TRIES: Final = 2
_PAUSE_S: Final = 0.05
_LONGEST_PAUSE_S: Final = 0.2


async def asked_again_if_unsent(ask: Callable[[], Awaitable[T]]) -> T:
    """What ``ask`` brings, which changes nothing: so one that was not sent is simply sent once more.

    Raises:
        ProviderUnavailable: nothing was sent this time either.
    """
    try:
        return await ask()
    except ProviderUnavailable as error:
        unsent = error
    # Only now: to be ready to try again takes a fifth of what asking takes, and hardly any question needs it.
    async for attempt in stamina.retry_context(
        on=ProviderUnavailable,
        attempts=_TRIES,
        wait_initial=_PAUSE_S,
        wait_max=_LONGEST_PAUSE_S,
        wait_jitter=_PAUSE_S,
    ):
        with attempt:
            if attempt.num == 1:
                raise unsent
            return await ask()
    raise AssertionError("stamina ends with an answer or an error")
