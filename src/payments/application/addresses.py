"""The addresses of this service that others are given."""

import attrs


@attrs.frozen
class Addresses:
    """``public_url`` is where the service answers from outside, without a slash at its end."""

    public_url: str

    def webhooks(self, provider: str) -> str:
        """Where a provider posts its webhooks."""
        return f"{self.public_url}/payments/verify/{provider}/"

    def verify(self, provider: str, reference: str) -> str:
        """Where a provider sends the payer's browser back to, and the reference it is about."""
        return f"{self.public_url}/payments/verify/{provider}/?trx_ref={reference}"
