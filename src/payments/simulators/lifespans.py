"""Holding a simulator open."""

from contextlib import AbstractAsyncContextManager
from typing import Any

from starlette.applications import Starlette


def running(app: Starlette) -> AbstractAsyncContextManager[Any]:
    """Open the simulator's state and background tasks, and close them at the end.

    A server runs the lifespan of the application it serves, but Starlette does not run that of a mounted
    one: whoever mounts a simulator holds it open with `async with running(simulator): ...`.
    """
    return app.router.lifespan_context(app)
