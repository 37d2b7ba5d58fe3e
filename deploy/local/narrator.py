"""How the demo speaks: sections with the time, lines below them, a last word, and what to look at afterwards."""

import subprocess
import sys
import time
import traceback

from data_embassy.errors import DataEmbassyError
from deploy.local.layout import default_folder
from deploy.local.system import LocalSystem


class Narrator:
    """Sections with the time since the beginning; lines below them."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def tell(self, title: str, *lines: str) -> None:
        """A section, and what it is about."""
        minutes, seconds = divmod(int(time.monotonic() - self._began), 60)
        print(f"\n[{minutes}:{seconds:02d}] {title}", flush=True)
        for line in lines:
            self.say(line)

    def say(self, line: str) -> None:
        """One line."""
        print(f"  {line}", flush=True)


def say_what_next(system: LocalSystem, narrator: Narrator) -> None:
    """Commands for somebody who wants to see more."""
    places = system.env()
    home, embassy = places["home_site"], places["embassy_site"]
    folder = "" if system.folder == default_folder() else f" --folder {system.folder}"
    narrator.tell(
        "Look around: both sites go on running",
        f"addresses for psql, both sides:    .venv/bin/embassy local env{folder}",
        f"what runs:                         .venv/bin/embassy local status{folder}",
        f"how stale each standby is:         .venv/bin/embassy --site {embassy} status --watch",
        f"the same on pages, home's:         {places['home_page']}",
        f"and the embassy's:                 {places['embassy_page']}",
        f"prove that a standby is equal:     .venv/bin/embassy --site {home} register verify population",
        f"cut the link yourself, mend it:    .venv/bin/embassy local link cut{folder}    (then: mend)",
        f"logs, which hold no row data:      .venv/bin/embassy local logs -f receive{folder}",
        f"the end, nothing is left behind:   .venv/bin/embassy local down{folder}",
    )


def explain(error: Exception) -> None:
    """What to do goes to the error stream; where it happened as well, if it was nobody's foreseen error."""
    print(file=sys.stderr)
    if isinstance(error, DataEmbassyError):
        print(error.diagnostics(), file=sys.stderr)
    else:
        traceback.print_exception(error)
    print("the system is left as it is: embassy local status, embassy local logs; the end: make down", file=sys.stderr)


def one_line(error: Exception) -> str:
    """An error as the demo's last word."""
    if isinstance(error, subprocess.CalledProcessError):
        return f"{error.cmd} ended with {error.returncode}"
    return (str(error).strip() or type(error).__name__).splitlines()[0]
