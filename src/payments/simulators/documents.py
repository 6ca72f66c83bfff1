"""The simulators' memory: JSON documents in one SQLite table, in a file or in memory."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs

_TABLE = """
CREATE TABLE IF NOT EXISTS documents (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (kind, key)
)
"""
_PUT = (
    "INSERT INTO documents (kind, key, body) VALUES (?, ?, ?) "
    "ON CONFLICT (kind, key) DO UPDATE SET body = excluded.body"
)


@attrs.define
class Documents:
    """Documents by kind and key. A change is committed when the call returns; one connection, one thread.

    With a path they survive the process being killed at any moment (the operating system holds what was
    committed); without one they end with `open`.
    """

    path: Path | None
    _connection: sqlite3.Connection | None = attrs.field(default=None, init=False)

    @contextmanager
    def open(self) -> Iterator[None]:
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self.path or ":memory:", isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(_TABLE)
            self._connection = connection
            yield
        finally:
            self._connection = None
            connection.close()

    def get(self, kind: str, key: str) -> dict[str, Any] | None:
        row = self._opened.execute(
            "SELECT body FROM documents WHERE kind = ? AND key = ?", (kind, key)
        ).fetchone()
        return None if row is None else dict(json.loads(row[0]))

    def put(self, kind: str, key: str, body: dict[str, Any]) -> None:
        self._opened.execute(_PUT, (kind, key, json.dumps(body)))

    def all(self, kind: str) -> list[dict[str, Any]]:
        """Return every document of the kind, in the order in which they were first put."""
        rows = self._opened.execute("SELECT body FROM documents WHERE kind = ? ORDER BY position", (kind,))
        return [json.loads(row[0]) for row in rows]

    def add(self, kind: str, body: dict[str, Any]) -> int:
        """Put the document under the next number of its kind, and return the number."""
        number = self.next_number(kind)
        self.put(kind, str(number), {"number": number, **body})
        return number

    def next_number(self, kind: str) -> int:
        """Return the next number of the kind, from 1; none comes twice."""
        counter = self.get("counter", kind) or {"last": 0}
        number = int(counter["last"]) + 1
        self.put("counter", kind, {"last": number})
        return number

    def remove(self, kind: str, key: str) -> None:
        self._opened.execute("DELETE FROM documents WHERE kind = ? AND key = ?", (kind, key))

    def clear(self) -> None:
        self._opened.execute("DELETE FROM documents")

    @property
    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            msg = "The simulator is not running: serve it, or hold it open with `async with running(app)`."
            raise RuntimeError(msg)
        return self._connection
