"""The demonstration: service, simulators, mailbox and a shop in one process on one loopback port."""

from payments.entrypoints.demo.running import run_demo
from payments.entrypoints.demo.simulators_alone import run_simulators

__all__ = ["run_demo", "run_simulators"]
