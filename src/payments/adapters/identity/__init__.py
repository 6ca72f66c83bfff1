"""Whose tokens are believed: the keys of an issuer that publishes them."""
