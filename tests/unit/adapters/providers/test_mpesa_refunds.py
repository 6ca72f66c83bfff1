"""Sending money back (section 7, vector V5): what is asked for, and what the reports say."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from structlog.testing import capture_logs

from payments.adapters.environment import Environment
from payments.adapters.providers.mpesa import ReversalSettings, read_settings
from payments.adapters.providers.mpesa.callbacks import REVERSAL_REFUSALS
from payments.adapters.secret import Secret
from payments.application.ports.providers import (
    Callback,
    RefundAnswer,
    RefundOutcome,
    RefundQuestion,
    RefundRequest,
    Refunds,
)
from payments.application.records import Claim
from payments.domain.errors import GatewayError, OutcomeUnknown, ProviderRejected, ProviderUnavailable
from payments.domain.evidence import Mode
from payments.domain.money import Money
from tests.unit.adapters.providers.mpesa_account import (
    CALLBACK_URL,
    HTML,
    NAME,
    REFERENCE,
    SETTINGS,
    Account,
    Canned,
    account,
    error,
    said,
)

pytestmark = pytest.mark.anyio

# On prime192v3, a curve that our library does not know.
UNKNOWN_CURVE = """\
-----BEGIN CERTIFICATE-----
MIIBTjCCAQOgAwIBAgIUUaAH5zYZQF9J2UkJOgI/+TegoDEwCgYIKoZIzj0EAwIw
DDEKMAgGA1UEAwwBeDAeFw0yNjExMjkxMzE4MjVaFw0yNjEyMDkxMzE4MjVaMAwx
CjAIBgNVBAMMAXgwSTATBgcqhkjOPQIBBggqhkjOPQMBAwMyAAQb5L4in2Y2fUbG
dFc+jh4QKlWXafvYH3DDFdlNow0GhUH4lQTrXSO1mQE1wJ4lwRSjUzBRMB0GA1Ud
DgQWBBRJ66BKjV8g4IEzKbX+HsJW/0SO1jAfBgNVHSMEGDAWgBRJ66BKjV8g4IEz
KbX+HsJW/0SO1jAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCAzkAMDYCGQDy
2IQEsMOin3W2IhgO5P0VnN2ADC/J6iECGQDHoZfaY0WkEOmPHAkrWUfZ1avKOn9a
MGs=
-----END CERTIFICATE-----
"""

PASSWORD = "Safaricom111!"
CONVERSATION = "AG_20210706_20106e9209f64bebd05b"
AMOUNT = Money.of("200.00", "KES")
REQUEST = RefundRequest(
    reference="r-abcdefghijklmnopqrstuvwxyz",
    attempt=REFERENCE,
    capture_key=NAME,
    receipt="NLJ7RT61SV",
    amount=AMOUNT,
    captured=AMOUNT,
    reason="Broken <on> arrival",
    callback_url=CALLBACK_URL,
)
QUESTION = RefundQuestion(
    reference=REQUEST.reference,
    attempt=REFERENCE,
    capture_key=NAME,
    receipt="NLJ7RT61SV",
    amount=AMOUNT,
    provider_reference=CONVERSATION,
    requested_at=datetime(2026, 1, 5, tzinfo=UTC),
    known=frozenset(),
)
ACCEPTED = said(
    200,
    {
        "OriginatorConversationID": "f1e2-4b95-a71d-b30d3cdbb7a7735297",
        "ConversationID": CONVERSATION,
        "ResponseCode": "0",
        "ResponseDescription": "Accept the service request successfully.",
    },
)


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module")
def certificate(key: rsa.RSAPrivateKey) -> str:
    """One that ran out long ago, as those in circulation did."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "apicrypt.example")])
    began = datetime(2015, 1, 1, tzinfo=UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(began)
        .not_valid_after(began + timedelta(days=365))
        .sign(key, hashes.SHA256())
    )
    return built.public_bytes(Encoding.PEM).decode()


def reversing(
    certificate: str, *answers: Canned | Callable[[httpx.Request], Canned]
) -> tuple[Account, Refunds]:
    reversals = ReversalSettings(initiator="apiuser", password=Secret(PASSWORD), certificate=certificate)
    opened = account(*answers, settings=attrs.evolve(SETTINGS, reversals=reversals))
    assert opened.provider.refunds is not None
    return opened, opened.provider.refunds


async def test_the_receipt_is_reversed_whole_and_both_reports_come_to_its_own_address(
    certificate: str, key: rsa.RSAPrivateKey
) -> None:
    opened, refunds = reversing(certificate, ACCEPTED)
    answer = await refunds.request(REQUEST)
    assert answer == RefundAnswer(
        outcome=RefundOutcome.PENDING, word="accepted", provider_reference=CONVERSATION
    )
    (sent,) = opened.sent
    credential = sent.pop("SecurityCredential")
    assert sent == {
        "Initiator": "apiuser",
        "CommandID": "TransactionReversal",
        "TransactionID": "NLJ7RT61SV",
        "Amount": "200",
        "ReceiverParty": "174379",
        "RecieverIdentifierType": "11",
        "ResultURL": CALLBACK_URL,
        "QueueTimeOutURL": CALLBACK_URL,
        "Remarks": "Broken on arrival",
        "Occasion": "",
    }
    assert len(credential) == 344
    assert key.decrypt(base64.b64decode(credential), PKCS1v15()) == PASSWORD.encode()


async def test_the_sealed_password_is_new_each_time_and_repeated_to_nobody(certificate: str) -> None:
    def repeats(request: httpx.Request) -> Canned:
        return error(400, "400.002.02", f"Bad Request - {json.loads(request.content)['SecurityCredential']}")

    opened, refunds = reversing(certificate, repeats, repeats)
    told = []
    for _ in range(2):
        with pytest.raises(ProviderRejected) as refusal, capture_logs() as lines:
            await refunds.request(REQUEST)
        told.append(f"{refusal.value!r} {refusal.value.__dict__} {lines}")
    first, second = (sent["SecurityCredential"] for sent in opened.sent)
    assert first != second
    assert not [sealed for sealed in (first, second) if sealed in str(told)]
    assert "Bad Request" in str(told)


def test_without_an_initiator_nobody_can_reverse() -> None:
    assert account().provider.refunds is None


@pytest.mark.parametrize(
    "changed",
    [
        {"receipt": None},
        {"receipt": "ws_CO_260520250949"},
        {"receipt": "as the portal has it"},
        {"callback_url": None},
        {"amount": Money.of("100.00", "KES")},
        {"amount": Money.of("200.50", "KES"), "captured": Money.of("200.50", "KES")},
    ],
)
async def test_what_daraja_could_only_refuse_is_not_sent(certificate: str, changed: dict[str, Any]) -> None:
    opened, refunds = reversing(certificate)
    with pytest.raises(ProviderRejected):
        await refunds.request(attrs.evolve(REQUEST, **changed))
    assert opened.requests == []


async def test_what_was_paid_before_the_most_was_lowered_can_be_sent_back(certificate: str) -> None:
    reversals = ReversalSettings(initiator="apiuser", password=Secret(PASSWORD), certificate=certificate)
    opened = account(ACCEPTED, settings=attrs.evolve(SETTINGS, most_shillings=150, reversals=reversals))
    assert opened.provider.refunds is not None
    await opened.provider.refunds.request(REQUEST)
    assert [sent["Amount"] for sent in opened.sent] == ["200"]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (error(400, "400.002.02", "Bad Request - Invalid RecieverIdentifierType"), ProviderRejected),
        (error(500, "500.003.02", "System is busy"), ProviderUnavailable),
        (error(500, "500.001.1001", ""), OutcomeUnknown),
        (said(200, {"ResponseCode": "0"}), OutcomeUnknown),
        (said(200, {"ResponseCode": "1"}), OutcomeUnknown),
        (HTML, OutcomeUnknown),
    ],
)
async def test_a_reversal_is_sent_once_whatever_is_answered(
    certificate: str, answer: Canned, kind: type[GatewayError]
) -> None:
    opened, refunds = reversing(certificate, answer)
    with pytest.raises(kind):
        await refunds.request(REQUEST)
    assert len(opened.requests) == 1


def report(claim: Claim, word: str, **more: Any) -> Callback:
    usual = Callback(claim=claim, word=word, provider_reference=CONVERSATION, amount=AMOUNT)
    return attrs.evolve(usual, **more)


DONE = report(Claim.RETURNED, "0", receipt="SKE52PAWR9")
REFUSED = report(Claim.FAILED, "1", amount=None)


@pytest.mark.parametrize(
    ("reports", "outcome"),
    [
        ((), RefundOutcome.PENDING),
        ((DONE,), RefundOutcome.SUCCEEDED),
        ((REFUSED, DONE), RefundOutcome.SUCCEEDED),
        ((DONE, REFUSED), RefundOutcome.SUCCEEDED),
        ((REFUSED,), RefundOutcome.FAILED),
        ((report(Claim.OTHER, "R000001", amount=None),), RefundOutcome.NOTHING),
        ((report(Claim.OTHER, "unreadable", provider_reference=None, amount=None),), RefundOutcome.NOTHING),
        ((report(Claim.RETURNED, "0", amount=Money.of("1.00", "KES")),), RefundOutcome.PENDING),
        ((report(Claim.RETURNED, "0", provider_reference="AG_other"),), RefundOutcome.PENDING),
        ((report(Claim.PAID, "0"),), RefundOutcome.NOTHING),
    ],
)
async def test_a_reversal_is_as_far_as_its_own_reports_say(
    certificate: str, reports: tuple[Callback, ...], outcome: RefundOutcome
) -> None:
    opened, refunds = reversing(certificate)
    answer = await refunds.check(attrs.evolve(QUESTION, reports=reports))
    assert answer.outcome is outcome
    assert opened.requests == []


@pytest.mark.parametrize("reports", [(), (report(Claim.OTHER, "R000001", amount=None),)])
async def test_a_reversal_that_m_pesa_took_on_and_reports_no_end_of_for_a_day_is_for_a_person(
    certificate: str, reports: tuple[Callback, ...]
) -> None:
    opened, refunds = reversing(certificate)
    now = opened.clock.now()
    young = attrs.evolve(QUESTION, reports=reports, requested_at=now - timedelta(hours=23))
    assert (await refunds.check(young)).outcome is not RefundOutcome.NEEDS_ATTENTION

    answer = await refunds.check(attrs.evolve(young, requested_at=now - timedelta(hours=24)))

    assert answer.outcome is RefundOutcome.NEEDS_ATTENTION
    assert "portal" in answer.detail
    assert opened.requests == []


async def test_a_report_finds_the_reversal_whose_answer_was_lost(certificate: str) -> None:
    _, refunds = reversing(certificate)
    lost = attrs.evolve(QUESTION, provider_reference=None)
    assert (await refunds.check(lost)).outcome is RefundOutcome.NOT_FOUND
    answer = await refunds.check(attrs.evolve(lost, reports=(DONE,)))
    assert (answer.outcome, answer.provider_reference) == (RefundOutcome.SUCCEEDED, CONVERSATION)
    known = attrs.evolve(lost, reports=(DONE,), known=frozenset({CONVERSATION}))
    assert (await refunds.check(known)).outcome is RefundOutcome.NOT_FOUND


@pytest.mark.parametrize(("code", "detail"), REVERSAL_REFUSALS.items())
async def test_every_refusal_is_explained_to_the_shop(certificate: str, code: str, detail: str) -> None:
    _, refunds = reversing(certificate)
    answer = await refunds.check(attrs.evolve(QUESTION, reports=(report(Claim.FAILED, code, amount=None),)))
    assert (answer.outcome, answer.detail) == (RefundOutcome.FAILED, detail)


@pytest.mark.parametrize(("length", "refused"), [(245, False), (246, True)])
def test_an_initiators_password_has_to_fit_the_key_it_is_sealed_with(
    certificate: str,
    length: int,
    refused: bool,  # noqa: FBT001 -- a column of the table
) -> None:
    given = {
        "PAYMENTS_MPESA_INITIATOR": "apiuser",
        "PAYMENTS_MPESA_INITIATOR_PASSWORD": "x" * length,
        "PAYMENTS_MPESA_CERTIFICATE": certificate,
    }
    environment = Environment(given)
    read_settings(environment, Mode.TEST)
    assert environment.refused("MPESA_INITIATOR_PASSWORD") is refused


def test_a_certificate_whose_key_nobody_here_knows_is_refused_in_a_sentence() -> None:
    given = {
        "PAYMENTS_MPESA_INITIATOR": "apiuser",
        "PAYMENTS_MPESA_INITIATOR_PASSWORD": PASSWORD,
        "PAYMENTS_MPESA_CERTIFICATE": UNKNOWN_CURVE,
    }
    environment = Environment(given)
    read_settings(environment, Mode.TEST)
    assert environment.refused("MPESA_CERTIFICATE")
