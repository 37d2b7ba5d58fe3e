"""Envelopes: the sealed form in which records travel on a lane (docs/spec/envelope-v1.md)."""

from data_embassy.envelope.body import Run, runs_of
from data_embassy.envelope.errors import REASONS, EpochExhausted, Refused
from data_embassy.envelope.header import Header, Kind
from data_embassy.envelope.layout import parse
from data_embassy.envelope.limits import EpochLimits
from data_embassy.envelope.open import EpochOpened, LaneOpener, OpenedRecords
from data_embassy.envelope.receipt import decode_payload, encode_payload, sign_receipt, verify_receipt
from data_embassy.envelope.seal import EpochUse, HomeSealer, HomeVerifier

__all__ = [
    "REASONS",
    "EpochExhausted",
    "EpochLimits",
    "EpochOpened",
    "EpochUse",
    "Header",
    "HomeSealer",
    "HomeVerifier",
    "Kind",
    "LaneOpener",
    "OpenedRecords",
    "Refused",
    "Run",
    "decode_payload",
    "encode_payload",
    "peek",
    "runs_of",
    "sign_receipt",
    "verify_receipt",
]


def peek(envelope: bytes) -> Header:
    """The header of an envelope, read strictly but not verified; raises a subclass of Refused."""
    return parse(envelope).header
