"""Our signatures, judged by the library of those who wrote the specification."""

import base64
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from payments.adapters.orders.signing import Signer

FIRST, SECOND, STRANGE = ("whsec_" + base64.b64encode(letter * 32).decode() for letter in (b"a", b"b", b"c"))
# The example of the specification's own libraries.
KNOWN_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE_ID = "01890a5d-ac96-774b-bcce-b302099a8057"


@given(body=st.dictionaries(st.text(max_size=9), st.text(max_size=9)))
def test_whoever_holds_any_active_secret_can_verify(body: dict[str, str]) -> None:
    raw = json.dumps(body).encode()
    headers = Signer.of([FIRST, SECOND]).headers(MESSAGE_ID, datetime.now(UTC), raw)
    for secret in (FIRST, SECOND):
        assert Webhook(secret).verify(raw, headers) == body
    with pytest.raises(WebhookVerificationError):
        Webhook(STRANGE).verify(raw, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(FIRST).verify(raw + b" ", headers)


def test_the_known_example_comes_out_as_published() -> None:
    at = datetime.fromtimestamp(1614265330, UTC)
    headers = Signer.of([KNOWN_SECRET]).headers("msg_p5jXN8AQM9LWM0D4loKWxJek", at, b'{"test": 2432232314}')
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "whsec_",
        "whsec_c2hvcnQ=",
        "whsec_not base64 at all, really not",
        base64.b64encode(b"a" * 32).decode(),
        "whsec_" + base64.b64encode(b"a" * 65).decode(),
        "whsec_ümlaut",
    ],
)
def test_a_secret_of_another_form_is_refused_and_not_repeated(secret: str) -> None:
    with pytest.raises(ValueError, match="whsec_ followed by base64") as refused:
        Signer.of([FIRST, secret])
    assert len(secret) < 8 or secret not in str(refused.value)


def test_a_signer_needs_a_secret_and_never_shows_it() -> None:
    with pytest.raises(ValueError, match="needs a secret"):
        Signer.of([])
    assert "aaaa" not in repr(Signer.of([FIRST]))
