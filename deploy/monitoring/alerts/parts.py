"""Processes, brokers, databases, capture tasks: what is down."""

from __future__ import annotations

from deploy.monitoring.alerts.lag import NO_STANDBY_YET
from deploy.monitoring.model import EMBASSY, HOME, Alert, Group
from deploy.monitoring.recording import ROLES

PAGE = "services"


def parts() -> Group:
    """What does not run or does not answer."""
    return Group(
        name="embassy-parts",
        rules=(_ROLE, _TARGET, _BROKER, _CONNECT, _CAPTURE, _RESTARTS, _REGISTER_DATABASE, _STANDBY_SERVER),
    )


_ROLE = Alert(
    name="ProcessDown",
    expr=f'up{{job=~"{ROLES}"}} == 0',
    holds="30s",
    severity="page",
    summary="{{ $labels.job }} does not run",
    description="Its metrics do not answer. Whoever keeps it running does not, or it ends at its start.",
    command="embassy run {{ $labels.job }}",
    page=PAGE,
)
_TARGET = Alert(
    name="TargetDown",
    expr=f'up{{job!~"{ROLES}"}} == 0',
    holds="5m",
    severity="ticket",
    summary="{{ $labels.job }} gives no figures",
    description="Prometheus cannot ask it. It may work all the same; nobody would see if it did not.",
    command="curl -s http://{{ $labels.instance }}/metrics",
    page=PAGE,
)
_BROKER = Alert(
    name="BrokerDown",
    expr="max by (site) (embassy_broker_up) == 0",
    holds="30s",
    severity="page",
    summary="This site's broker does not answer",
    description="Nothing is lost: whoever writes to it waits, and the registers keep their log.",
    command="embassy status",
    page=PAGE,
)
_CONNECT = Alert(
    name="ConnectDown",
    expr="max by (site) (embassy_connect_up) == 0",
    holds="1m",
    severity="page",
    summary="Kafka Connect does not answer",
    description="No register is captured; each keeps its log for its slot.",
    command="embassy status",
    page=PAGE,
    sites=HOME,
)
_CAPTURE = Alert(
    name="CaptureDown",
    expr=(
        "(max by (site, register) (embassy_connector_running) == 0\n"
        "or on (site, register) (max by (site, register) (embassy_slot_active) == 0))\n"
        f"{NO_STANDBY_YET}"
    ),
    holds="1m",
    severity="page",
    summary="{{ $labels.register }} is not captured",
    description="Its capture task does not run, or nobody reads its slot. The register keeps its log meanwhile.",
    command="embassy connector status {{ $labels.register }}",
    page="capture",
    sites=HOME,
)
_RESTARTS = Alert(
    name="CaptureRestarts",
    expr="increase(embassy_connector_restarts_total[1h]) > 3",
    severity="ticket",
    summary="Capture of {{ $labels.register }} fails again and again",
    description="It was started again {{ $value | humanize }} times within the last hour.",
    command="embassy connector status {{ $labels.register }}",
    page="capture",
    sites=HOME,
)
_REGISTER_DATABASE = Alert(
    name="RegisterDatabaseDown",
    expr="max by (site, register) (embassy_register_database_up) == 0",
    holds="30s",
    severity="page",
    summary="The database of {{ $labels.register }} does not answer the pulse",
    description="The register may be down, or the pulse's role may not connect. The standby stands at its last commit.",
    command="embassy register check {{ $labels.register }}",
    page=PAGE,
    sites=HOME,
)
_STANDBY_SERVER = Alert(
    name="StandbyServerDown",
    expr="max by (site) (embassy_standby_server_up) == 0",
    holds="30s",
    severity="page",
    summary="The server with the standbys does not answer",
    description="Nothing is applied; the lanes keep everything. Nobody could take over now.",
    command="embassy status",
    page="standby-server",
    sites=EMBASSY,
)
