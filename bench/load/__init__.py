"""What wrk is given: a token, signed webhooks, and the scripts beside this file."""

import hashlib
import hmac
import json
import re
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import attrs
import jwt

SCRIPTS: Final = Path(__file__).parent
AUTH_KEY: Final = "bench-auth-key-of-thirty-two-bytes-or-more"
WEBHOOK_SECRET: Final = "bench-webhook-secret-0001"
PAYER: Final = "user-1"


@attrs.frozen(kw_only=True)
class Answers:
    """What one run of wrk saw."""

    answers: int
    us: int
    p50_ms: float
    p99_ms: float
    most_ms: float
    refused: int = 0
    """Answers of 400 and above, as wrk counts them."""
    broken: int = 0
    """Connections that were refused or broken off."""
    late: int = 0
    """Answers that took longer than ten seconds: they are counted, and wrk has them in no percentile."""

    @property
    def rate_per_s(self) -> float:
        return self.answers / self.us * 1e6


@attrs.frozen
class Load:
    """What wrk reads, in ``folder``."""

    folder: Path

    @classmethod
    def of(cls, folder: Path) -> "Load":
        """Write a token of :data:`PAYER`."""
        now = int(time.time())
        claims = {"sub": PAYER, "iat": now, "exp": now + 86_400, "token_type": "access", "jti": "bench"}
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "token").write_text(jwt.encode(claims, AUTH_KEY, algorithm="HS256"))
        return cls(folder)

    @property
    def token(self) -> Path:
        return self.folder / "token"

    def webhooks(self, references: Sequence[str]) -> Path:
        """A file of signed webhooks, one about each of ``references``, in their order."""
        path = self.folder / "webhooks"
        path.write_text("".join(f"{reference}\t{webhook(reference)[1]}\n" for reference in references))
        return path

    def run(self, port: int, script: str, *words: str, connections: int, seconds: int) -> Answers:
        """Have wrk ask for so long over so many connections, each with one open request at a time."""
        done = subprocess.run(
            [
                *(_wrk(), "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s"),
                *("-s", str(SCRIPTS / f"{script}.lua"), f"http://127.0.0.1:{port}", "--", *words),
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds + 60,
        )
        found = re.search(r"^JSON (.*)$", done.stdout, re.MULTILINE)
        if found is None:
            raise RuntimeError(f"wrk: {done.stdout[-400:]}{done.stderr[-400:]}")
        told: dict[str, Any] = json.loads(found[1])
        return Answers(**told)


def webhook(reference: str, *, charge: str = "35.00") -> tuple[bytes, str]:
    """What webhook.lua sends about a reference, to the byte, with its signature."""
    body = (
        f'{{"event":"charge.success","type":"API","tx_ref":"{reference}","reference":"AP{reference}",'
        f'"status":"success","amount":"1000.00","currency":"ETB","charge":"{charge}","mode":"test",'
        '"payment_method":"telebirr","email":"sara@shop.et","first_name":"Sara","last_name":"Tesfaye"}'
    )
    return body.encode(), hmac.digest(WEBHOOK_SECRET.encode(), body.encode(), hashlib.sha256).hex()


def _wrk() -> str:
    found = shutil.which("wrk")
    if found is None:
        raise RuntimeError("wrk is missing: install it (on Debian and Ubuntu: apt-get install wrk).")
    return found
