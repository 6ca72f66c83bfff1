"""The public test kit: in-memory payments, a movable clock, contract suites and strategies."""
