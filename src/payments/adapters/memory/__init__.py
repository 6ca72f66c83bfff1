"""Every need met in memory, with real rollback and no more strength than a real database has."""
