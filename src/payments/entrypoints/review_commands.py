"""``payments review``: the questions that only a person can answer, at a terminal."""

import getpass
import re
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated
from uuid import UUID

from cyclopts import Parameter
from cyclopts.validators import Number

from payments.application.answers import ReviewStory
from payments.application.payments import Payments
from payments.application.review_details import Details
from payments.application.use_cases.list_reviews import MOST
from payments.bootstrap import open_payments
from payments.domain.errors import Conflict, FieldError, Forbidden, InvalidRequest, NotFound, StorageBusy
from payments.domain.events import ReviewKind
from payments.domain.review import ReviewState
from payments.entrypoints import review_reports
from payments.entrypoints.exits import FOUND, UNAVAILABLE, refused, said
from payments.entrypoints.http import cursors
from payments.entrypoints.http.reading import CONTROL
from payments.entrypoints.logging import configure_logging
from payments.entrypoints.serving import run
from payments.settings import Settings

Json = Annotated[bool, Parameter(name="--json", negative="", help="Write JSON, for scripts.")]


def list_(
    *,
    state: ReviewState = ReviewState.OPEN,
    kind: ReviewKind | None = None,
    limit: Annotated[int, Parameter(validator=Number(gte=1, lte=MOST))] = 20,
    cursor: str | None = None,
    json: Json = False,
) -> int:
    """List reviews, newest first.

    Parameters
    ----------
    state
        Those that wait (open), or those that were answered (resolved).
    kind
        Only reviews of this kind.
    limit
        How many at most.
    cursor
        Where the page before ended, as it said.
    """

    async def listed(payments: Payments) -> int:
        beyond = _beyond(cursor) if cursor else None
        page = await payments.reviews(limit, state=state, kind=kind, beyond=beyond)
        _say(review_reports.page_as_json(page) if json else review_reports.page_as_text(page))
        return 0

    return _with_payments(listed, read_only=True)


def show(review_id: str, *, json: Json = False) -> int:
    """Show one review: what it is about, and what may be decided.

    Parameters
    ----------
    review_id
        As "payments review list" names it.
    """

    async def shown(payments: Payments) -> int:
        _say(_told(await payments.review(_identifier(review_id)), as_json=json))
        return 0

    return _with_payments(shown, read_only=True)


def resolve(
    review_id: str,
    decision: str,
    *,
    reason: str,
    reference: str | None = None,
    paid_under: str | None = None,
    outcome: str | None = None,
    provider_reference: str | None = None,
    amount: str | None = None,
    actor: str | None = None,
    json: Json = False,
) -> int:
    """Decide about one review. On SQLite only where no service is running; else use the console.

    Parameters
    ----------
    review_id
        As "payments review list" names it.
    decision
        One of those that "payments review show" offers.
    reason
        Why, for whoever reads it later.
    reference
        With attach: the attempt of ours that the money belongs to (p-...).
    paid_under
        With attach, where the review has only the provider's own name for the money: the reference of ours
        that it was paid under.
    outcome
        With record: paid or not_paid; about a refund succeeded or failed.
    provider_reference
        With record: the provider's own name for the money or the refund.
    amount
        With record of money that was paid: how much, in the attempt's currency. Default: all of it.
    actor
        Who decides. Default: the name of the user who runs this.
    """
    details = Details(
        reference=reference,
        paid_under=paid_under,
        outcome=outcome,
        provider_reference=provider_reference,
        amount=amount,
    )

    async def resolved(payments: Payments) -> int:
        who = actor or _user()
        _refuse_controls(reason, who)
        review = await payments.resolve(_identifier(review_id), decision, reason, f"operator:{who}", details)
        _say(_told(await payments.review(review.review_id), as_json=json))
        return 0

    return _with_payments(resolved, read_only=False)


def _with_payments(work: Callable[[Payments], Awaitable[int]], *, read_only: bool) -> int:
    """What ``work`` came to; a refusal is its sentence, with each field that is wrong."""
    settings = Settings.from_env()
    configure_logging(settings.logging, sys.stderr)

    async def done() -> int:
        async with open_payments(settings, read_only=read_only) as payments:
            return await work(payments)

    try:
        return run(done())
    except InvalidRequest as refusal:
        return refused(refusal)
    except (Conflict, Forbidden, NotFound) as refusal:
        return said(refusal.detail, FOUND)
    except StorageBusy as refusal:
        return said(f"{refusal.detail} Or decide at the console of the service that runs.", UNAVAILABLE)


def _beyond(cursor: str) -> tuple[datetime, UUID]:
    try:
        return cursors.read(cursor)
    except ValueError as error:
        raise InvalidRequest(errors=(FieldError("--cursor", str(error)),)) from error


def _user() -> str:
    """The name of the user who runs this. A container may run under a number that has none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError) as error:
        told = "This system has no name for you; say who decides."
        raise InvalidRequest(errors=(FieldError("/actor", told),)) from error


def _refuse_controls(reason: str, actor: str) -> None:
    """Both are shown to whoever reads the story later, at a terminal, too (CWE-150); a reason has lines."""
    texts = {"reason": re.sub("[\t\n]", " ", reason), "actor": actor}
    wrong = [name for name, text in texts.items() if CONTROL.search(text)]
    if wrong:
        told = "It holds a control character."
        raise InvalidRequest(errors=tuple(FieldError(f"/{name}", told) for name in wrong))


def _identifier(review_id: str) -> UUID:
    """The identifier; what cannot be one names no review either."""
    try:
        return UUID(review_id)
    except ValueError:
        return UUID(int=0)


def _told(story: ReviewStory, *, as_json: bool) -> str:
    return review_reports.story_as_json(story) if as_json else review_reports.story_as_text(story)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
