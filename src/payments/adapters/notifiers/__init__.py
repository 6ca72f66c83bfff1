"""How people are told: e-mail over SMTP, the console, or a list in memory."""
