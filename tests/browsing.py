"""What is expected of a page in a real browser, with the patience that a busy machine needs."""

from typing import Final

from playwright.async_api import expect

__all__ = ["STARTS_WITHIN_MS", "expect"]

STARTS_WITHIN_MS: Final = 180_000

expect.set_options(timeout=30_000)
