"""The pure core of both sites in one process, driven by a seed: whatever happens, the standby is a prefix.

Real: the forwarder's session, its search for the place to go on, batches, sealing with real keys; opening, sequence,
assembly, decoding and net effect at the embassy. In memory: the register, its capture tasks, both logs, the standby.
Time is virtual, so a seed is a whole history that can be played again.
"""

from tests.support.simulation.world import Outcome, Violation, simulate

__all__ = ["Outcome", "Violation", "simulate"]
