"""Restart a register's connector over Kafka Connect's REST interface.

The forwarder asks for it when the home topic was rewritten, or a session lacks a record: the next session's marker then
shows whether anything was lost. The role `connectors` keeps the connector otherwise.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

import requests

from data_embassy.config import Connect
from data_embassy.errors import TransportError

_ANSWER_SECONDS: Final = 30.0
_ABSENT: Final = 404


def restart_connector(connect: Connect, name: str) -> bool:
    """Restart a connector and its task; False when there is none. Raises TransportError."""
    url = f"{connect.url}/connectors/{quote(name)}/restart?includeTasks=true"
    try:
        answer = requests.post(url, timeout=_ANSWER_SECONDS)
        if answer.status_code == _ABSENT:
            return False
        answer.raise_for_status()
    except requests.RequestException as error:
        raise TransportError(
            f"connector {name} was not restarted: {type(error).__name__}", remedy="embassy connector status"
        ) from error
    return True
