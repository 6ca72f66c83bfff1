"""Chapa: hosted checkout pages, verification and signed webhooks."""
