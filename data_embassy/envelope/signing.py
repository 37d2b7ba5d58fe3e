"""Signatures of envelopes (envelope-v1 section 2.4): what is signed, by which keys, how it is verified."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final, TypeVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey

from data_embassy.envelope.errors import BadSignature, UnknownSigner, WrongLane
from data_embassy.envelope.header import Header, Kind
from data_embassy.envelope.layout import Parts
from data_embassy.keys.kinds import KeyId
from data_embassy.keys.sets import HomeSigners
from data_embassy.keys.tagged import tagged

T = TypeVar("T")
_LABEL: Final = b"data-embassy/v1/envelope/signature"


def signed_bytes(associated: bytes, body: bytes | memoryview) -> bytes:
    """Everything before the signatures: prefix and header as they are, the body by its SHA-512.

    The body's digest stands for it because Ed25519 would read a body of many megabytes twice, ML-DSA once more.
    """
    return tagged(_LABEL, associated, hashlib.sha512(body).digest())


def sign(signer: Ed25519PrivateKey, message: bytes) -> bytes:
    """Ed25519 (RFC 8032): deterministic, 64 bytes."""
    return signer.sign(message)


def sign_pq(signer: MLDSA65PrivateKey, message: bytes) -> bytes:
    """ML-DSA-65 (FIPS 204): 3,309 bytes. The label in the message separates its uses, so its context stays empty."""
    return signer.sign(message)


def verify(parts: Parts, signers: HomeSigners, *, lane: str) -> Header:
    """Steps (5) to (8) of section 6.1 on a parsed envelope.

    Raises WrongLane, UnknownSigner, BadSignature.
    """
    header = parts.header
    # (5) the envelope belongs here
    if header.lane != lane:
        raise WrongLane(f"lane {header.lane}")
    # (6) the keys that signed are home's
    public = _known(signers.ed25519, header.signer)
    # (7) Ed25519 over everything before the signatures
    message = signed_bytes(parts.associated, parts.body)
    verify_ed25519(public, parts.signature, message)
    # (8) ML-DSA-65 over the same bytes, for an epoch envelope: it carries the keys that must outlast Ed25519
    if header.kind is Kind.EPOCH:
        assert header.signer_pq is not None, "the schema of an epoch header has it"
        try:
            _known(signers.ml_dsa, header.signer_pq).verify(parts.signature_pq, message)
        except InvalidSignature as error:
            raise BadSignature("ML-DSA-65") from error
    return header


def verify_ed25519(public: Ed25519PublicKey, signature: bytes, message: bytes) -> None:
    """Raise BadSignature unless the signature matches."""
    try:
        public.verify(signature, message)
    except InvalidSignature as error:
        raise BadSignature("Ed25519") from error


def _known(keys: Mapping[KeyId, T], key: KeyId) -> T:
    try:
        return keys[key]
    except KeyError:
        raise UnknownSigner(f"key {key.hex()}") from None
