"""Chapa: hosted checkout pages, verification and signed webhooks."""

from typing import Final

from payments.adapters.providers.chapa.settings import ChapaSettings, read_settings

__all__ = ["NAME", "ChapaSettings", "read_settings"]

NAME: Final = "chapa"
