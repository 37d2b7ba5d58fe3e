"""A forward worker as a process of its own: `python -m tests.support.forward_worker SITE [GROUP]`.

With a group of its own a second worker forwards the same registers at the same time. With FORWARD_STALLS naming a file
it stops fetching once that exists, without an error, as Faust's workers have done after rebalances.
"""

import asyncio
import logging
import os
import sys
from pathlib import Path

from data_embassy import log
from data_embassy.config import load_site
from pipelines import app, chunks

if __name__ == "__main__":
    log.configure()
    if os.environ.get("FORWARD_LOG"):
        for name in ("faust", "mode", "aiokafka"):
            logging.getLogger(name).setLevel(logging.INFO)
    if len(sys.argv) > 2:
        app._group = lambda site: sys.argv[2]
    if os.environ.get("FORWARD_STALLS"):
        fetch = chunks.ChunkConsumer._getmany

        async def fetch_or_stall(consumer, active_partitions, timeout):  # noqa: ASYNC109 (Faust's signature)
            if os.path.exists(os.environ["FORWARD_STALLS"]):  # noqa: ASYNC240, PTH110 (a moment)
                await asyncio.sleep(timeout)
                return {}
            return await fetch(consumer, active_partitions, timeout)

        setattr(chunks.ChunkConsumer, "_getmany", fetch_or_stall)  # noqa: B010 (mypy takes it for a mistake)
    app.run_forward(load_site(Path(sys.argv[1])))
