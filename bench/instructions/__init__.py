"""How many instructions the hot paths take, held against what they took before: ``make instructions``."""
