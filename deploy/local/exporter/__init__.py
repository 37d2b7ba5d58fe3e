"""Figures of Java processes for Prometheus: the JMX exporter's agent, what it may show of each, and its port.

`connect.yml` and `broker.yml` name every bean and attribute that is read. No label but a register's
name and a topic's that a contract bounds is made of them. Operators use the same files (docs/adr/0014).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.local.jars import cache_folder, fetched, silent
from deploy.local.layout import Layout
from deploy.local.machine import LOOPBACK

POM = Path(__file__).with_name("pom.xml")
CONNECT = Path(__file__).with_name("connect.yml")
BROKER = Path(__file__).with_name("broker.yml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Exporter:
    """One process's agent."""

    config: Path
    port: int

    @property
    def option(self) -> str:
        """What its JVM is told."""
        return f"-javaagent:{agent_jar()}={LOOPBACK}:{self.port}:{self.config}"


JOBS = {"home": {"kafka": BROKER, "connect": CONNECT}, "embassy": {"kafka": BROKER}}
"""Prometheus' job -> what the agent shows there."""


def exporters(layout: Layout, site: str) -> dict[str, Exporter]:
    """The agents of a site's Java processes by Prometheus' job; none without monitoring."""
    if not layout.has_monitoring:
        return {}
    return {
        job: Exporter(config=config, port=getattr(layout.ports, f"{site}_{job}_figures"))
        for job, config in JOBS[site].items()
    }


def watched(command: Sequence[str], exporter: Exporter | None) -> list[str]:
    """A JVM's command with its agent, where it has one."""
    java, *rest = command
    return [java, *([] if exporter is None else [exporter.option]), *rest]


def agent_jar() -> Path:
    """Where the agent is or will be."""
    return cache_folder().with_name("exporter") / "jmx-exporter.jar"


def fetch_agent(progress: Callable[[str], None] = silent) -> None:
    """Fetch the agent if it is missing. Raises LocalError when Maven fails."""
    fetched(POM, agent_jar().parent, "the JMX exporter", progress)
