"""A pulse that runs in this process, over contracts that change meanwhile, for tests of what it sees of a register."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from data_embassy.config import Register, Site
from pipelines.pulse import run_pulse
from pipelines.stops import Stop, StopFiles
from tests.support.prepared_register import PreparedRegister

NOTICED_SECONDS = 10
"""What is wrong with a register has a name within this time."""


class Live:
    """A site whose contracts change while the pulse runs."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self._stops = StopFiles(site.state, "source")

    def contract(self, register: Register) -> None:
        """Change or add a contract."""
        self.site = replace(self.site, registers={**self.site.registers, register.name: register})

    def stop(self, name: str) -> Stop | None:
        """The stored stop of a register."""
        return self._stops.read(name)


@contextmanager
def pulsing_live(site: Site) -> Iterator[Live]:
    """Let the registers of a site beat."""
    ended, live = threading.Event(), Live(site)
    thread = threading.Thread(target=run_pulse, args=(site,), kwargs={"stop": ended, "look": lambda: live.site})
    thread.start()
    try:
        yield live
    finally:
        ended.set()
        thread.join(30)
        assert not thread.is_alive()


def begin_generation(site: Site, name: str, generation: int) -> None:
    """What a snapshot leaves behind."""
    path = site.state / "snapshot" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"generation": generation, "attempt": 1, "is_complete": True}))


def beat_of(register: PreparedRegister) -> int:
    """The register's beat; 0 without its row."""
    rows = register.query("SELECT beat FROM data_embassy.pulse")
    return int(rows[0][0]) if rows else 0
