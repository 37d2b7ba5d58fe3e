"""A forward worker as a process of its own: `python -m tests.support.forward_worker SITE [GROUP]`.

With a group of its own a second worker forwards the same registers at the same time.
"""

import logging
import os
import sys
from pathlib import Path

from data_embassy import log
from data_embassy.config import load_site
from pipelines import app

if __name__ == "__main__":
    log.configure()
    if os.environ.get("FORWARD_LOG"):
        for name in ("faust", "mode", "aiokafka"):
            logging.getLogger(name).setLevel(logging.INFO)
    if len(sys.argv) > 2:
        app._group = lambda site: sys.argv[2]
    app.run_forward(load_site(Path(sys.argv[1])))
