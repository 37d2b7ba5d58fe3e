"""What the embassy's DBA and the broker's administrator do once: the standbys' role and database, home's rights."""

from typing import Any

import psycopg
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)
from psycopg import sql

from data_embassy.config import load_site
from data_embassy.kafka import client_settings
from deploy.local.layout import Layout, password
from deploy.local.services import LINK_PRINCIPAL, embassy_postgres
from deploy.local.sites import CONTROL_DATABASE, STANDBY_ROLE

AUDITOR_ROLE = "auditor"
ACL_SECONDS_MAX = 30
_WAYS = {
    "lane.": (AclOperation.DESCRIBE, AclOperation.WRITE, AclOperation.READ),
    "receipts.": (AclOperation.DESCRIBE, AclOperation.READ),
}


def prepare_standby_server(layout: Layout) -> None:
    """Make the role that receives and its control database; harmless when they exist."""
    secret = password(layout.site("embassy") / "secrets" / "postgres")
    with psycopg.connect(embassy_postgres(layout).dsn(), autocommit=True) as connection:
        make_standby_role(connection, STANDBY_ROLE, secret)
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (CONTROL_DATABASE,)).fetchone():
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {}").format(
                    sql.Identifier(CONTROL_DATABASE), sql.Identifier(STANDBY_ROLE)
                )
            )


def make_standby_role(connection: psycopg.Connection[tuple[Any, ...]], name: str, secret: str) -> None:
    """The role that owns the standbys, with exactly the rights that docs/privileges.md gives reasons for."""
    role = sql.Identifier(name)
    if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (name,)).fetchone():
        connection.execute(sql.SQL("CREATE ROLE {}").format(role))
    connection.execute(
        sql.SQL("ALTER ROLE {} LOGIN CREATEDB CREATEROLE BYPASSRLS NOSUPERUSER NOREPLICATION PASSWORD {}").format(
            role, sql.Literal(secret)
        )
    )
    connection.execute(sql.SQL("GRANT SET ON PARAMETER session_replication_role TO {}").format(role))
    connection.execute(sql.SQL("GRANT pg_signal_backend TO {}").format(role))


def auditor_dsn(layout: Layout, register: str) -> str:
    """Connection URI for who may read every row of a standby and write none; the role is made on first use."""
    server, role = embassy_postgres(layout), sql.Identifier(AUDITOR_ROLE)
    secret = password(layout.operator / AUDITOR_ROLE)
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (AUDITOR_ROLE,)).fetchone():
            connection.execute(
                sql.SQL("CREATE ROLE {} LOGIN BYPASSRLS IN ROLE pg_read_all_data PASSWORD {}").format(
                    role, sql.Literal(secret)
                )
            )
    return server.dsn(register, user=AUDITOR_ROLE, password=secret)


def grant_link(layout: Layout) -> None:
    """Give home's certificate its rights at the embassy's broker: append to and read lanes, read receipts."""
    admin = AdminClient(client_settings(load_site(layout.site("embassy")).kafka))
    bindings = [
        AclBinding(
            ResourceType.TOPIC, prefix, ResourcePatternType.PREFIXED, LINK_PRINCIPAL, "*", operation,
            AclPermissionType.ALLOW,
        )
        for prefix, operations in _WAYS.items()
        for operation in operations
    ]  # fmt: skip
    for future in admin.create_acls(bindings, request_timeout=ACL_SECONDS_MAX).values():
        future.result()
