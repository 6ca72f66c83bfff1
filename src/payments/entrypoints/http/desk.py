"""The desk: everything a handler may need, made once per application."""

from collections.abc import Callable, Mapping
from typing import Any

import attrs
from jinja2 import Environment

from payments.application.payments import Payments
from payments.entrypoints.http.auth import Callers
from payments.entrypoints.http.measures import Measures
from payments.entrypoints.http.problems import ProblemWriter
from payments.entrypoints.http.return_pages import ReturnPages
from payments.settings import Settings


@attrs.frozen(kw_only=True)
class Desk:
    """What stands between HTTP and the use-cases."""

    payments: Payments
    settings: Settings
    callers: Callers | None
    """None where no key is configured: then nobody is admitted."""
    problems: ProblemWriter
    returns: ReturnPages
    measures: Measures
    pages: Environment
    """The templates of our own pages; everything in them is escaped."""
    assets: Mapping[str, bytes]
    """Style sheets and the like, by file name."""
    document: Mapping[str, Any]
    """The OpenAPI document."""
    on_notice: Callable[[], None] | None
    """Called after a notice was stored and acknowledged."""
