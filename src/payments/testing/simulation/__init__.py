"""Deterministic simulation: the whole service, several processes of it, in a hostile world without time."""
