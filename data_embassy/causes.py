"""Every cause that can keep a register from going on: what happened, who acts, the command that ends it, its runbook.

A cause is the name of an error's class. It is all that a receipt tells home of a stop, so this table is how home knows
what to do; the embassy shows the same command. `NAME` stands for the register. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from data_embassy.errors import DataEmbassyError

Where = Literal["home", "embassy", "here"]
"""Which site acts; "here" is the site where the stop is shown first."""


@dataclass(frozen=True, slots=True)
class Cause:
    """One kind of standstill."""

    what: str
    """One sentence, without names or values."""
    where: Where
    remedy: str | None
    """The command; None where the error itself names it (choices, files)."""
    runbook: str
    """Page below docs/runbooks, without its ending."""
    afar: str | None = None
    """What the other site's operator reads where the remedy is left to the error."""


SNAPSHOT: Final = "embassy register snapshot NAME"
DIFFERING: Final = f"{SNAPSHOT} --differing, or with every row: {SNAPSHOT}"
REPLAY: Final = "embassy register replay NAME"
RESUME: Final = "embassy register resume NAME"
_IMPORT: Final = "embassy keys import FILE --fingerprint F"
_FIX: Final = f"remove the cause, then: {RESUME}"

_PREPARE_AGAIN: Final = f"embassy register prepare NAME --print-sql, run by the DBA, then: {SNAPSHOT}"

_ALTERED = "altered-lane"
_FAULT = "program-fault"
_KEYS = "keys"
_MISSING = "missing-records"
_STREAM = "broken-stream"
_SOURCE = "changed-source"
_SCHEMA = "schema-changes"
_DIFFERS = "standby-differs"
_SERVER = "standby-server"
_VERSIONS = "versions"
_RUNNING = "not-running"

CAUSES: Final[dict[str, Cause]] = {
    # The lane's envelopes (envelope-v1 section 7).
    "BadMagic": Cause("Something that is no envelope stands on the lane.", "home", SNAPSHOT, _ALTERED),
    "Truncated": Cause("An envelope on the lane ends early.", "home", SNAPSHOT, _ALTERED),
    "TrailingBytes": Cause("Bytes follow an envelope on the lane.", "home", SNAPSHOT, _ALTERED),
    "Oversized": Cause("An envelope states a size beyond its limit.", "home", SNAPSHOT, _ALTERED),
    "HeaderMalformed": Cause("An envelope's header is not in its one valid form.", "home", SNAPSHOT, _ALTERED),
    "SignatureMissing": Cause("An envelope lacks a signature.", "home", SNAPSHOT, _ALTERED),
    "BadSignature": Cause("An envelope's signature does not match.", "home", SNAPSHOT, _ALTERED),
    "BadTag": Cause("An envelope's body does not open under its key.", "home", SNAPSHOT, _ALTERED),
    "WrongLane": Cause("An envelope of another lane stands on this one.", "home", SNAPSHOT, _ALTERED),
    "WrongKind": Cause("An envelope is of another kind than its place needs.", "home", SNAPSHOT, _ALTERED),
    "ReceiptMalformed": Cause("A receipt is not in its one valid form.", "embassy", RESUME, _ALTERED),
    "BadVersion": Cause("An envelope's version is not known here.", "here", f"upgrade, then: {RESUME}", _VERSIONS),
    "BadKind": Cause("An envelope's kind is not known here.", "here", f"upgrade, then: {RESUME}", _VERSIONS),
    "BadCodec": Cause("An envelope's codec is not known here.", "here", f"upgrade, then: {RESUME}", _VERSIONS),
    "UnknownSigner": Cause(
        "An envelope is signed by a key that the embassy does not trust.",
        "embassy",
        f"{_IMPORT}, then: {RESUME}",
        _KEYS,
    ),
    "NotARecipient": Cause(
        "An epoch's key was not wrapped for any key of the embassy.", "home", f"{_IMPORT}, then: {SNAPSHOT}", _KEYS
    ),
    "BadKeyWrap": Cause("An epoch's wrapped key does not open.", "home", SNAPSHOT, _FAULT),
    "UnknownEpoch": Cause("An envelope names an epoch that was not opened.", "home", SNAPSHOT, _FAULT),
    "EpochMismatch": Cause("An envelope contradicts its epoch.", "home", SNAPSHOT, _FAULT),
    "BadCommitment": Cause("An envelope does not commit to its key.", "home", SNAPSHOT, _FAULT),
    "Bomb": Cause("An envelope's body expands to another size than stated.", "home", SNAPSHOT, _FAULT),
    "BodyMalformed": Cause("An envelope's body is not in its one valid form.", "home", SNAPSHOT, _FAULT),
    "Unsealable": Cause("Records of the home topic cannot be sealed.", "home", f"{SNAPSHOT}, then: {RESUME}", _MISSING),
    # Keys.
    "KeyMissing": Cause("A key of this site is missing.", "here", f"restore the key folder, then: {RESUME}", _KEYS),
    "KeyForeign": Cause("A key belongs to another site.", "here", f"restore the key folder, then: {RESUME}", _KEYS),
    "KeyExposed": Cause(
        "Other users of the machine can read a key.",
        "here",
        f"chmod 700 the key folder and 600 its files, then: {RESUME}",
        _KEYS,
    ),
    "KeyNotOwned": Cause("A key belongs to another user.", "here", f"chown the key folder, then: {RESUME}", _KEYS),
    "KeyDamaged": Cause("A key file is damaged.", "here", f"restore the key folder, then: {RESUME}", _KEYS),
    "PeerMissing": Cause("No public keys of the other site are known.", "here", f"{_IMPORT}, then: {RESUME}", _KEYS),
    "RecoveryMissing": Cause(
        "No recovery recipient is known.",
        "home",
        f"embassy keys init --recovery FOLDER, then: {RESUME}",
        _KEYS,
    ),
    "LaneUnreadable": Cause(
        "None of the lane's envelopes carries home's signature.",
        "home",
        f"embassy keys list, compare both sites, restore the key folder, then: {RESUME}",
        _KEYS,
    ),
    # Records that are missing.
    "Gapped": Cause("Records are missing on the lane.", "home", SNAPSHOT, _MISSING),
    "Reordered": Cause("Somebody reordered the lane.", "home", SNAPSHOT, _MISSING),
    "LaneLost": Cause("The lane does not reach to the standby's position.", "home", SNAPSHOT, _MISSING),
    "HomeGap": Cause(
        "Records of the home topic were lost before they were sealed.",
        "home",
        f"{SNAPSHOT}, then: {RESUME}",
        _MISSING,
    ),
    "MessageTooLarge": Cause(
        "The embassy's broker refuses an envelope for its size.",
        "embassy",
        f"raise max.message.bytes of the lane's topic to 80 MiB, then at home: {RESUME}",
        _MISSING,
    ),
    # The stream's rules (stream-v1).
    "StreamError": Cause("The records break a rule of the stream.", "home", SNAPSHOT, _STREAM),
    "UnknownOrigin": Cause("A record comes from an unknown origin.", "home", SNAPSHOT, _STREAM),
    "RunWithoutMarker": Cause("A session begins without its marker.", "home", SNAPSHOT, _STREAM),
    "FrameBroken": Cause("Begin, changes and end of a transaction do not fit.", "home", SNAPSHOT, _STREAM),
    "BrokenFrame": Cause("The changes of a transaction are not what its frame says.", "home", SNAPSHOT, _STREAM),
    "UnknownSchema": Cause("A change has a schema that was not announced.", "home", SNAPSHOT, _STREAM),
    "UnknownShape": Cause("A change has a schema that was not announced.", "home", SNAPSHOT, _STREAM),
    "DamagedChange": Cause("A change cannot be decoded.", "home", SNAPSHOT, _STREAM),
    "BeatSkipped": Cause("The register's pulse jumped: a transaction is missing.", "home", SNAPSHOT, _STREAM),
    "SessionGap": Cause("A capture session starts behind what was applied.", "home", DIFFERING, _SOURCE),
    "SystemChanged": Cause("The changes come from another database system.", "home", SNAPSHOT, _SOURCE),
    "TimelineForked": Cause("The register's timeline left the one that was applied.", "home", DIFFERING, _SOURCE),
    "HomeLogRewritten": Cause(
        "Home's log was rewritten and lost changes that had not been sealed.", "home", SNAPSHOT, _MISSING
    ),
    "RegisterWentBack": Cause("The register was restored to an earlier time.", "home", DIFFERING, _SOURCE),
    "BaseMissing": Cause(
        "A generation rests on an earlier one that the lane does not hold any more.", "home", SNAPSHOT, _MISSING
    ),
    # Applying.
    "DdlNotReplayed": Cause(
        "A change of the register's schema cannot be replayed by itself.",
        "embassy",
        None,
        _SCHEMA,
        afar=f"at the embassy: embassy register decide NAME; or at home: {SNAPSHOT}",
    ),
    "CatalogDiffers": Cause(
        "The standby's tables, columns, indexes or enums are not the register's.", "home", SNAPSHOT, _SCHEMA
    ),
    "DecisionsDamaged": Cause(
        "The embassy's log of decisions was altered.",
        "embassy",
        f"restore the file from a backup, then: {RESUME}",
        _SCHEMA,
    ),
    "RepairRefused": Cause("Rows that were sent again do not fit the standby.", "home", SNAPSHOT, _DIFFERS),
    "TableMissing": Cause("The stream changes a table that the standby does not have.", "home", SNAPSHOT, _SCHEMA),
    "ShapeMismatch": Cause("A change's columns are not those of the standby's table.", "home", SNAPSHOT, _SCHEMA),
    "UnidentifiedRow": Cause(
        "A change names no row that can be found.",
        "home",
        f"embassy register check NAME, mend the table's identity, then: {SNAPSHOT}",
        _SCHEMA,
    ),
    "Divergence": Cause("The standby is not what the stream says it was.", "embassy", REPLAY, _DIFFERS),
    "PositionMoved": Cause("Somebody else wrote the standby's position.", "embassy", REPLAY, _DIFFERS),
    "LoadDivergence": Cause("What was loaded is not what the snapshot states.", "home", SNAPSHOT, _DIFFERS),
    "StandbyMissing": Cause("The standby's database is gone.", "embassy", REPLAY, _SERVER),
    "StandbyRefused": Cause("The embassy's PostgreSQL refused a statement.", "embassy", _FIX, _SERVER),
    "Refused": Cause("The embassy's PostgreSQL refused changes of a table.", "embassy", _FIX, _SERVER),
    "LoadFailed": Cause("The embassy's PostgreSQL refused a part of the snapshot.", "embassy", _FIX, _SERVER),
    "Faulted": Cause("A fault of this program.", "embassy", f"report it; after an upgrade: {RESUME}", _FAULT),
    # Configuration.
    "ConfigError": Cause("The configuration cannot be used.", "here", "embassy config check", "configuration"),
    "ExcludedRows": Cause(
        "Rows of a table that the contract excludes were captured.",
        "home",
        f"embassy register check NAME, and what it says of the table, then: {RESUME}",
        "configuration",
    ),
    "ContractError": Cause("The register's contract cannot be used.", "here", "embassy config check", "configuration"),
    # What is waited for, and who is missing.
    "TransportError": Cause("A service does not answer; it is tried again by itself.", "here", None, _RUNNING),
    "Unreachable": Cause("A service does not answer; it is tried again by itself.", "here", None, _RUNNING),
    "BaseMoved": Cause(
        "The standby that a generation rests on went on; it is built anew from the lane.", "here", None, _RUNNING
    ),
    "ReceiverDown": Cause("No receiver works at the embassy.", "embassy", "embassy run receive", _RUNNING),
    "ForwarderDown": Cause("No forwarder works at home.", "home", "embassy run forward", _RUNNING),
    "EmbassySilent": Cause(
        "The embassy has said nothing for a while, or its receipts do not arrive.",
        "embassy",
        "embassy status",
        _RUNNING,
    ),
    "LinkDown": Cause(
        "The embassy's broker does not answer through the link.",
        "home",
        "embassy config show, and see who answers at link.bootstrap; it goes on by itself",
        "link",
    ),
    "EmbassyBrokerDown": Cause(
        "The embassy's broker does not answer: nothing arrives there.", "embassy", "systemctl start kafka", _RUNNING
    ),
    "HomeBrokerDown": Cause(
        "Home's broker does not answer: nothing is captured or forwarded.", "home", "systemctl start kafka", _RUNNING
    ),
    "ConnectDown": Cause(
        "Kafka Connect does not answer: no register is captured.", "home", "systemctl start kafka-connect", _RUNNING
    ),
    "PulseDown": Cause("No pulse is written into the register.", "home", "embassy run pulse", _RUNNING),
    "PulseSilent": Cause(
        "No pulse of the register arrives: its capture, the forwarder, the link or home stands still.",
        "home",
        "embassy status",
        "silence",
    ),
    "ReceiptWentBack": Cause(
        "The embassy states less than it stated before: a copy was rolled back.", "embassy", REPLAY, _DIFFERS
    ),
    # The register itself, as home sees it (pipelines/pulse/sentry.py; the plugin's CaptureException.java).
    "SlotMissing": Cause("The register's replication slot is gone.", "home", DIFFERING, _SOURCE),
    "SlotInvalidated": Cause("The register's server invalidated the replication slot.", "home", DIFFERING, _SOURCE),
    "SlotForeign": Cause("The slot of this name is of another database or plugin.", "home", None, _SOURCE),
    "PublicationChanged": Cause(
        "The publication was gone, left something out, or was made again: changes may have passed unseen.",
        "home",
        _PREPARE_AGAIN,
        _SOURCE,
    ),
    "EventTriggerChanged": Cause(
        "An event trigger was off, gone or made again: a schema change may have passed unseen.",
        "home",
        _PREPARE_AGAIN,
        _SOURCE,
    ),
    "EventTriggersOff": Cause(
        "Event triggers are switched off at the register: a schema change may have passed unseen.",
        "home",
        f"set event_triggers = on at the register, then: {SNAPSHOT}",
        _SOURCE,
    ),
    "PulseRowLost": Cause("The register's clock row is gone.", "home", _PREPARE_AGAIN, _SOURCE),
    "RegisterUnprepared": Cause(
        "The schema data_embassy, or a right on it, is gone from the register.", "home", _PREPARE_AGAIN, _SOURCE
    ),
    "HomeTopicMissing": Cause("The home topic was deleted.", "home", "embassy connector apply NAME", _MISSING),
    "EncodingUnknown": Cause("The register's encoding has no known meaning.", "home", None, "capture"),
    "RecordTooLarge": Cause(
        "A row is larger than a record may be.",
        "home",
        f"make the row smaller at the register, drop its slot, then: {SNAPSHOT}",
        "capture",
    ),
    "SettingRefused": Cause(
        "The connector has a setting under which rows would be lost.", "home", "embassy connector apply NAME", "capture"
    ),
    "SettingsNotPinned": Cause(
        "The capture role may not set how values look as text.", "home", "embassy register prepare NAME", "capture"
    ),
    "StreamBroken": Cause("Debezium's stream broke its own rules.", "home", "embassy connector apply NAME", "capture"),
    "StreamNotUnderstood": Cause(
        "The replication stream holds what this version does not know.", "home", None, _VERSIONS
    ),
    "SlotTaken": Cause(
        "Somebody else reads the slot; it is tried again by itself.", "home", "embassy connector status NAME", "capture"
    ),
    "RegisterUnreachable": Cause(
        "The register's server does not answer; it is tried again by itself.",
        "home",
        "embassy connector status NAME",
        "capture",
    ),
    "RegisterInRecovery": Cause(
        "The register's address leads to a standby; it is tried again by itself.",
        "home",
        "name the primary's host and port in the contract, then: embassy connector apply NAME",
        "capture",
    ),
    "CaptureStopped": Cause(
        "The register's connector was paused or stopped.", "home", "embassy connector apply NAME", "capture"
    ),
    "CaptureMissing": Cause("The register's connector was deleted.", "home", "embassy connector apply NAME", "capture"),
    "CaptureFailed": Cause(
        "The capture task of the register failed; it is tried again by itself.",
        "home",
        "embassy connector status NAME",
        "capture",
    ),
    # What is lost soon; nothing stands still for it.
    "SlotNearLoss": Cause(
        "The register's server will throw away log that the standby still needs.",
        "home",
        "embassy connector apply NAME; to win time, raise max_slot_wal_keep_size at the register",
        "slot",
    ),
    "RetentionNearLoss": Cause(
        "A topic's retention will remove what is still needed.",
        "here",
        "kafka-configs.sh --alter --entity-type topics --entity-name TOPIC --add-config retention.ms=-1",
        "retention",
    ),
}


def remedy_for(error: DataEmbassyError, *, register: str, site: Literal["home", "embassy"]) -> str:
    """The command that ends this stop, as the operator of `site` should read it."""
    return remedy_of(error.cause_class, register=register, site=site, otherwise=error.remedy)


def remedy_of(cause: str, *, register: str, site: Literal["home", "embassy"], otherwise: str = "embassy status") -> str:
    """As `remedy_for`, for a cause known by its name alone; `otherwise` where the table leaves it to the error."""
    known = CAUSES.get(cause)
    if known is None or known.remedy is None:
        is_afar = known is not None and known.afar is not None and known.where not in (site, "here")
        words = known.afar if known is not None and known.afar is not None and is_afar else otherwise
        return words.replace("NAME", register)
    words = known.remedy.replace("NAME", register)
    if known.where in (site, "here"):
        return words
    return f"at home: {words}" if known.where == "home" else f"at the embassy: {words}"


def what_of(cause: str) -> str:
    """What happened, in one sentence."""
    known = CAUSES.get(cause)
    return "The other site's version knows a cause that this one does not." if known is None else known.what
