"""The demonstration as scripts and newcomers meet it."""

import base64
import json
import shlex
import stat
import time
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from payments.entrypoints.cli import exit_code
from tests.e2e.demo.conftest import Demonstration, address_in
from tests.e2e.programs import finished, payments
from tests.ports import free_port

PATIENT: Final[dict[str, Any]] = {"trust_env": False, "timeout": 60.0}
"""On a busy machine an answer takes longer than the five seconds that httpx waits by itself."""


def get(url: str, **headers: str) -> httpx.Response:
    return httpx.get(url, headers=headers, **PATIENT)


def told(demonstration: Demonstration) -> Any:
    return get(f"{demonstration.url}/demo.json").raise_for_status().json()


def wait_until_paid(url: str, order_id: str) -> Any:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        orders = get(f"{url}/demo.json").json()["orders"]
        order = next(order for order in orders if order["id"] == order_id)
        if order["payment_status"] == "paid":
            return order
        time.sleep(0.05)
    raise AssertionError(f"{order_id} never became paid")


def test_demo_json_tells_a_script_all_it_needs(demonstration: Demonstration) -> None:
    document = told(demonstration)
    url = demonstration.url
    assert list(document) == [
        "token",
        "operator_token",
        "collector_token",
        "api",
        "console",
        "orders",
        "simulators",
        "credentials",
    ]
    assert document["api"] == url
    assert document["console"] == f"{url}/console/"
    assert document["simulators"] == {
        "chapa": f"{url}/simulators/chapa",
        "paystack": f"{url}/simulators/paystack",
        "mpesa": f"{url}/simulators/mpesa",
        "orders": f"{url}/simulators/orders",
        "mailbox": f"{url}/simulators/mailbox",
    }
    assert document["credentials"]["chapa"]["secret_key"].startswith("CHASECK_TEST-")
    # With it a script can sign a notice of its own, as Chapa would.
    assert len(document["credentials"]["chapa"]["webhook_secret"]) >= 24
    assert document["credentials"]["paystack"]["secret_key"].startswith("sk_test_")
    assert set(document["credentials"]["mpesa"]) == {
        "consumer_key",
        "consumer_secret",
        "shortcode",
        "passkey",
    }
    orders = {order["id"]: order for order in document["orders"]}
    assert (orders["order_1001"]["amount"], orders["order_1001"]["currency"]) == ("1000.00", "ETB")
    assert {order["currency"] for order in document["orders"]} >= {"ETB", "USD", "KES", "NGN", "GHS"}
    assert "order_foreign" not in orders


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/docs",
        "/openapi.json",
        "/livez",
        "/readyz",
        "/metrics",
        "/shop/orders/order_1001",
        "/shop/assets/shop.css",
        "/simulators",
        "/shop/collector",
        "/simulators/chapa/",
        "/simulators/paystack/",
        "/simulators/mpesa/",
        "/simulators/mpesa/phone/",
        "/simulators/orders/",
        "/simulators/mailbox/",
    ],
)
def test_everything_the_banner_names_answers(demonstration: Demonstration, path: str) -> None:
    answer = httpx.get(f"{demonstration.url}{path}", follow_redirects=True, **PATIENT)
    assert answer.status_code == 200
    assert answer.content


def test_the_printed_request_opens_a_checkout_that_a_script_can_pay(demonstration: Demonstration) -> None:
    line = next(line for line in demonstration.program.output.splitlines() if line.startswith("curl "))
    words = shlex.split(line)
    url = next(word for word in words if word.startswith("http"))
    headers = dict(words[i + 1].split(": ", 1) for i, word in enumerate(words) if word == "-H")
    assert words[words.index("-X") + 1] == "POST"
    answer = httpx.post(url, content=words[words.index("-d") + 1], headers=headers, **PATIENT)
    checkout = answer.raise_for_status().json()
    assert checkout["checkout_url"].startswith(f"{demonstration.url}/simulators/chapa/")
    chapa = told(demonstration)["simulators"]["chapa"]
    httpx.post(f"{chapa}/_sim/transactions/{checkout['reference']}/pay", **PATIENT).raise_for_status()
    wait_until_paid(demonstration.url, "order_1001")


def test_a_third_party_client_of_chapa_can_use_the_simulator(demonstration: Demonstration) -> None:
    document = told(demonstration)
    answer = httpx.post(
        f"{document['simulators']['chapa']}/v1/transaction/initialize",
        json={"amount": "100", "currency": "ETB", "tx_ref": "somebody-elses-shop-1"},
        headers={"authorization": f"Bearer {document['credentials']['chapa']['secret_key']}"},
        **PATIENT,
    )
    assert answer.raise_for_status().json()["status"] == "success"


def test_a_third_party_client_of_paystack_can_use_the_simulator(demonstration: Demonstration) -> None:
    document = told(demonstration)
    paystack, key = document["simulators"]["paystack"], document["credentials"]["paystack"]["secret_key"]
    begun = httpx.post(
        f"{paystack}/transaction/initialize",
        json={"email": "ada@shop.ng", "amount": "50000", "currency": "NGN"},
        headers={"authorization": f"Bearer {key}"},
        **PATIENT,
    )
    data = begun.raise_for_status().json()["data"]
    assert data["authorization_url"].startswith(f"{paystack}/")
    asked = get(f"{paystack}/transaction/verify/{data['reference']}", authorization=f"Bearer {key}")
    assert asked.json()["data"]["status"] == "abandoned"
    refused = get(f"{paystack}/transaction/verify/{data['reference']}", authorization="Bearer sk_test_other")
    assert refused.status_code == 401


def test_a_third_party_client_of_daraja_can_use_the_simulator(demonstration: Demonstration) -> None:
    document = told(demonstration)
    mpesa, ours = document["simulators"]["mpesa"], document["credentials"]["mpesa"]
    token = httpx.get(
        f"{mpesa}/oauth/v1/generate",
        params={"grant_type": "client_credentials"},
        auth=(ours["consumer_key"], ours["consumer_secret"]),
        **PATIENT,
    )
    timestamp = "20261128120000"
    password = f"{ours['shortcode']}{ours['passkey']}{timestamp}".encode()
    pushed = httpx.post(
        f"{mpesa}/mpesa/stkpush/v1/processrequest",
        json={
            "BusinessShortCode": ours["shortcode"],
            "Password": base64.b64encode(password).decode(),
            "Timestamp": timestamp,
            "TransactionType": "CustomerPayBillOnline",
            "Amount": 10,
            "PartyA": "254712000999",
            "PartyB": ours["shortcode"],
            "PhoneNumber": "254712000999",
            "CallBackURL": f"{demonstration.url}/somebody-elses-shop/",
            "AccountReference": "tea",
            "TransactionDesc": "tea",
        },
        headers={"authorization": f"Bearer {token.raise_for_status().json()['access_token']}"},
        **PATIENT,
    )
    assert pushed.raise_for_status().json()["ResponseCode"] == "0"
    assert "254712000999" in get(f"{mpesa}/phone/").text


def test_real_keys_are_ignored_and_named_without_their_values(demonstration: Demonstration) -> None:
    output = demonstration.program.output
    assert "Ignored here: PAYMENTS_CHAPA_SECRET_KEY, PAYMENTS_ORDERS_URL." in output
    assert "really-live" not in output + demonstration.program.complaints
    assert "really-live" not in (demonstration.state / "env").read_text(encoding="utf-8")


def test_secrets_are_readable_by_their_owner_alone(demonstration: Demonstration) -> None:
    for name in ("secrets.json", "env"):
        assert stat.S_IMODE((demonstration.state / name).stat().st_mode) == 0o600
    secrets = json.loads((demonstration.state / "secrets.json").read_text(encoding="utf-8"))
    shown = set(get(f"{demonstration.url}/").text.split()) | set(demonstration.program.output.split())
    assert not [value for value in secrets.values() if value in shown]


def test_the_next_command_of_the_banner_finds_every_promise_kept(demonstration: Demonstration) -> None:
    variables = dict(
        shlex.split(line)[0].split("=", 1)
        for line in (demonstration.state / "env").read_text(encoding="utf-8").splitlines()
    )
    check = finished("check", "--json", cwd=demonstration.state, variables=variables)
    assert json.loads(check.stdout) == {"ok": True, "violations": []}
    assert check.returncode == 0


def test_a_page_elsewhere_cannot_reach_it_by_another_name(demonstration: Demonstration) -> None:
    for host in ("evil.example", "127.0.0.1.evil.example", "", "[::1"):
        assert get(f"{demonstration.url}/demo.json", host=host).status_code in {400, 421}
    port = demonstration.url.rpartition(":")[2]
    assert get(f"{demonstration.url}/livez", host=f"localhost:{port}").status_code == 200


@pytest.mark.parametrize(
    "path", ["/shop/orders/order_1002/pay", "/shop/collector/record", "/shop/collector/handover"]
)
def test_a_form_on_another_page_does_nothing(demonstration: Demonstration, path: str) -> None:
    for origin in ("http://evil.example", "null"):
        answer = httpx.post(
            f"{demonstration.url}{path}",
            data={"provider": "chapa", "order_id": "order_1002"},
            headers={"origin": origin},
            **PATIENT,
        )
        assert answer.status_code == 403


def test_a_second_demonstration_on_the_same_port_or_state_is_refused(
    demonstration: Demonstration, capsys: pytest.CaptureFixture[str]
) -> None:
    port = demonstration.url.rpartition(":")[2]
    assert exit_code(["demo", "--port", port]) == 78
    assert f"Port {port} on 127.0.0.1 cannot be used" in capsys.readouterr().err
    for more in ([], ["--fresh"]):
        assert exit_code(["demo", "--port", "0", "--state", str(demonstration.state), *more]) == 69
        assert "Another demonstration runs on" in capsys.readouterr().err
    assert (demonstration.state / "payments.db").exists()


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_nothing_real_is_ever_demonstrated(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(["demo", "--port", "0", "--host", "0.0.0.0"]) == 78  # noqa: S104 -- what must be refused
    assert "for this machine alone" in capsys.readouterr().err
    monkeypatch.setenv("PAYMENTS_MODE", "LIVE")
    assert exit_code(["demo", "--port", "0"]) == 78
    assert "moves no real money" in capsys.readouterr().err
    assert list(elsewhere.iterdir()) == []


@pytest.mark.stories
def test_state_survives_a_restart_until_it_is_told_to_start_over(tmp_path: Path) -> None:
    port = str(free_port())
    with payments("demo", "--port", port, cwd=tmp_path) as program:
        url = address_in(program.wait_for("--fresh starts over."))
        document = get(f"{url}/demo.json").json()
        as_user = {"authorization": f"Bearer {document['token']}"}
        checkout = httpx.post(
            f"{url}/payments/initiate/order_1002/",
            json={"provider": "chapa"},
            headers=as_user,
            **PATIENT,
        ).json()
        httpx.post(
            f"{url}/simulators/chapa/_sim/transactions/{checkout['reference']}/pay", **PATIENT
        ).raise_for_status()
        wait_until_paid(url, "order_1002")
        assert program.stop() == 0
        assert program.complaints == ""
    with payments("demo", "--port", port, cwd=tmp_path) as program:
        program.wait_for("--fresh starts over.")
        assert wait_until_paid(url, "order_1002")["payment_status"] == "paid"
        again = httpx.post(
            f"{url}/payments/initiate/order_1002/",
            json={"provider": "chapa"},
            headers=as_user,
            **PATIENT,
        )
        assert (again.status_code, again.json()["error"]) == (400, "Payment already processed")
        assert program.stop() == 0
    with payments("demo", "--port", port, "--fresh", cwd=tmp_path) as program:
        program.wait_for("--fresh starts over.")
        orders = get(f"{url}/demo.json").json()["orders"]
        assert {order["payment_status"] for order in orders} == {None}
        assert httpx.get(f"{url}/payments/", headers=as_user, **PATIENT).status_code == 401
