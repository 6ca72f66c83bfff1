"""Statements for many rows at once: what they can be made of."""

import pytest
from sqlalchemy import bindparam, select, update
from sqlalchemy.sql import ClauseElement

from payments.adapters.sql.compiled import Statements
from payments.adapters.sql.many_at_once import ManyAtOnceStatements
from payments.adapters.sql.postgres_pool import DIALECT
from payments.adapters.sql.tables import NOTICES

THIS = NOTICES.c.notice_id == bindparam("this_notice")


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        (
            update(NOTICES).where(THIS).values(sealed=bindparam("sealed")),
            "JSON cannot carry the bytes of sealed",
        ),
        (
            update(NOTICES).where(THIS, NOTICES.c.sealed == bindparam("other")),
            "JSON cannot carry the bytes of other",
        ),
        (select(NOTICES).where(THIS), "changes no rows"),
    ],
)
def test_one_that_json_cannot_serve_is_refused(statement: ClauseElement, reason: str) -> None:
    with pytest.raises(TypeError, match=reason):
        ManyAtOnceStatements(Statements(DIALECT))[statement]
