"""What the embassy's DBA and the broker's administrator do once: the standbys' role and database, home's rights."""

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

ACL_SECONDS_MAX = 30
_WAYS = {
    "lane.": (AclOperation.DESCRIBE, AclOperation.WRITE, AclOperation.READ),
    "receipts.": (AclOperation.DESCRIBE, AclOperation.READ),
}


def prepare_standby_server(layout: Layout) -> None:
    """Make the role that receives and its control database; harmless when they exist.

    The role is no superuser. It makes databases and the roles that own their tables, and it may turn triggers off
    while it applies, which PostgreSQL asks a granted privilege for.
    """
    secret = password(layout.site("embassy") / "secrets" / "postgres")
    role = sql.Identifier(STANDBY_ROLE)
    database = sql.Identifier(CONTROL_DATABASE)
    with psycopg.connect(embassy_postgres(layout).dsn(), autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (STANDBY_ROLE,)).fetchone():
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEDB CREATEROLE").format(role))
        connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(role, sql.Literal(secret)))
        connection.execute(sql.SQL("GRANT SET ON PARAMETER session_replication_role TO {}").format(role))
        connection.execute(sql.SQL("GRANT pg_signal_backend, pg_checkpoint TO {}").format(role))
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (CONTROL_DATABASE,)).fetchone():
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(database, role))


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
