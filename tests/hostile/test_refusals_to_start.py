"""Every unsafe configuration is refused by the real process: exit 78, the setting's name, and what to do."""

import asyncio
import socket
from pathlib import Path

import pytest

from payments.application.ports.self_check import State
from payments.entrypoints.doctor import diagnose
from tests.e2e.programs import finished, payments
from tests.ports import free_port
from tests.unit.test_settings import LIVE, LIVE_KEY, PEM, STRONG, TEST_KEY

pytestmark = pytest.mark.hostile

PAYSTACK = "sk_live_aB3dE6gH9jK2mN5pQ8sT1vW4yZ7"
MPESA: dict[str, str | None] = {
    "MPESA_CONSUMER_KEY": "9fK2mQ7xLw4TzB8vRn3PdH6sYc5JgA1u",
    "MPESA_CONSUMER_SECRET": "Hx7kQ2mV9wZ4tB6n",
    "MPESA_SHORTCODE": "654321",
    "MPESA_PASSKEY": "c7d1e5f9a3b7092846135fedcba98760c7d1e5f9a3b7092846135fedcba98760",
    "MPESA_BASE_URL": "https://api.safaricom.co.ke",
}

UNSAFE: dict[str, tuple[str, dict[str, str | None]]] = {
    "a secret that is not set": ("ORDERS_TOKEN", {"ORDERS_TOKEN": None}),
    "an empty secret": ("AUTH_KEY", {"AUTH_KEY": ""}),
    "a blank secret": ("CHAPA_WEBHOOK_SECRETS", {"CHAPA_WEBHOOK_SECRETS": "   "}),
    "a default secret": ("CHAPA_WEBHOOK_SECRETS", {"CHAPA_WEBHOOK_SECRETS": "change-me-change-me-change-me"}),
    "a short secret": ("CHAPA_WEBHOOK_SECRETS", {"CHAPA_WEBHOOK_SECRETS": STRONG[:23]}),
    "a short key at Paystack": ("PAYSTACK_SECRET_KEY", {"PAYSTACK_SECRET_KEY": "sk_live_short"}),
    "a short secret at M-Pesa": ("MPESA_CONSUMER_SECRET", MPESA | {"MPESA_CONSUMER_SECRET": "short"}),
    "the passkey everybody knows": (
        "MPESA_PASSKEY",
        MPESA | {"MPESA_PASSKEY": "bfb279f9aa9bdbcf158e97dd71a467cd2e0c893059b10f78e6b72ada1ed2c919"},
    ),
    "a default key for what is sealed": ("DATA_KEYS", {"DATA_KEYS": "default-default-default-default"}),
    "a weak key for tokens": ("AUTH_KEY", {"AUTH_KEY": STRONG[:31]}),
    "tokens without a signature": ("AUTH_ALGORITHM", {"AUTH_ALGORITHM": "none"}),
    "a public key for a shared secret": ("AUTH_KEY", {"AUTH_KEY": PEM}),
    "a password that everybody knows at PostgreSQL": (
        "DATABASE_URL",
        {"DATABASE_URL": "postgresql://pay:postgres@db.shop.et/payments?sslmode=verify-full"},
    ),
    "a password that everybody knows at the mail server": (
        "SMTP_URL",
        {"SMTP_URL": "smtps://pay:change-me-soon@mail.shop.et"},
    ),
    "ourselves without TLS": ("PUBLIC_URL", {"PUBLIC_URL": "http://pay.shop.et"}),
    "the orders service without TLS": ("ORDERS_URL", {"ORDERS_URL": "http://orders.shop.et/api"}),
    "a provider without TLS": ("PAYSTACK_BASE_URL", {"PAYSTACK_BASE_URL": "http://api.paystack.co"}),
    "a mail server's password without TLS": ("SMTP_URL", {"SMTP_URL": "smtp://pay:secret@mail.shop.et:587"}),
    "mail in the clear": ("SMTP_URL", {"SMTP_URL": "smtp://mail.shop.et:25"}),
    "PostgreSQL in the clear": ("DATABASE_URL", {"DATABASE_URL": "postgresql://pay@db.shop.et/payments"}),
    "PostgreSQL that may fall back to it": (
        "DATABASE_URL",
        {"DATABASE_URL": "postgresql://pay@127.0.0.1,db.shop.et/payments?sslmode=prefer"},
    ),
    "debug logs": ("LOG_LEVEL", {"LOG_LEVEL": "debug"}),
    "a database that forgets": ("DATABASE_URL", {"DATABASE_URL": "memory://"}),
    "a test key in live mode": ("CHAPA_SECRET_KEY", {"CHAPA_SECRET_KEY": TEST_KEY}),
    "both keys in one process": (
        "PAYSTACK_WEBHOOK_KEYS",
        {"PAYSTACK_SECRET_KEY": PAYSTACK, "PAYSTACK_WEBHOOK_KEYS": PAYSTACK.replace("live", "test")},
    ),
    "a live key in the sandbox": ("CHAPA_SECRET_KEY", {"MODE": "sandbox", "CHAPA_SECRET_KEY": LIVE_KEY}),
}


def variables(directory: Path, changes: dict[str, str | None]) -> dict[str, str]:
    """A live configuration that would do, but for ``changes``; None takes a variable out."""
    usual = LIVE | {"PAYMENTS_DATABASE_URL": f"sqlite:///{directory / 'payments.db'}"}
    changed = usual | {f"PAYMENTS_{name}": value for name, value in changes.items()}
    return {name: value for name, value in changed.items() if value is not None}


@pytest.mark.parametrize("what", UNSAFE)
def test_an_unsafe_configuration_is_refused_by_every_command_that_serves(what: str, tmp_path: Path) -> None:
    name, changes = UNSAFE[what]
    environ = variables(tmp_path, changes)

    done = finished("serve", cwd=tmp_path, variables=environ)

    assert done.returncode == 78, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.strip().startswith(f"PAYMENTS_{name}")]
    remedy = line.partition(": ")[2]
    assert len(remedy.split()) > 3, "it says what would be right"
    given = changes.get(name)
    assert not given or len(given) < 8 or given not in done.stderr, "and does not repeat what was set"
    assert "Traceback" not in done.stderr
    diagnosis = asyncio.run(diagnose(environ))
    assert not diagnosis.configured
    wrong = {(finding.what, finding.remedy) for finding in diagnosis.findings if finding.state is State.WRONG}
    assert (f"PAYMENTS_{name} cannot be used.", remedy) in wrong, "the doctor says the same"


@pytest.mark.parametrize("arguments", [("serve", "--workers", "2"), ("serve", "--no-work")], ids=str)
def test_many_processes_on_sqlite_are_refused_whatever_its_library(
    arguments: tuple[str, ...], tmp_path: Path
) -> None:
    done = finished(*arguments, cwd=tmp_path, variables={"PAYMENTS_PORT": str(free_port())})
    assert done.returncode == 78, done.stderr
    assert "PAYMENTS_DATABASE_URL" in done.stderr
    assert "needs PostgreSQL" in done.stderr


def test_tables_of_another_version_are_refused_in_live_mode(tmp_path: Path) -> None:
    done = finished("serve", cwd=tmp_path, variables=variables(tmp_path, {}))
    assert done.returncode == 78, done.stderr
    assert "payments migrate" in done.stderr


def test_no_variable_makes_it_believe_what_a_proxy_header_says(tmp_path: Path) -> None:
    port = free_port()
    environ = {"PAYMENTS_PORT": str(port), "FORWARDED_ALLOW_IPS": "*", "PAYMENTS_LOG_FORMAT": "json"}
    orders = {
        "PAYMENTS_ORDERS_URL": f"http://127.0.0.1:{free_port()}",
        "PAYMENTS_ORDERS_TOKEN": STRONG,
        "PAYMENTS_ORDERS_SIGNING_SECRETS": LIVE["PAYMENTS_ORDERS_SIGNING_SECRETS"],
    }
    with payments("serve", cwd=tmp_path, variables=environ | orders) as program:
        program.wait_for("Payments answers")
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(
                b"GET /payments/verify/nobody/ HTTP/1.1\r\nhost: evil.example\r\nx-forwarded-for: 6.6.6.6\r\n"
                b"x-forwarded-proto: https\r\nx-forwarded-host: evil.example\r\nconnection: close\r\n\r\n"
            )
            answer = b""
            while piece := connection.recv(65536):
                answer += piece
        program.stop()
    assert answer.startswith(b"HTTP/1.1 404")
    assert b"evil.example" not in answer
    assert "6.6.6.6" not in program.output + program.complaints
