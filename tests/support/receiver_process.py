"""A receiver of one register in a process of its own, to be killed: `python -m tests.support.receiver_process ...`."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from consumers.supervise import RegisterReceiver
from data_embassy.config import Register
from tests.support.receiving import Embassy
from tests.support.system import PlainPostgres


def main() -> None:
    bootstrap, host, port, user, password, folder, control, name, lane = sys.argv[1:]
    server = PlainPostgres(host=host, port=int(port), user=user, password=password)
    embassy = Embassy(bootstrap=bootstrap, server=server, folder=Path(folder), control=control)
    receiver = RegisterReceiver(Register(name=name, lane=lane, tier=1, source=None), embassy.surroundings())
    receiver.start()
    parent = os.getppid()
    while receiver.is_alive() and os.getppid() == parent:
        time.sleep(0.1)
    if receiver.crash is not None:
        raise receiver.crash


if __name__ == "__main__":
    main()
