"""The operator's web pages at ``/console/``: plain forms, no script, and nothing from anywhere else."""
