"""SMTP as servers really answer it: every refusal, outage and way to secure the connection."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.headerregistry import Address
from ipaddress import ip_address
from pathlib import Path

import attrs
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from payments.adapters.notifiers.smtp import SmtpNotifier, SmtpServer
from payments.domain.errors import DeliveryFailed, MessageRefused
from payments.testing.contracts.notifier import payer_message
from tests.ports import free_port
from tests.serving import conversing

pytestmark = pytest.mark.anyio

SENDER = Address(addr_spec="shop@example.com")


def notifier_at(url: str, tls: ssl.SSLContext | None = None, budget_s: float = 5.0) -> SmtpNotifier:
    return SmtpNotifier(server=SmtpServer.of(url), sender=SENDER, tls=tls, budget_s=budget_s)


@attrs.define
class Script:
    """A mail server that answers each verb as told, and keeps what it heard."""

    greeting: str = "220 ready"
    answers: dict[str, str] = attrs.field(factory=dict)
    heard: list[str] = attrs.field(factory=list)

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        usual = {
            "EHLO": "250-mail.example.com\r\n250 AUTH PLAIN",
            "DATA": "354 go on",
            ".": "250 kept",
            "AUTH": "235 welcome",
            "QUIT": "221 bye",
        }
        writer.write(f"{self.greeting}\r\n".encode())
        within_data = False
        while line := (await reader.readline()).decode().rstrip("\r\n"):
            if within_data and line != ".":
                while (line := (await reader.readline()).decode().rstrip("\r\n")) != ".":
                    pass
            verb = line.split(" ")[0]
            self.heard.append(line)
            answer = self.answers.get(verb, usual.get(verb, "250 ok"))
            within_data = verb == "DATA" and answer.startswith("354")
            if answer == "hang up":
                break
            if answer == "silence":
                continue
            writer.write(f"{answer}\r\n".encode())
            if verb == "QUIT":
                break


@asynccontextmanager
async def scripted(script: Script, userinfo: str = "") -> AsyncIterator[SmtpNotifier]:
    async with conversing(script) as port:
        yield notifier_at(f"smtp://{userinfo}127.0.0.1:{port}", budget_s=3.0)


@pytest.mark.parametrize("verb", ["RCPT", "DATA", "."])
async def test_a_permanent_refusal_of_this_mail_parks_it(verb: str) -> None:
    async with scripted(Script(answers={verb: "550 5.1.1 nobody here"})) as notifier:
        with pytest.raises(MessageRefused, match="550"):
            await notifier.notify(payer_message())


@pytest.mark.parametrize("verb", ["RCPT", "DATA", "."])
async def test_a_passing_refusal_is_tried_again(verb: str) -> None:
    async with scripted(Script(answers={verb: "451 4.3.0 later"})) as notifier:
        with pytest.raises(DeliveryFailed, match="451"):
            await notifier.notify(payer_message())


@pytest.mark.parametrize(
    "script",
    [
        Script(greeting="554 no service here"),
        Script(greeting="421 too busy"),
        Script(answers={"MAIL": "553 you may not send as this"}),
        Script(answers={"AUTH": "535 wrong password"}),
        Script(answers={"MAIL": "hang up"}),
        Script(answers={".": "hang up"}),
        Script(answers={"RCPT": "gibberish"}),
        Script(answers={"RCPT": "554 5.7.1 <sara@shop.et>: Relay access denied"}),
        Script(
            answers={"RCPT": "553-5.7.1 <shop@example.com>: Sender address rejected\r\n553 5.7.1 not yours"}
        ),
        Script(answers={"RCPT": "530 Authentication required"}),
        Script(answers={".": "550 5.7.60 SMTP; Client does not have permissions to send as this sender"}),
        Script(answers={"DATA": "530 5.7.57 Client not authenticated to send mail"}),
    ],
    ids=[
        *("greeting 554", "greeting 421", "sender", "password", "hang up early", "hang up late", "gibberish"),
        *("relay", "sender, told late", "no password"),
        *("sender, told last", "no password, told last"),
    ],
)
async def test_trouble_of_ours_or_of_the_servers_never_parks_a_mail(script: Script) -> None:
    async with scripted(script, userinfo="us:secret@") as notifier:
        with pytest.raises(DeliveryFailed) as failed:
            await notifier.notify(payer_message())
    assert "secret" not in failed.value.detail


async def test_a_mail_that_was_taken_is_not_sent_again_because_nobody_says_goodbye() -> None:
    async with scripted(Script(answers={"QUIT": "silence"})) as notifier:
        await notifier.notify(payer_message())


async def test_a_refusal_counts_though_nobody_says_goodbye() -> None:
    async with scripted(Script(answers={"RCPT": "550 5.1.1 nobody here", "QUIT": "silence"})) as notifier:
        with pytest.raises(MessageRefused):
            await notifier.notify(payer_message())


async def test_a_refusal_counts_though_the_server_says_nothing_more() -> None:
    async with scripted(Script(answers={"RCPT": "550 5.1.1 nobody here", "RSET": "silence"})) as notifier:
        with pytest.raises(MessageRefused):
            await notifier.notify(payer_message())


async def test_a_silent_server_is_left_after_the_budget() -> None:
    async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with conversing(silence) as port:
        with pytest.raises(DeliveryFailed):
            await notifier_at(f"smtp://127.0.0.1:{port}", budget_s=0.2).notify(payer_message())


async def test_nobody_listening_is_an_outage() -> None:
    with pytest.raises(DeliveryFailed):
        await notifier_at(f"smtp://127.0.0.1:{free_port()}").notify(payer_message())


@pytest.mark.parametrize("address", ["አበበ@example.com", "abebe@bücher.example"])
async def test_an_address_most_servers_cannot_take_is_left_to_a_person(address: str) -> None:
    script = Script()
    async with scripted(script) as notifier:
        with pytest.raises(MessageRefused, match="address"):
            await notifier.notify(payer_message(to=address))
    assert script.heard == []


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate of 127.0.0.1 with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


def server_tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


async def test_smtps_speaks_tls_from_the_first_byte(certificate: Path) -> None:
    script = Script()
    trusting = ssl.create_default_context(cafile=certificate)
    async with conversing(script, server_tls(certificate)) as port:
        await notifier_at(f"smtps://us:p%40ss@127.0.0.1:{port}", trusting).notify(payer_message())
    assert "RCPT TO:<abebe@example.com>" in script.heard


async def test_a_certificate_nobody_vouches_for_stops_the_mail(certificate: Path) -> None:
    script = Script()
    async with conversing(script, server_tls(certificate)) as port:
        with pytest.raises(DeliveryFailed):
            await notifier_at(f"smtps://127.0.0.1:{port}").notify(payer_message())
    assert script.heard == []


async def test_starttls_is_a_condition_and_no_wish() -> None:
    script = Script()
    async with conversing(script) as port:
        with pytest.raises(DeliveryFailed):
            await notifier_at(f"smtp+starttls://us:secret@127.0.0.1:{port}").notify(payer_message())
    assert not any(line.startswith(("AUTH", "MAIL")) for line in script.heard)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mail.example.com", SmtpServer(host="mail.example.com", port=25, security="none")),
        ("smtp://[::1]:2525", SmtpServer(host="::1", port=2525, security="none")),
        (
            "smtp+starttls://us:p%40ss@mail.example.com",
            SmtpServer(
                host="mail.example.com", port=587, security="starttls", username="us", password="p@ss"
            ),
        ),
        ("smtps://mail.example.com", SmtpServer(host="mail.example.com", port=465, security="tls")),
    ],
)
def test_a_url_names_the_server(url: str, expected: SmtpServer) -> None:
    assert SmtpServer.of(url) == expected
    assert "p@ss" not in repr(SmtpServer.of(url))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mail.example.com",
        "http://mail.example.com",
        "smtp://",
        "smtp://us:s3cret@mail.example.com",
        "smtp://h:s3cret",
    ],
)
def test_a_url_of_another_form_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ValueError, match="smtps") as refused:
        SmtpServer.of(url)
    assert "s3cret" not in str(refused.value)
