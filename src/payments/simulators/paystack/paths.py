"""Paths as clients really send them: with a slash at the end, or two where one belongs (section 14)."""

import re

import attrs
from starlette.types import ASGIApp, Receive, Scope, Send

_SLASHES = re.compile(r"/{2,}")


@attrs.frozen
class TidyPaths:
    """Collapses slashes, and drops the last one, below where the simulator is mounted."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            root = scope.get("root_path", "")
            below = scope["path"].removeprefix(root)
            tidy = _SLASHES.sub("/", below).rstrip("/") or "/"
            scope = {**scope, "path": f"{root}{tidy}"}
        await self.app(scope, receive, send)
