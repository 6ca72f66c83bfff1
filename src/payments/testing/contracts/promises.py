"""Saying in words which promise an adapter broke."""

from collections.abc import Iterator
from contextlib import contextmanager


class BrokenPromise(AssertionError):
    """An adapter does not do what its port promises; the sentence says what."""


def promise(sentence: str, *, kept: bool) -> None:
    """Return if the promise is kept.

    Raises:
        BrokenPromise: it is not.
    """
    if not kept:
        raise BrokenPromise(f"Broken promise: {sentence}")


@contextmanager
def promise_to_raise(expected: type[Exception], sentence: str) -> Iterator[None]:
    """Expect ``expected`` from the block.

    Raises:
        BrokenPromise: the block ended well, or raised something else.
    """
    try:
        yield
    except expected:
        return
    except Exception as error:
        raise BrokenPromise(f"Broken promise: {sentence} It raised {error!r}.") from error
    raise BrokenPromise(f"Broken promise: {sentence} It raised nothing.")
