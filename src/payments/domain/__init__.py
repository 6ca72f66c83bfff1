"""What is true: values and tables, with no I/O, no clock, no randomness and no framework."""
