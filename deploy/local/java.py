"""How Java programs of the local system are started, and where they log to: standard output, kept by the supervisor."""

import shutil
from pathlib import Path

from deploy.local.jars import JarPaths
from deploy.local.machine import LocalError

LOG4J = """\
# Written by `embassy local up`. No row data at these levels.
Configuration:
  status: warn
  Appenders:
    Console:
      name: stdout
      PatternLayout:
        pattern: "%d{ISO8601_OFFSET_DATE_TIME_HHMM} %p %c: %m%n"
  Loggers:
    Root:
      level: info
      AppenderRef:
        - ref: stdout
    Logger:
      - name: org.apache.kafka.clients
        level: warn
      - name: org.apache.kafka.clients.NetworkClient
        level: error
      - name: org.apache.kafka.common.utils.AppInfoParser
        level: warn
      - name: org.reflections
        level: error
"""


def java_command(main_class: str, *arguments: str, jars: JarPaths, heap_mb: int, logging: Path) -> list[str]:
    """Command line for one JVM.

    The serial collector: heaps are small, cores are few, and a record of 64 MiB needs one contiguous piece, which
    regions of G1 rarely have.
    """
    java = shutil.which("java")
    if java is None:
        raise LocalError("Java is not installed", remedy="install a JDK, version 17 or later")
    return [
        java,
        f"-Xmx{heap_mb}m",
        "-XX:+UseSerialGC",
        "-XX:+ExitOnOutOfMemoryError",
        *([f"-XX:SharedArchiveFile={jars.archive}"] if jars.archive.exists() else []),
        "-Djava.awt.headless=true",
        f"-Dlog4j2.configurationFile={logging / 'log4j2.yaml'}",
        "-cp",
        jars.classpath,
        main_class,
        *arguments,
    ]


def logging_config(folder: Path) -> None:
    """Write the logging configuration that `java_command` names."""
    (folder / "log4j2.yaml").write_text(LOG4J)
