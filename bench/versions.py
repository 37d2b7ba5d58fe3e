"""What a report says of the software and the machine that it was made with."""

from __future__ import annotations

import os
import platform
import re
import subprocess

import psycopg

from deploy.local.jars import POM


def versions(dsn: str) -> dict[str, str]:
    """Of everything that takes part; `dsn` leads to a server."""
    with psycopg.connect(dsn) as connection:
        server = connection.info.parameter_status("server_version") or "unknown"
    pinned = dict(re.findall(r"<(\w+)\.version>([^<]+)<", POM.read_text()))
    return {
        "PostgreSQL": server,
        "Apache Kafka and Kafka Connect": pinned["kafka"],
        "Debezium": pinned["debezium"],
        "Python": platform.python_version(),
    }


def revision() -> str:
    """The checkout's commit."""
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def machine() -> str:
    """What it ran on."""
    return f"{os.cpu_count()} cores, {platform.system()}"
