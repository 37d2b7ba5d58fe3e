"""`python -m deploy.local.jars`: fetch the Java parts and build the capture plugin, so that a later start is quick."""

import sys

from data_embassy.errors import DataEmbassyError
from deploy.local.jars import capture_jar
from deploy.local.warm import warm_jars


def _say(line: str) -> None:
    print(f"setup: {line}", flush=True)


def main() -> int:
    """Make what is missing; returns the exit code."""
    try:
        warm_jars(_say)
        capture_jar(_say)
    except DataEmbassyError as error:
        sys.stderr.write(error.diagnostics() + "\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
