"""Reading variables: each kind, what it refuses, and that one look finds every mistake."""

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.adapters.environment import Environment
from payments.adapters.secret import Secret
from payments.adapters.web_addresses import without_password


def environment(*, live: bool = False, **variables: str) -> Environment:
    return Environment({f"PAYMENTS_{name}": value for name, value in variables.items()}, live)


def complaints(read: Environment) -> dict[str, str]:
    return {mistake.pointer: mistake.detail for mistake in read.mistakes}


def test_a_text_loses_its_blanks_and_an_empty_one_is_the_default() -> None:
    read = environment(A="  x y ", B="  ")
    assert (read.text("A"), read.text("B", "z"), read.text("C", "z")) == ("x y", "z", "z")
    assert [(row.name, row.shown, row.source) for row in read.rows] == [
        ("A", "x y", "environment"),
        ("B", "z", "default"),
        ("C", "z", "default"),
    ]


def test_a_choice_ignores_case_and_says_what_there_is() -> None:
    read = environment(A="LIVE", B="prod")
    choices = {"sandbox": 1, "live": 2}
    assert (read.choice("A", choices, "sandbox"), read.choice("B", choices, "sandbox")) == (2, 1)
    assert complaints(read) == {"PAYMENTS_B": "'prod' is none of sandbox, live."}


def test_a_switch_is_on_or_off() -> None:
    read = environment(A="on", B="FALSE", C="perhaps")
    assert [read.switch(name, default=True) for name in "ABCD"] == [True, False, True, True]
    assert list(complaints(read)) == ["PAYMENTS_C"]


@pytest.mark.parametrize("text", ["0", "11", "-1", "1.5", "1e1", "٣", "x", "1" * 30])
def test_a_whole_number_keeps_its_bounds(text: str) -> None:
    read = environment(A=text)
    assert read.whole_number("A", 5, least=1, most=10) == 5
    assert complaints(read) == {"PAYMENTS_A": "Use a whole number from 1 to 10."}


def test_a_port_that_kubernetes_wrote_is_explained() -> None:
    read = environment(PORT="tcp://10.0.0.7:80")
    read.whole_number("PORT", 8000, least=1, most=65535)
    assert "enableServiceLinks" in complaints(read)["PAYMENTS_PORT"]


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("90s", timedelta(seconds=90)),
        ("5m", timedelta(minutes=5)),
        ("72H", timedelta(hours=72)),
        ("3d", timedelta(3)),
    ],
)
def test_a_duration_has_its_unit(text: str, span: timedelta) -> None:
    assert environment(A=text).duration("A", timedelta(1)) == span


@pytest.mark.parametrize("text", ["72", "0s", "-1h", "1.5h", "1 h", "h", "36501d", "9999999d"])
def test_a_duration_without_a_meaning_is_refused(text: str) -> None:
    read = environment(A=text)
    assert read.duration("A", timedelta(hours=1)) == timedelta(hours=1)
    assert "72h" in complaints(read)["PAYMENTS_A"]


@given(st.timedeltas(min_value=timedelta(seconds=1), max_value=timedelta(days=100)))
def test_a_default_duration_is_one_that_can_be_written(span: timedelta) -> None:
    whole = timedelta(seconds=int(span.total_seconds()))
    read = environment()
    assert read.duration("A", whole) == whole
    assert environment(A=read.rows[0].shown).duration("A", timedelta(1)) == whole


@pytest.mark.parametrize(
    "address",
    [
        "pay.example.com",
        "ftp://pay.example.com",
        "https://",
        "https:///path",
        "https://user:password@pay.example.com",
        "https://pay.example.com/?a=b",
        "https://pay.example.com/#top",
        "https://user:password/1@pay.example.com",
        "https://user:password?1@pay.example.com",
        "https://user:password\u2100@pay.example.com",
        "https://pay.example.com:port/",
        "https://pay.example.com:99999/",
        "https://pay.example.com/a b",
        "https://pay.example.com\\@elsewhere.example/",
    ],
)
def test_an_address_that_is_no_base_is_refused_without_repeating_it(address: str) -> None:
    read = environment(A=address)
    assert read.url("A", "http://default.example") == "http://default.example"
    assert "https://pay.example.com." in complaints(read)["PAYMENTS_A"]
    assert "password" not in complaints(read)["PAYMENTS_A"].replace("name or password", "")


def test_a_base_address_ends_without_a_slash_and_live_mode_wants_https() -> None:
    assert environment(A="http://127.0.0.1:8000/chapa/").url("A") == "http://127.0.0.1:8000/chapa"
    read = environment(live=True, A="http://pay.shop.et", B="shop=http://shop.et/,app=https://app.shop.et/")
    read.url("A")
    assert read.urls("B") == {"app": "https://app.shop.et/"}
    assert list(complaints(read)) == ["PAYMENTS_A", "PAYMENTS_B"]


@pytest.mark.parametrize("host", ["pay.shop.et\u200b", "256.1.1.1", "[v1.x]", "pay.٣.et"], ids=range(4))
def test_a_host_that_no_client_can_call_is_refused(host: str) -> None:
    read = environment(A=f"https://{host}/pay", B=f"shop=https://{host}/paid")
    assert (read.url("A"), read.urls("B")) == ("", {})
    assert complaints(read)["PAYMENTS_A"].startswith("Its host is no name and no address")
    assert host not in str(read.mistakes)


@pytest.mark.parametrize("host", ["pay_svc:8000", "bücher.example", "[::1]:8000", "pay.shop.et.", "10.0.0.7"])
def test_a_host_that_clients_can_call_is_taken(host: str) -> None:
    read = environment(A=f"http://{host}")
    assert (read.url("A"), read.mistakes) == (f"http://{host}", [])


def test_the_usual_port_is_left_out_as_browsers_leave_it_out() -> None:
    read = environment(A="https://pay.shop.et:443/pay/", B="http://[::1]:80", C="https://pay.shop.et:80")
    assert read.url("A") == "https://pay.shop.et/pay"
    assert (read.url("B"), read.url("C")) == ("http://[::1]", "https://pay.shop.et:80")


def test_scheme_and_host_are_read_as_browsers_write_them() -> None:
    read = environment(A="HTTPS://Pay.Shop.ET:8443/Pay/", B="shop=Https://Shop.ET/Paid?To=You")
    assert read.url("A") == "https://pay.shop.et:8443/Pay"
    assert read.urls("B") == {"shop": "https://shop.et/Paid?To=You"}


def test_addresses_have_keys_and_keep_their_order() -> None:
    read = environment(A="shop=https://shop.et/paid?a=1,b=2, app=https://app.shop.et/x\n web=http://w.et/")
    assert list(read.urls("A").items()) == [
        ("shop", "https://shop.et/paid?a=1,b=2"),
        ("app", "https://app.shop.et/x"),
        ("web", "http://w.et/"),
    ]
    assert read.mistakes == []


@pytest.mark.parametrize(
    "text",
    [
        "https://shop.et/",
        "a b=https://shop.et/",
        "shop=",
        "a=https://x.et/ a=https://y.et/",
        "a=javascript:x",
        "a=https://x.et/,b=ftp://y.et/",
        "a=https://x.et/,a=HTTPS://y.et/",
    ],
)
def test_addresses_that_cannot_be_named_are_refused(text: str) -> None:
    read = environment(A=text)
    read.urls("A")
    assert list(complaints(read)) == ["PAYMENTS_A"]


def test_a_secret_comes_from_the_variable_or_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(" from the file\n")
    read = environment(A=" direct ", B_FILE=str(path))
    assert (read.secret("A"), read.secret("B"), read.secret("C")) == (
        Secret("direct"),
        Secret("from the file"),
        None,
    )
    assert [(row.shown, row.source) for row in read.rows] == [
        ("set, 6 bytes", "environment"),
        ("set, 13 bytes", "file"),
        ("", "default"),
    ]


def test_a_file_that_is_no_secret_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "large").write_text("x" * 100_000)
    names = {"A": "absent", "B": "empty", "C": "binary", "D": "large", "E": "."}
    read = Environment({f"PAYMENTS_{name}_FILE": str(tmp_path / file) for name, file in names.items()})
    assert [read.secret(name) for name in names] == [None] * 5
    assert list(complaints(read)) == [f"PAYMENTS_{name}_FILE" for name in names]


def test_a_secret_set_twice_or_empty_is_refused(tmp_path: Path) -> None:
    read = environment(A="x", A_FILE=str(tmp_path), B=" ")
    assert (read.secret("A"), read.secret("B")) == (None, None)
    assert list(complaints(read)) == ["PAYMENTS_A", "PAYMENTS_B"]


def test_secrets_are_a_list_and_one_with_a_comma_is_quoted() -> None:
    read = environment(A="one, two words", B='["a, b", "c"]')
    assert [secret.reveal() for secret in read.secrets("A")] == ["one", "two words"]
    assert [secret.reveal() for secret in read.secrets("B")] == ["a, b", "c"]
    assert read.secrets("C") == ()
    assert read.mistakes == []


@pytest.mark.parametrize("text", ["a,,b", "a,a", "[1]", '["a"', '{"a":1}, ', '["a", ""]'])
def test_a_list_of_secrets_that_cannot_be_meant_is_refused(text: str) -> None:
    read = environment(A=text)
    read.secrets("A")
    assert list(complaints(read)) == ["PAYMENTS_A"]


@pytest.mark.parametrize(
    "weak",
    [
        "feeble",
        "x" * 40,
        "abcabcabcabcabcabcabcabcabc",
        "please-change-me-before-going-live-1",
        "CHANGEME-0123456789abcdef",
        "demo-signing-secret-9f8e7d6c5b",
        "chapa-webhook-secret-0123456789",
        "your-secret-goes-here-0123456789",
    ],
)
def test_live_mode_refuses_a_weak_secret_and_the_sandbox_does_not(weak: str) -> None:
    read = environment(live=True, A=weak, B=f"{weak},9fK2mQ7xLw4TzB8vRn3PdH6s")
    read.secret("A")
    read.secrets("B")
    assert list(complaints(read)) == ["PAYMENTS_A", "PAYMENTS_B"]
    assert all(weak not in detail for detail in complaints(read).values())
    read = environment(A=weak)
    read.secret("A")
    assert read.mistakes == []


def test_a_variable_that_nothing_reads_is_shown_with_what_it_may_have_meant() -> None:
    read = environment(CHAPA_SECRET_KEY="x", CHAPA_SECRT_KEY="typed-wrong", SERVICE_HOST="10.0.0.7")
    read.secret("CHAPA_SECRET_KEY")
    assert [(row.name, row.shown) for row in read.unknown()] == [
        ("CHAPA_SECRT_KEY", "no such setting; did you mean PAYMENTS_CHAPA_SECRET_KEY?"),
        ("SERVICE_HOST", "no such setting"),
    ]


def test_a_file_is_no_setting_where_nothing_reads_one() -> None:
    read = environment(AUTH_KEY_FILE="/run/secrets/key", AUTH_ISSUER_FILE="/run/secrets/issuer")
    read.secret("AUTH_KEY")
    read.text("AUTH_ISSUER")
    assert [row.name for row in read.unknown()] == ["AUTH_ISSUER_FILE"]


def test_neither_secret_nor_reader_shows_what_it_holds() -> None:
    read = environment(A="hidden-value")
    secret = read.secret("A")
    for shown in (repr(secret), str(secret), f"{secret}", f"{secret!r:>40}", repr([secret]), repr(read)):
        assert "hidden-value" not in shown
    assert secret is not None
    assert secret.reveal() == "hidden-value"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgresql://u:p@h/db", "postgresql://u:********@h/db"),
        (
            "postgresql://u:p@1@h1:5432,h2/db?x=1&password=p",
            "postgresql://u:********@h1:5432,h2/db?x=1&password=********",
        ),
        ("smtp://u:p%40@mail.shop.et:587", "smtp://u:********@mail.shop.et:587"),
        ("smtp://u:p/1@mail.shop.et:587", "smtp://u:********@mail.shop.et:587"),
        ("postgresql://u:p?#1@h/db", "postgresql://u:********@h/db"),
        (
            "postgresql://h/db?sslkey=k&sslpassword=p&x=1",
            "postgresql://h/db?sslkey=k&sslpassword=********&x=1",
        ),
        ("postgresql://h1:1,h2:2/db?user=a@b", "postgresql://h1:1,h2:2/db?user=a@b"),
        ("postgresql://[::1]:5432/db?user=a@b", "postgresql://[::1]:5432/db?user=a@b"),
        ("sqlite:///payments.db", "sqlite:///payments.db"),
        ("postgresql://h1:5432,h2/db?x=1", "postgresql://h1:5432,h2/db?x=1"),
        # Not encoded as it should be, and secret all the same. What only looks like one is masked, too.
        ("postgresql://u:p#1@h/db", "postgresql://u:********@h/db"),
        ("postgresql://u:p/?#1@h/db", "postgresql://u:********@h/db"),
        ("postgresql://u:1/p@h/db", "postgresql://u:********@h/db"),
    ],
)
def test_an_address_is_shown_without_its_password(address: str, shown: str) -> None:
    assert without_password(address) == shown
