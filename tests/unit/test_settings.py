"""The settings as one value: what is read, what is refused, and that every mistake is said at once."""

import base64
from datetime import timedelta
from pathlib import Path

import pytest

from payments.adapters.providers.chapa import ChapaSettings
from payments.adapters.secret import Secret
from payments.application.retention import Retention
from payments.domain.errors import ConfigurationInvalid
from payments.domain.evidence import Mode
from payments.domain.money import Money
from payments.domain.refund_rules import RefundRules, SurplusPolicy
from payments.settings import AuthSettings, HttpSettings, LoggingSettings, MailSettings, Settings

TEST_KEY = "CHASECK_TEST-" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7"
LIVE_KEY = "CHASECK-" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7"
STRONG = "9fK2mQ7xLw4TzB8vRn3PdH6sYc5JgA1u"
PASSWORD = "Kq7wZt4mLx9s"
SIGNING = "whsec_YUIzZEU2Z0g5aksybU41cFE4c1QxdlcB"
PEM = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n-----END PUBLIC KEY-----\n"

LIVE = {
    "PAYMENTS_MODE": "live",
    "PAYMENTS_DATABASE_URL": f"postgresql://pay:{PASSWORD}@db1:5432,db2:5432/payments?sslmode=verify-full",
    "PAYMENTS_PUBLIC_URL": "https://pay.shop.et/",
    "PAYMENTS_RETURN_URLS": "shop=https://shop.et/paid",
    "PAYMENTS_CHAPA_SECRET_KEY": LIVE_KEY,
    "PAYMENTS_CHAPA_WEBHOOK_SECRETS": STRONG,
    "PAYMENTS_ORDERS_URL": "https://orders.shop.et/api",
    "PAYMENTS_ORDERS_TOKEN": STRONG,
    "PAYMENTS_ORDERS_SIGNING_SECRETS": SIGNING,
    "PAYMENTS_AUTH_KEY": STRONG,
    "PAYMENTS_AUTH_ISSUER": "https://accounts.shop.et",
    "PAYMENTS_AUTH_AUDIENCE": "payments",
    "PAYMENTS_SMTP_URL": f"smtp+starttls://pay:{PASSWORD}@mail.shop.et:587",
    "PAYMENTS_MAIL_FROM": "Shop <pay@shop.et>",
    "PAYMENTS_DATA_KEYS": STRONG,
}


def refused(**changes: str | None) -> dict[str, str]:
    """What is wrong with the live settings after ``changes``; None takes a variable out."""
    variables = LIVE | {f"PAYMENTS_{name}": value for name, value in changes.items()}
    with pytest.raises(ConfigurationInvalid) as caught:
        Settings.from_env({name: value for name, value in variables.items() if value is not None})
    return {mistake.pointer.removeprefix("PAYMENTS_"): mistake.detail for mistake in caught.value.errors}


def test_nothing_at_all_is_a_sandbox_without_providers() -> None:
    settings = Settings.from_env({})
    assert settings == Settings()
    assert (settings.mode, settings.database_url) == (Mode.TEST, "sqlite:///payments.db")
    assert settings.public_url == "http://127.0.0.1:8000"
    assert settings.provider_settings == {}
    assert (settings.orders, settings.auth, settings.mail, settings.data_keys) == (None, None, None, ())


def test_everything_that_can_be_said_arrives() -> None:
    settings = Settings.from_env(LIVE | {"PAYMENTS_CHAPA_LINK_MINUTES": "30", "PAYMENTS_METRICS": "off"})
    assert settings.mode is Mode.LIVE
    assert settings.public_url == "https://pay.shop.et"
    assert settings.return_urls == {"shop": "https://shop.et/paid"}
    assert settings.provider_settings == {
        "chapa": ChapaSettings(
            mode=Mode.LIVE,
            secret_key=Secret(LIVE_KEY),
            webhook_secrets=(Secret(STRONG),),
            base_url="https://api.chapa.co/v1",
            payable_for=timedelta(minutes=30),
            watched_for=timedelta(hours=72),
        )
    }
    assert settings.orders is not None
    assert settings.orders.url == "https://orders.shop.et/api"
    assert settings.auth == AuthSettings(
        key=Secret(STRONG),
        algorithm="HS256",
        issuer="https://accounts.shop.et",
        audience="payments",
        default_scopes=("payments:read", "payments:write"),
    )
    assert settings.mail == MailSettings(smtp_url=LIVE["PAYMENTS_SMTP_URL"], sender="Shop <pay@shop.et>")
    assert settings.data_keys == (Secret(STRONG),)
    assert settings.http == HttpSettings(metrics=False)
    assert settings.logging == LoggingSettings(level="info", format="json")


def test_a_switch_is_on_off_or_a_mistake() -> None:
    for name, field in (
        ("METRICS", "metrics"),
        ("CONSOLE", "console"),
        ("HSTS_SUBDOMAINS", "hsts_subdomains"),
    ):
        for word, is_on in (("on", True), ("TRUE", True), ("1", True), ("off", False), ("0", False)):
            http = Settings.from_env({f"PAYMENTS_{name}": word}).http
            assert getattr(http, field) is is_on
        assert list(refused(**{name: "yes please"})) == [name]


def test_neither_the_settings_nor_their_table_show_a_secret() -> None:
    settings = Settings.from_env(LIVE)
    for shown in (repr(settings), "\n".join(map(str, settings.rows()))):
        for secret in (LIVE_KEY, STRONG, SIGNING, PASSWORD):
            assert secret not in shown
    rows = {row.name: row for row in settings.rows()}
    assert rows["CHAPA_SECRET_KEY"].shown == f"set, {len(LIVE_KEY)} bytes"
    assert rows["CHAPA_LINK_MINUTES"].source == "default"
    assert rows["PUBLIC_URL"].source == "environment"


def test_every_mistake_is_said_at_once_and_none_repeats_a_secret() -> None:
    with pytest.raises(ConfigurationInvalid) as caught:
        Settings.from_env(
            {"PAYMENTS_MODE": "live", "PAYMENTS_CHAPA_SECRET_KEY": TEST_KEY, "PAYMENTS_PORT": "x"}
        )
    assert [mistake.pointer.removeprefix("PAYMENTS_") for mistake in caught.value.errors] == [
        "PORT",
        "PUBLIC_URL",
        "CHAPA_SECRET_KEY",
        "CHAPA_WEBHOOK_SECRETS",
        "ORDERS_URL",
        "ORDERS_TOKEN",
        "ORDERS_SIGNING_SECRETS",
        "AUTH_KEY",
        "SMTP_URL",
        "DATA_KEYS",
    ]
    for mistake in caught.value.errors:
        assert mistake.pointer in str(caught.value)
        assert mistake.detail in str(caught.value)
    assert TEST_KEY not in str(caught.value)


SECRETS = [
    "CHAPA_SECRET_KEY",
    "CHAPA_WEBHOOK_SECRETS",
    "ORDERS_TOKEN",
    "ORDERS_SIGNING_SECRETS",
    "AUTH_KEY",
    "DATA_KEYS",
]


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("value", ["", "   ", "short", "change-me-change-me-change-me-1", None])
def test_live_mode_refuses_an_empty_short_default_or_missing_secret_and_names_it(
    name: str, value: str | None
) -> None:
    mistakes = refused(**{name: value})
    # Without its key Chapa is off, and then nobody could pay.
    assert set(mistakes) <= {name, "PROVIDERS"}
    assert mistakes


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PUBLIC_URL", "http://pay.shop.et"),
        ("PUBLIC_URL", None),
        ("RETURN_URLS", "shop=http://shop.et/paid"),
        ("CHAPA_BASE_URL", "http://127.0.0.1:8000/chapa"),
        ("CHAPA_SECRET_KEY", TEST_KEY),
        ("CHAPA_SECRET_KEY", "CHAPUBK-aB3dE6gH9jK2mN5pQ8sT1vW4yZ7"),
        ("CHAPA_WEBHOOK_SECRETS", LIVE_KEY),
        ("ORDERS_URL", "http://orders.shop.et"),
        ("ORDERS_URL", None),
        ("SMTP_URL", None),
        ("SMTP_URL", "mail.shop.et"),
        ("SMTP_URL", "smtp://"),
        ("SMTP_URL", "smtp://pay:secret@mail.shop.et:587"),
        ("SMTP_URL", "smtp://mail.shop.et"),
        ("SMTP_URL", "smtps://mail.shop.et?starttls=true"),
        ("SMTP_URL", "smtps://mail.shop.et/relay"),
        ("SMTP_URL", "smtps://pay:1234/5@mail.shop.et"),
        ("MAIL_FROM", None),
        ("MAIL_FROM", "pay@shop.et, shop@shop.et"),
        ("MAIL_FROM", "shop:pay@shop.et"),
        ("MAIL_FROM", "Shop <pay@shop.et"),
        ("MAIL_FROM", "pay..shop@shop.et"),
        ("MAIL_FROM", "pay@shop..et"),
        ("MAIL_FROM", "ክፍያ@shop.et"),
        ("MAIL_FROM", "pay@bücher.example"),
        ("MAIL_FROM", "nobody"),
        ("MAIL_FROM", "Shop\u2028Bcc: x@y.et <pay@shop.et>"),
        ("MAIL_FROM", "Shop\udcff <pay@shop.et>"),
        ("MAIL_FROM", "Shop <pay@shop.et>\nBcc: x@y.et"),
        ("LOG_LEVEL", "debug"),
        ("DATABASE_URL", "memory://"),
        ("DATABASE_URL", "mysql://u:p@h/db"),
        ("DATABASE_URL", "postgresql://pay:geheim@db1/payments"),
        ("DATABASE_URL", "postgresql://pay:geheim@127.0.0.1,db2/payments?sslmode=prefer"),
        ("DATABASE_URL", "postgresql:///payments?host=10.0.0.5&sslmode=disable"),
        ("DATABASE_URL", "postgresql://pay:geheim@db1:port/payments"),
        ("AUTH_ALGORITHM", "no-algorithm"),
        ("AUTH_KEY", PEM),
        ("AUTH_KEY", STRONG[:30]),
        ("AUTH_DEFAULT_SCOPES", "payments:read payments:refund"),
        ("PROVIDERS", "chapa,paypal"),
        ("CHAPA_LINK_MINUTES", "61"),
        ("CHAPA_TITLE", "A shop's name that is too long"),
    ],
)
def test_live_mode_refuses_what_is_unsafe_or_senseless_and_names_it(name: str, value: str | None) -> None:
    mistakes = refused(**{name: value})
    assert list(mistakes) == [name]
    assert not any(secret in mistakes[name] for secret in (TEST_KEY, LIVE_KEY, STRONG[:30], PEM))


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///",
        "sqlite://payments.db",
        "sqlite:///:memory:",
        "sqlite:///payments.db?mode=ro",
    ],
)
@pytest.mark.parametrize("mode", ["sandbox", "live"])
def test_a_sqlite_address_that_names_no_file_is_refused_with_the_other_mistakes(url: str, mode: str) -> None:
    mistakes = refused(MODE=mode, CHAPA_SECRET_KEY=None, DATABASE_URL=url, LOG_FORMAT="xml")
    assert {"DATABASE_URL", "LOG_FORMAT"} <= set(mistakes)
    assert "sqlite:///payments.db" in mistakes["DATABASE_URL"]


@pytest.mark.parametrize("known", [b"x" * 32, b"change-me-change-me-change-me", b"demo-secret-of-nobody-123"])
def test_live_mode_refuses_a_signing_secret_that_everybody_knows_however_it_is_written(known: bytes) -> None:
    secret = f"whsec_{base64.b64encode(known).decode()}"
    assert list(refused(ORDERS_SIGNING_SECRETS=f"{SIGNING},{secret}")) == ["ORDERS_SIGNING_SECRETS"]
    assert Settings.from_env(LIVE | {"PAYMENTS_ORDERS_SIGNING_SECRETS": SIGNING}).orders is not None


@pytest.mark.parametrize(
    "known", ["postgres", "password", "change-me-please", "p%61ssword1", "1122-3344-5566"]
)
@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("DATABASE_URL", "postgresql://pay:{}@db1,db2/payments?sslmode=verify-full"),
        ("DATABASE_URL", "postgresql://pay@db1/payments?sslmode=verify-full&password={}"),
        ("DATABASE_URL", "postgresql://pay:{}@127.0.0.1/payments"),
        ("DATABASE_URL", "postgresql://pay:{}@/payments?host=/run/postgresql"),
        ("SMTP_URL", "smtps://pay:{}@mail.shop.et"),
        ("SMTP_URL", "smtp://pay:{}@127.0.0.1:25"),
    ],
)
def test_live_mode_refuses_a_password_in_an_address_that_everybody_can_guess(
    name: str, address: str, known: str
) -> None:
    mistakes = refused(**{name: address.format(known)})
    assert list(mistakes) == [name]
    assert mistakes[name].startswith("Its password is a default or example")
    assert known not in mistakes[name].removeprefix("Its password")
    sandbox = {f"PAYMENTS_{name}": address.format(known), "PAYMENTS_MAIL_FROM": "pay@shop.et"}
    Settings.from_env(sandbox)
    Settings.from_env(LIVE | {f"PAYMENTS_{name}": address.format(PASSWORD)})


@pytest.mark.parametrize(
    ("database", "mail"),
    [
        ("postgresql://pay@db1/payments?sslmode=verify-full", "smtps://mail.shop.et"),
        ("postgresql:///payments?host=/run/postgresql", "smtp://127.0.0.1"),
        (
            "postgresql://pay@db1/payments?sslmode=verify-full&sslcert=/c.pem&sslkey=/k.pem",
            "smtp://localhost",
        ),
        ("sqlite:////var/lib/payments/payments.db", "smtps://pay@mail.shop.et"),
    ],
)
def test_live_mode_wants_no_password_where_an_address_has_none(database: str, mail: str) -> None:
    Settings.from_env(LIVE | {"PAYMENTS_DATABASE_URL": database, "PAYMENTS_SMTP_URL": mail})


@pytest.mark.parametrize(
    "password", ["geheim/1", "geheim?1", "geheim#1", "geheim[1", "geheim]1", "ge:heim/1"]
)
@pytest.mark.parametrize(
    ("name", "address"), [("DATABASE_URL", "postgresql://pay:{}@db/x"), ("SMTP_URL", "smtps://pay:{}@mail")]
)
def test_a_password_that_is_not_encoded_is_refused_without_a_part_of_it(
    name: str, address: str, password: str
) -> None:
    mistakes = refused(**{name: address.format(password)})
    assert name in mistakes
    assert "heim" not in str(mistakes)


@pytest.mark.parametrize(
    ("database", "mail"),
    [
        (f"postgresql://pay:{PASSWORD}@db1,db2/payments?sslmode=require", "smtps://relay.shop.et"),
        (f"postgresql://pay:{PASSWORD}@127.0.0.1:5432,[::1]:5433/payments", "smtp://localhost:25"),
        ("postgresql:///payments?host=/var/run/postgresql", "smtp://127.0.0.1"),
        ("postgresql:///payments", "smtp://[::1]:1025"),
        (f"postgresql://pay:{PASSWORD}@db.internal/payments", "smtp://relay.internal"),
    ],
)
def test_live_mode_does_without_tls_only_at_home_and_where_it_is_told_to(database: str, mail: str) -> None:
    given = {"PAYMENTS_DATABASE_URL": database, "PAYMENTS_SMTP_URL": mail}
    at_home = {"PAYMENTS_WITHOUT_TLS_TO": "db.internal relay.internal"}
    assert Settings.from_env(LIVE | given | at_home).database_url == database


@pytest.mark.parametrize(
    ("surroundings", "mistakes"),
    [
        ({"PGHOST": "db1"}, ["PAYMENTS_DATABASE_URL"]),
        ({"PGHOST": "/run/postgresql"}, []),
        ({"PGHOST": "db1", "PGSSLMODE": "verify-full"}, []),
        ({"PGHOST": "db1", "PGSSLMODE": "allow"}, ["PAYMENTS_DATABASE_URL"]),
        ({"PGPASSWORD": "postgres"}, []),
    ],
)
def test_what_the_driver_reads_beside_the_address_counts(
    surroundings: dict[str, str], mistakes: list[str]
) -> None:
    told = LIVE | {"PAYMENTS_DATABASE_URL": f"postgresql://pay:{PASSWORD}@/payments"} | surroundings
    try:
        Settings.from_env(told)
        found = []
    except ConfigurationInvalid as error:
        found = [mistake.pointer for mistake in error.errors]
    assert found == mistakes


@pytest.mark.parametrize("authority", ["pay@", ""])
def test_the_drivers_own_variable_may_hold_no_password_that_everybody_knows(authority: str) -> None:
    address = {"PAYMENTS_DATABASE_URL": f"postgresql://{authority}db1/payments?sslmode=verify-full"}
    with pytest.raises(ConfigurationInvalid, match="Its password is a default"):
        Settings.from_env(LIVE | address | {"PGPASSWORD": "postgres"})
    Settings.from_env(LIVE | address | {"PGPASSWORD": PASSWORD})


def test_an_unknown_mode_is_no_mode() -> None:
    assert list(refused(MODE="production")) == ["MODE", "CHAPA_SECRET_KEY"]


def test_a_shared_secret_is_no_public_key() -> None:
    assert list(refused(AUTH_ALGORITHM="RS256")) == ["AUTH_KEY"]


def test_a_certificate_is_no_public_key() -> None:
    certificate = PEM.replace("PUBLIC KEY", "CERTIFICATE")
    assert list(refused(AUTH_ALGORITHM="RS256", AUTH_KEY=certificate)) == ["AUTH_KEY"]


def test_the_sandbox_refuses_a_live_key() -> None:
    with pytest.raises(ConfigurationInvalid, match="live key"):
        Settings.from_env({"PAYMENTS_CHAPA_SECRET_KEY": LIVE_KEY})


def test_a_provider_named_without_keys_is_refused_and_one_not_named_is_off() -> None:
    with pytest.raises(ConfigurationInvalid, match="chapa is switched on but has no keys"):
        Settings.from_env({"PAYMENTS_PROVIDERS": "chapa"})
    settings = Settings.from_env({"PAYMENTS_CHAPA_SECRET_KEY": TEST_KEY, "PAYMENTS_PROVIDERS": " chapa "})
    assert list(settings.provider_settings) == ["chapa"]


@pytest.mark.parametrize(
    "address", ["https://chapa.proxy.et", "https://chapa.proxy.et/", "https://chapa.proxy.et/v1/"]
)
def test_chapas_address_may_be_written_with_or_without_its_version(address: str) -> None:
    settings = Settings.from_env(LIVE | {"PAYMENTS_CHAPA_BASE_URL": address})
    assert settings.provider_settings["chapa"].base_url == "https://chapa.proxy.et/v1"


def test_a_public_key_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_text(PEM)
    variables = {name: value for name, value in LIVE.items() if name != "PAYMENTS_AUTH_KEY"}
    settings = Settings.from_env(
        variables | {"PAYMENTS_AUTH_KEY_FILE": str(path), "PAYMENTS_AUTH_ALGORITHM": "es256"}
    )
    assert settings.auth is not None
    assert (settings.auth.algorithm, settings.auth.key) == ("ES256", Secret(PEM.strip()))


def published(**changes: str | None) -> dict[str, str | None]:
    return {
        "AUTH_KEY": None,
        "AUTH_JWKS_URL": "https://accounts.shop.et/keys?v=1",
        "AUTH_ALGORITHM": "ES256",
    } | changes


def test_an_issuer_may_publish_its_keys_in_place_of_one_key() -> None:
    variables = LIVE | {f"PAYMENTS_{name}": value for name, value in published().items() if value is not None}
    del variables["PAYMENTS_AUTH_KEY"]
    auth = Settings.from_env(variables).auth
    assert auth is not None
    assert (auth.jwks_url, auth.algorithm, bool(auth.key)) == (
        "https://accounts.shop.et/keys?v=1",
        "ES256",
        False,
    )


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"AUTH_KEY": PEM}, ["AUTH_JWKS_URL"]),
        ({"AUTH_ALGORITHM": None}, ["AUTH_ALGORITHM"]),
        ({"AUTH_ALGORITHM": "HS256"}, ["AUTH_ALGORITHM"]),
        ({"AUTH_JWKS_URL": "http://accounts.shop.et/keys"}, ["AUTH_JWKS_URL"]),
        ({"AUTH_JWKS_URL": "file:///keys"}, ["AUTH_JWKS_URL"]),
        ({"AUTH_JWKS_URL": "https://pay:secret@accounts.shop.et/keys"}, ["AUTH_JWKS_URL"]),
        ({"AUTH_JWKS_URL": None}, ["AUTH_KEY"]),
        ({"AUTH_ISSUER": None}, ["AUTH_ISSUER"]),
        ({"AUTH_AUDIENCE": None}, ["AUTH_AUDIENCE"]),
    ],
)
def test_live_mode_wants_exactly_one_source_of_keys_and_says_whose(
    changes: dict[str, str | None], named: list[str]
) -> None:
    assert list(refused(**published(**changes))) == named


def test_the_sandbox_takes_an_issuer_on_plain_http() -> None:
    settings = Settings.from_env(
        {"PAYMENTS_AUTH_JWKS_URL": "http://127.0.0.1:9000/keys", "PAYMENTS_AUTH_ALGORITHM": "rs256"}
    )
    assert settings.auth == AuthSettings(
        jwks_url="http://127.0.0.1:9000/keys", algorithm="RS256", issuer=None, audience=None
    )


@pytest.mark.parametrize("name", ["می\u200cخرم", "Café\u00a0Shop", "ሱቅ"])
def test_our_mail_may_be_from_a_name_with_joiners_and_blanks_of_its_script(name: str) -> None:
    settings = Settings.from_env(LIVE | {"PAYMENTS_MAIL_FROM": f"{name} <pay@shop.et>"})
    assert settings.mail is not None
    assert settings.mail.sender == f"{name} <pay@shop.et>"


@pytest.mark.parametrize("added", ["\n# rotated in May", " x", "\x00", "é"])
def test_a_token_that_no_header_can_carry_is_refused(added: str) -> None:
    assert list(refused(ORDERS_TOKEN=STRONG + added)) == ["ORDERS_TOKEN"]


def test_an_issuers_address_is_shown_without_its_query() -> None:
    address = "https://accounts.shop.et/keys?code=s3cret"
    settings = Settings.from_env({"PAYMENTS_AUTH_JWKS_URL": address, "PAYMENTS_AUTH_ALGORITHM": "ES256"})
    assert settings.auth is not None
    assert settings.auth.jwks_url == address
    assert "s3cret" not in repr(settings)
    (shown,) = [row.shown for row in settings.rows() if row.name == "AUTH_JWKS_URL"]
    assert shown == "https://accounts.shop.et/keys?********"


def test_half_an_orders_service_is_refused_in_the_sandbox_too() -> None:
    with pytest.raises(ConfigurationInvalid) as caught:
        Settings.from_env({"PAYMENTS_ORDERS_URL": "http://127.0.0.1:9000"})
    assert [mistake.pointer for mistake in caught.value.errors] == [
        "PAYMENTS_ORDERS_TOKEN",
        "PAYMENTS_ORDERS_SIGNING_SECRETS",
    ]


def test_the_public_address_follows_the_port() -> None:
    assert Settings.from_env({"PAYMENTS_PORT": "8123"}).public_url == "http://127.0.0.1:8123"


def test_a_misspelt_variable_is_shown_and_refuses_nothing() -> None:
    rows = Settings.from_env({"PAYMENTS_PROVIDRS": "chapa"}).rows()
    assert [(row.name, row.source) for row in rows if row.source == "unknown"] == [("PROVIDRS", "unknown")]


def test_without_limits_no_refund_needs_approval_and_surplus_is_left_to_people() -> None:
    assert Settings.from_env({}).refunds == RefundRules()


def test_refund_limits_and_the_surplus_policy_are_read_by_currency() -> None:
    settings = Settings.from_env(
        {
            "PAYMENTS_REFUND_APPROVAL_ABOVE": "ETB=5000.00, KES=2000",
            "PAYMENTS_SURPLUS_POLICY": "automatic ETB=1000.00,KES=500",
        }
    )
    assert settings.refunds == RefundRules(
        approval_above={"ETB": Money.of("5000.00", "ETB"), "KES": Money.of("2000", "KES")},
        surplus=SurplusPolicy.AUTOMATIC,
        automatic_up_to={"ETB": Money.of("1000.00", "ETB"), "KES": Money.of("500", "KES")},
    )
    assert Settings.from_env({"PAYMENTS_SURPLUS_POLICY": "Propose"}).refunds.surplus is SurplusPolicy.PROPOSE


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REFUND_APPROVAL_ABOVE", "5000.00"),
        ("REFUND_APPROVAL_ABOVE", "ETB=5000.001"),
        ("REFUND_APPROVAL_ABOVE", "ETB=-1"),
        ("REFUND_APPROVAL_ABOVE", "ETB=1,ETB=2"),
        ("REFUND_APPROVAL_ABOVE", "BIRR=1"),
        ("SURPLUS_POLICY", "sometimes"),
        ("SURPLUS_POLICY", "automatic"),
        ("SURPLUS_POLICY", "propose ETB=1.00"),
        ("SURPLUS_POLICY", "automatic 1000"),
    ],
)
def test_what_is_no_limit_and_no_policy_is_refused(name: str, value: str) -> None:
    assert set(refused(**{name: value})) == {name}


def test_what_is_kept_for_a_while_only_may_be_kept_longer() -> None:
    assert Settings.from_env({}).retention == Retention()
    told = Settings.from_env({"PAYMENTS_KEEP_NOTICES_FOR": "30d", "PAYMENTS_KEEP_PEOPLE_FOR": "3650d"})
    assert told.retention == Retention(notices_for=timedelta(days=30), people_for=timedelta(days=3650))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KEEP_NOTICES_FOR", "29d"),
        ("KEEP_NOTICES_FOR", "719h"),
        ("KEEP_PEOPLE_FOR", "89d"),
        ("KEEP_PEOPLE_FOR", "for ever"),
    ],
)
def test_what_refunds_and_disputes_still_need_cannot_be_thrown_away(name: str, value: str) -> None:
    assert list(refused(**{name: value})) == [name]
