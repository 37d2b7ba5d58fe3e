"""Home: forward, snapshot and pulse, the processes that carry a register to the embassy's broker."""
