"""What a demonstration keeps between runs."""

import json
import stat
from pathlib import Path

import attrs
import pytest

from payments.domain.errors import ConfigurationInvalid
from payments.entrypoints.demo.state import DemoSecrets, open_state

KNOWN = "secrets.json"


def kept(directory: Path) -> dict[str, str]:
    return dict(json.loads((directory / KNOWN).read_text(encoding="utf-8")))


def test_secrets_that_an_earlier_version_did_not_need_are_added_and_the_others_stay(tmp_path: Path) -> None:
    earlier = {"auth_key": "kept-auth-key", "data_key": "kept-data-key", "chapa_secret_key": "kept-chapa-key"}
    (tmp_path / KNOWN).write_text(json.dumps(earlier), encoding="utf-8")
    with open_state(tmp_path, fresh=False) as first:
        assert attrs.asdict(first.secrets).items() >= earlier.items()
        assert first.secrets.paystack_secret_key.startswith("sk_test_")
        assert attrs.asdict(first.secrets) == kept(tmp_path)
    assert stat.S_IMODE((tmp_path / KNOWN).stat().st_mode) == 0o600
    with open_state(tmp_path, fresh=False) as second:
        assert second.secrets == first.secrets


@pytest.mark.parametrize(
    "written", ["{", "[]", "[1]", '{"auth_key": 5}', '{"auth_key": null}', '{"of": "old"}']
)
def test_secrets_that_cannot_be_read_are_told_of_with_the_way_out(tmp_path: Path, written: str) -> None:
    (tmp_path / KNOWN).write_text(written, encoding="utf-8")
    with pytest.raises(ConfigurationInvalid, match="--fresh"), open_state(tmp_path, fresh=False):
        pass


def test_starting_over_forgets_every_secret(tmp_path: Path) -> None:
    with open_state(tmp_path, fresh=False) as state:
        state.mpesa_certificate.write_text("of the earlier key", encoding="utf-8")
    with open_state(tmp_path, fresh=True) as again:
        before, after = attrs.asdict(state.secrets), attrs.asdict(again.secrets)
        assert not {name for name in before if before[name] == after[name]}
        assert not again.mpesa_certificate.exists()


@pytest.mark.parametrize("content", ["{", "[]", '"text"', '{"a secret of a later version": "x"}', "\xff"])
def test_secrets_that_cannot_be_read_are_refused_and_left_as_they_are(tmp_path: Path, content: str) -> None:
    (tmp_path / KNOWN).write_bytes(content.encode("latin-1"))
    with (
        pytest.raises(ConfigurationInvalid, match="Start over with --fresh"),
        open_state(tmp_path, fresh=False),
    ):
        pass
    assert (tmp_path / KNOWN).read_bytes() == content.encode("latin-1")


def test_no_secret_is_shown_with_its_value() -> None:
    made = DemoSecrets()
    assert not [value for value in attrs.asdict(made).values() if value in repr(made)]
