"""pgbench's own schema and workload as a register that nobody made for us, run by its own program."""

from deploy.registers.pgbench.pgbench import Pgbench, initialise, program

__all__ = ["Pgbench", "initialise", "program"]
