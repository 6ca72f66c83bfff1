"""Ten thousand bodies a provider over real sockets, at a real server process: no effect, and memory flat."""

import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from payments.adapters.sql.tables import METADATA
from tests.e2e.databases import SqliteDatabase
from tests.e2e.outside_world import PAYSTACK_KEY, WEBHOOK_SECRET, Outside
from tests.e2e.story import Story, open_story, token
from tests.hostile.bodies import corpus
from tests.hostile.conftest import copied
from tests.hostile.forgeries import FORGERIES, Signer
from tests.hostile.keep_alive import Posted, post_all
from tests.hostile.providers_outside import GENUINE
from tests.hostile.test_connections import resident_bytes

pytestmark = pytest.mark.anyio

COUNT: Final = 10_000
WARM: Final = 1_000
"""So many bodies come first: what a process needs for its work it has then."""
AT_ONCE: Final = 8
SEED: Final = 20_261_129
GROWTH_BYTES: Final = 10_000_000
SLOWEST_MS: Final = 1_000.0
"""Far more than it takes, so that a busy machine is no finding: what it took is printed."""
SIGNERS: Final = {
    "chapa": Signer(secret=WEBHOOK_SECRET.encode(), digest="sha256", header=b"x-chapa-signature"),
    "paystack": Signer(secret=PAYSTACK_KEY.encode(), digest="sha512", header=b"x-paystack-signature"),
}
INITIATE: Final[list[dict[str, Any]]] = [
    {"provider": "chapa"},
    {"provider": "mpesa", "phone_number": "0712345678"},
    {"provider": "paystack", "return_to": "shop"},
]


@pytest.fixture
async def story(outside: Outside, empty_database: Path, tmp_path: Path) -> AsyncIterator[Story]:
    """A service with one order that is paid, which asks nobody about anything any more."""
    database = SqliteDatabase(copied(empty_database, tmp_path))
    async with open_story(outside, database, tmp_path) as told:
        started = await told.initiated()
        await told.browser.pay(started["checkout_url"])
        await told.until_status(started["payment_id"], "success")
        await told.until_at_rest()
        yield told


def forged(provider: str, reference: str) -> Iterator[Posted]:
    """Misshapen bodies about ours, none of them signed as ``provider`` does.

    Signatures of raw bytes are now and then no header at all: then 400 is the answer, and not 401.
    """
    for body, forge in zip(bodies(provider, reference), itertools.cycle(FORGERIES.values()), strict=False):
        yield f"/payments/verify/{provider}/", forge(SIGNERS[provider], body), body


def at_nobodys_address(reference: str) -> Iterator[Posted]:
    """What M-Pesa might report, at addresses that no attempt was ever given."""
    for number, body in enumerate(bodies("mpesa", reference)):
        yield f"/payments/verify/stk/{number:032x}/", [], body


def bodies(provider: str, reference: str) -> list[bytes]:
    return corpus(SEED, GENUINE[provider](reference), COUNT)


def wishes(_reference: str) -> Iterator[Posted]:
    """Misshapen requests of a payer whose order is paid."""
    headers = [(b"authorization", b"Bearer " + token().encode()), (b"content-type", b"application/json")]
    for body in corpus(SEED, INITIATE, COUNT // 4):
        yield "/payments/initiate/order_1/", headers, body


def kept(story: Story) -> dict[str, list[str]]:
    """All that the database holds."""
    return {name: sorted(str(row) for row in story.rows(f"SELECT * FROM {name}")) for name in METADATA.tables}  # noqa: S608 -- our own tables


@pytest.mark.parametrize(
    ("what", "requests", "answered"),
    [
        ("chapa", lambda reference: forged("chapa", reference), {400, 401, 413}),
        ("paystack", lambda reference: forged("paystack", reference), {400, 401, 413}),
        ("mpesa", at_nobodys_address, {404, 413}),
        ("initiate", wishes, {400, 409, 413, 422}),
    ],
    ids=["chapa", "paystack", "mpesa", "initiate"],
)
async def test_ten_thousand_bodies_over_sockets_change_nothing_and_cost_nothing(
    story: Story,
    record_property: Callable[[str, object], None],
    what: str,
    requests: Callable[[str], Iterator[Posted]],
    answered: set[int],
) -> None:
    port = int(story.service.environ["PAYMENTS_PORT"])
    (process,) = (each.pid for each in story.service._processes)
    assert process is not None
    ((reference,),) = story.rows("SELECT reference FROM attempts")
    before, calls = kept(story), len(story.service.events("provider call"))
    waiting = iter(list(requests(reference)))
    await post_all(port, itertools.islice(waiting, WARM), at_once=AT_ONCE)
    began = resident_bytes(process)

    answers = await post_all(port, waiting, at_once=AT_ONCE)

    grown = resident_bytes(process) - began
    count = sum(answers.statuses.values())
    record_property(
        "measured",
        f"{what}: {WARM + count} bodies over sockets, {dict(sorted(answers.statuses.items()))} of the last "
        f"{count}, p99 {answers.p99_ms:.1f} ms with {AT_ONCE} at once, memory {grown / 1e6:+.1f} MB",
    )
    assert set(answers.statuses) <= answered
    assert len(story.service.events("provider call")) == calls
    assert kept(story) == before
    assert grown < GROWTH_BYTES
    assert answers.p99_ms < SLOWEST_MS
