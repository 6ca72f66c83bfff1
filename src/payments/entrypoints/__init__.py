"""Who calls us: HTTP clients, the command line and the worker's loop."""
