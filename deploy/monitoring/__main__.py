"""`python -m deploy.monitoring FOLDER [RUNBOOKS]`: write both sites' files; RUNBOOKS is where the runbooks stand."""

from __future__ import annotations

import sys
from pathlib import Path

from deploy.monitoring.files import site_files
from deploy.monitoring.model import BOTH, Settings


def main(folder: Path, settings: Settings) -> None:
    """Write every file below the folder, one folder for each site."""
    for site in BOTH:
        for name, text in site_files(site, settings).items():
            path = folder / site / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Settings(runbooks=sys.argv[2]) if len(sys.argv) > 2 else Settings())
