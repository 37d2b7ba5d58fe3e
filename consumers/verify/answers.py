"""Sends answers home: each piece sealed for home alone, in a signed receipt; keeps the report that home made."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from confluent_kafka import Producer

from consumers.verify.hold import Question
from data_embassy.envelope import encode_payload, sign_receipt
from data_embassy.envelope.answer import Place, seal_answer
from data_embassy.keys import EmbassyKeys
from data_embassy.verifications import keep_report

_NONCE_BYTES: Final = 12
_TRIES: Final = 100
_TRY_SECONDS: Final = 0.1


class AnswerSender:
    """Answers of one lane."""

    def __init__(
        self,
        *,
        register: str,
        lane: str,
        keys: EmbassyKeys,
        state: Path,
        send: Callable[[bytes], None],
    ) -> None:
        self._register, self._lane, self._keys, self._state = register, lane, keys, state
        self._send = send
        self._messages = 0

    def send(self, question: Question, part: int, content: Mapping[str, Any]) -> None:
        """Send one answer; the caller's threads take turns."""
        assert question.answer_key is not None
        self._messages += 1
        place = Place(verification=question.verification, attempt=question.attempt, part=part, message=self._messages)
        for fields in seal_answer(question.answer_key, self._lane, place, content, nonces=_nonces()):
            self._send(sign_receipt(self._keys, encode_payload(self._lane, fields)))

    def keep(self, verification: str, report: Mapping[str, Any]) -> None:
        """Sign home's report with this site's key and store it."""
        keep_report(self._state, self._register, verification, report, signer=self._keys.receipt_signer)


def patient_sender(producer: Producer, topic: str) -> Callable[[bytes], None]:
    """Sends in order, and waits while the broker is slow; what it then still does not take, home asks for again."""

    def send(receipt: bytes) -> None:
        for _ in range(_TRIES):
            try:
                producer.produce(topic, receipt, partition=0)
            except BufferError:
                producer.poll(_TRY_SECONDS)
            else:
                break
        producer.poll(0)

    return send


def _nonces() -> Iterator[bytes]:
    while True:
        yield os.urandom(_NONCE_BYTES)
