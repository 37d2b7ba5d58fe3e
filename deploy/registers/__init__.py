"""Reference registers: databases to try data-embassy on, each with its generator and a live workload.

Nothing here knows how they are replicated.
"""
