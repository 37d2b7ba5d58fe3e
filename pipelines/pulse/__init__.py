"""The registers' clock: one process lets `data_embassy.beat()` run every second in each register.

The beat travels to the standby like every other change, so its age there is the lag, and a beat that is missing there
is a lost change. A register that cannot be reached loses beats, which is no fault of the others and no stop.
"""

from pipelines.pulse.run import run_pulse

__all__ = ["run_pulse"]
