"""Trim home topics behind receipts: the rule (pure) and its edge.

Only the forwarder trims, only the register whose session is open here. A record is deleted when a signed receipt
covers it that is as old as the contract says (`retention.home_hours`, a day), and no envelope that may be compared
again holds it.
"""

from __future__ import annotations

from typing import Final

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from data_embassy.errors import TransportError
from data_embassy.kafka import Settings

_ANSWER_SECONDS: Final = 30.0


def trim_before(*, low: int, received: int | None, kept_from: int | None) -> int | None:
    """First home offset to keep; None when nothing is to be deleted.

    `low` is the first offset present, `received` the last one that such a receipt covers, `kept_from` the
    first one of the last envelopes.
    """
    if received is None or kept_from is None:
        return None
    first_kept = min(received + 1, kept_from)
    return first_kept if first_kept > low else None


def delete_before(settings: Settings, topic: str, offset: int) -> None:
    """Delete the records before `offset`; raises TransportError."""
    admin = AdminClient(settings)  # Held until the answer is there: without its client a future never ends.
    try:
        for future in admin.delete_records([TopicPartition(topic, 0, offset)]).values():
            future.result(timeout=_ANSWER_SECONDS)
    except TimeoutError as error:
        raise TransportError(f"{topic} was not trimmed in time", remedy="check the broker") from error
    except KafkaException as error:
        raise TransportError(
            f"{topic} was not trimmed: {error.args[0].name()}", remedy="check the broker and the rights"
        ) from error
