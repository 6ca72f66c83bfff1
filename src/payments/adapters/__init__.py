"""How the needs are met, named after the technology that meets them."""
