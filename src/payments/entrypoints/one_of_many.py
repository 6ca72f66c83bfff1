"""What each of the processes does that a :class:`~payments.entrypoints.supervisor.Supervisor` starts."""

import socket
import sys
from collections.abc import Mapping

from payments.bootstrap import Parts
from payments.entrypoints.exits import code_of
from payments.entrypoints.logging import configure_logging
from payments.entrypoints.serving import run, serve_on
from payments.entrypoints.supervisor import Parent
from payments.settings import Settings


def serve(environ: Mapping[str, str], listening: socket.socket, parent: Parent, *, works: bool) -> None:
    """Serve with settings from ``environ``, and exit."""
    settings = Settings.from_env(environ)
    configure_logging(settings.logging, sys.stderr)
    sys.exit(code_of(lambda: run(served_from(settings, None, listening, parent, works=works))))


async def served_from(
    settings: Settings, parts: Parts | None, listening: socket.socket, parent: Parent, *, works: bool
) -> None:
    """Serve for as long as the parent wants and lives."""
    await serve_on(
        listening,
        settings,
        lambda: parent.ready.send_bytes(b"ready"),
        parts,
        works=works,
        parent=parent.ended.fileno(),
    )
