"""What is expected of a page in a real browser, with the patience that a busy machine needs."""

from playwright.async_api import expect

__all__ = ["expect"]

expect.set_options(timeout=30_000)
