"""A forward worker as a process of its own: `python -m tests.support.forward_worker SITE`."""

import sys
from pathlib import Path

from data_embassy import log
from data_embassy.config import load_site
from pipelines.app import run_forward

if __name__ == "__main__":
    log.configure()
    run_forward(load_site(Path(sys.argv[1])))
