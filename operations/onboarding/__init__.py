"""The life of a register at a site: taken under contract, paused, resumed, removed, while the site's workers run.

Every step may be repeated: after a crash or a failure the same command goes on where it was.
"""
