"""The pytest plugin: ``payments_in_memory``, a service that needs nothing, for the tests of who uses it."""

import pytest

from payments.testing.kit import InMemoryPayments, in_memory_payments


@pytest.fixture
def payments_in_memory() -> InMemoryPayments:
    """A fresh service over in-memory adapters, with its clock, orders, mails and provider in reach."""
    return in_memory_payments()
