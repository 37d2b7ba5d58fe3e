"""Refusals of envelopes and receipts: one class for each reason (envelope-v1 section 7).

`reason` is the metric label and the name in the vectors' files. The docstring of a class is the beginning of its
message. Messages carry sizes, ids and offsets, never content.
"""

from __future__ import annotations

from typing import ClassVar, Final

from data_embassy.errors import DataEmbassyError, EnvelopeError

_KEEP: Final = "keep the evidence; somebody altered the lane or wrote to it: check the broker's access rules and disks"
_VERSION: Final = "upgrade this site's software to at least the version of the other site"
_HOME: Final = "report it: home sealed what this version cannot have sealed"


class EpochExhausted(DataEmbassyError):
    """The epoch's limits are reached, or no epoch was begun: the caller begins a new one. No refusal."""

    def __init__(self, detail: str) -> None:
        super().__init__(f"the epoch is exhausted: {detail}", remedy="begin a new epoch")


class Refused(EnvelopeError):
    """An envelope was refused."""

    reason: ClassVar[str]
    remedy_default: ClassVar[str] = _KEEP

    def __init__(self, detail: str = "", *, remedy: str | None = None) -> None:
        summary = (type(self).__doc__ or "").splitlines()[0].rstrip(".")
        super().__init__(f"{summary}: {detail}" if detail else summary, remedy=remedy or self.remedy_default)


class Truncated(Refused):
    """The envelope ends early."""

    reason = "truncated"


class TrailingBytes(Refused):
    """Bytes follow the envelope."""

    reason = "trailing_bytes"


class BadMagic(Refused):
    """This is not an envelope."""

    reason = "bad_magic"


class BadVersion(Refused):
    """The envelope's version is unknown."""

    reason = "bad_version"
    remedy_default = _VERSION


class BadKind(Refused):
    """The envelope's kind is unknown."""

    reason = "bad_kind"
    remedy_default = _VERSION


class WrongKind(Refused):
    """The envelope is of another kind than this place needs."""

    reason = "wrong_kind"


class Oversized(Refused):
    """A size is beyond its limit."""

    reason = "oversized"


class HeaderMalformed(Refused):
    """The header is not in its one valid form."""

    reason = "header_malformed"


class BadCodec(Refused):
    """The codec is unknown."""

    reason = "bad_codec"
    remedy_default = _VERSION


class WrongLane(Refused):
    """The envelope belongs to another lane."""

    reason = "wrong_lane"


class SignatureMissing(Refused):
    """A signature that this kind must carry is absent or of another size."""

    reason = "signature_missing"


class UnknownSigner(Refused):
    """The signing key is not known here."""

    reason = "unknown_signer"
    remedy_default = (
        "if the other site rotated its keys: embassy keys import FILE --fingerprint F; otherwise keep the evidence"
    )


class BadSignature(Refused):
    """A signature does not match."""

    reason = "bad_signature"


class NotARecipient(Refused):
    """The epoch's key was not wrapped for any key of this site."""

    reason = "not_a_recipient"
    remedy_default = (
        "give home this site's current bundle (embassy keys export), or restore the older key it was sealed for"
    )


class BadKeyWrap(Refused):
    """The wrapped data key does not open."""

    reason = "bad_key_wrap"
    remedy_default = _HOME


class UnknownEpoch(Refused):
    """The envelope's epoch was not opened."""

    reason = "unknown_epoch"
    remedy_default = "open the epoch envelope at the lane offset that the header states first"


class EpochMismatch(Refused):
    """The envelope contradicts its epoch envelope."""

    reason = "epoch_mismatch"
    remedy_default = _HOME


class BadCommitment(Refused):
    """The header does not commit to the epoch's key."""

    reason = "bad_commitment"
    remedy_default = _HOME


class BadTag(Refused):
    """The body does not open under the epoch's key."""

    reason = "bad_tag"


class Bomb(Refused):
    """The body would decompress to another size than the header states."""

    reason = "bomb"
    remedy_default = _HOME


class BodyMalformed(Refused):
    """The decompressed body is not in its one valid form."""

    reason = "body_malformed"
    remedy_default = _HOME


class Unsealable(Refused):
    """Records cannot be sealed."""

    reason = "unsealable"
    remedy_default = "look at the home topic: somebody else writes to it, or records were lost"


class ReceiptMalformed(Refused):
    """The receipt is not in its one valid form."""

    reason = "receipt_malformed"


REASONS: Final = tuple(sorted(cls.reason for cls in Refused.__subclasses__()))
"""All values of the metric label `reason`."""
