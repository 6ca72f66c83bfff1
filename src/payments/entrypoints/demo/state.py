"""What a demonstration keeps between runs: a directory with its database, simulators' memory and secrets."""

import base64
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Final

import attrs
import msgspec

from payments.bootstrap import hold
from payments.domain.errors import ConfigurationInvalid, StorageBusy
from payments.simulators.mpesa import new_private_key

_SECRETS_FILE: Final = "secrets.json"
_CERTIFICATE_FILE: Final = "mpesa-certificate.pem"
_OURS: Final = ("payments.db*", "simulators", "env", _CERTIFICATE_FILE, _SECRETS_FILE)
"""What ``--fresh`` removes; whatever else lies in the directory stays."""


def _hex(length_bytes: int, prefix: str = "") -> str:
    return prefix + secrets.token_hex(length_bytes)


def _signing_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def _secret(make: Callable[[], str]) -> str:
    return attrs.field(factory=make, repr=False)


@attrs.frozen(kw_only=True)
class DemoSecrets:
    """Secrets made up for this demonstration alone, from the operating system's randomness."""

    auth_key: str = _secret(partial(_hex, 32))
    data_key: str = _secret(partial(_hex, 32))
    orders_token: str = _secret(partial(_hex, 20))
    orders_signing_secret: str = _secret(_signing_secret)
    chapa_secret_key: str = _secret(partial(_hex, 16, "CHASECK_TEST-"))
    chapa_webhook_secret: str = _secret(partial(_hex, 20))
    paystack_secret_key: str = _secret(partial(_hex, 20, "sk_test_"))
    mpesa_consumer_key: str = _secret(partial(_hex, 20))
    mpesa_consumer_secret: str = _secret(partial(_hex, 20))
    mpesa_initiator_password: str = _secret(partial(_hex, 12))
    mpesa_private_key: str = _secret(lambda: new_private_key().decode())
    """In PEM. It opens what was sealed with the certificate, which is all the service gets."""


@attrs.frozen
class DemoState:
    """The directory, held by this process alone."""

    directory: Path
    secrets: DemoSecrets

    @property
    def database(self) -> Path:
        """The service's SQLite file."""
        return self.directory / "payments.db"

    @property
    def simulators(self) -> Path:
        """The directory of the simulators' files."""
        return self.directory / "simulators"

    @property
    def environment_file(self) -> Path:
        """The ``PAYMENTS_*`` variables of this demonstration, for a shell to read."""
        return self.directory / "env"

    @property
    def mpesa_certificate(self) -> Path:
        """The certificate that the initiator's password is sealed with, in PEM."""
        return self.directory / _CERTIFICATE_FILE

    def write_private(self, file: Path, text: str) -> None:
        """Write ``text`` so that only the owner can read it, at no moment anybody else."""
        _write_private(file, text)


@contextmanager
def open_state(directory: Path, *, fresh: bool) -> Iterator[DemoState]:
    """The state in ``directory``, made if it is not there; ``fresh`` forgets what was there.

    Raises:
        StorageBusy: another demonstration runs on it.
        ConfigurationInvalid: the directory cannot be used.
    """
    make_directory(directory)
    with ExitStack() as held:
        try:
            held.enter_context(hold(directory / "demonstration"))
        except StorageBusy as busy:
            raise StorageBusy(
                f"Another demonstration runs on {directory}. Stop it, or name another directory with --state."
            ) from busy
        if fresh:
            _forget(directory)
        yield DemoState(directory.resolve(), _kept_secrets(directory / _SECRETS_FILE))


def make_directory(directory: Path) -> None:
    """Make ``directory`` for its owner alone, if it is not there.

    Raises:
        ConfigurationInvalid: it cannot be a directory.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationInvalid(f"{directory} cannot be used: {error.strerror}.") from error


def _forget(directory: Path) -> None:
    for pattern in _OURS:
        for found in directory.glob(pattern):
            if found.is_dir() and not found.is_symlink():
                shutil.rmtree(found)
            else:
                found.unlink()


def _kept_secrets(file: Path) -> DemoSecrets:
    """The secrets of earlier runs; what an earlier version did not need yet is made up and kept, too."""
    try:
        known = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        kept = DemoSecrets(**msgspec.convert(known, dict[str, str]))
    except (OSError, ValueError, TypeError, msgspec.ValidationError) as error:
        raise ConfigurationInvalid(f"{file} cannot be read. Start over with --fresh.") from error
    if attrs.asdict(kept) != known:
        _write_private(file, json.dumps(attrs.asdict(kept), indent=2) + "\n")
    return kept


def _write_private(file: Path, text: str) -> None:
    # Written beside and moved over, so that a crash leaves the old file or the new one, never half of one.
    beside = file.with_name(f".{file.name}.new")
    beside.unlink(missing_ok=True)
    with os.fdopen(
        os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
    ) as opened:
        opened.write(text)
    beside.replace(file)
