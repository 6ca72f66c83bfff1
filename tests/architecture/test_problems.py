"""One table from errors to HTTP, and nobody is forgotten in it."""

from collections.abc import Iterator

import pytest

from payments.domain.errors import InvalidRequest, PaymentsError
from payments.entrypoints.http.problems import EDGE, STATUS, kind_of


def leaves(error: type[PaymentsError]) -> Iterator[type[PaymentsError]]:
    below = error.__subclasses__()
    if not below:
        yield error
    for each in below:
        yield from leaves(each)


def test_every_leaf_of_the_error_tree_has_a_row_and_no_row_is_left_over() -> None:
    assert set(STATUS) == {*leaves(PaymentsError), InvalidRequest}


def test_every_problem_has_a_code_of_its_own() -> None:
    codes = [error.code for error in STATUS] + [kind.code for kind in EDGE]
    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize("error", STATUS, ids=lambda error: error.__name__)
def test_a_problem_is_one_for_http(error: type[PaymentsError]) -> None:
    assert 400 <= kind_of(error).status <= 504
