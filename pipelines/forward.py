"""The way of a change at home, as named steps: collect, compress, seal, sign, publish.

The home topic of a register is copied onto its lane, contiguous ranges of records in sealed envelopes, in order.
Compressing, sealing and signing are one call of `HomeSealer.seal` (envelope-v1). `session` keeps what lives around
these steps: where to go on, what is in flight, stops.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from data_embassy.envelope import EpochExhausted, EpochUse
from pipelines.batches import Batch, Record


class Sealer(Protocol):
    """One lane's sealing (data_embassy.envelope.HomeSealer)."""

    def begin_epoch(self, *, next_offset: int, schemas: Sequence[bytes], generation: int | None) -> bytes: ...  # noqa: D102

    def epoch_acknowledged(self, lane_offset: int) -> None: ...  # noqa: D102

    def seal(self, records: Sequence[Record]) -> bytes: ...  # noqa: D102

    @property
    def epoch_use(self) -> EpochUse | None: ...  # noqa: D102


class Around(Protocol):
    """What the steps need of the session."""

    async def collect(self) -> Batch:
        """The next batch, by the rules of `batches`."""
        ...

    async def remember(self, schemas: Sequence[bytes]) -> Sequence[bytes]:
        """Keep these schema records, acknowledged, and return all of the register, oldest first."""
        ...

    async def publish_epoch(self, envelope: bytes) -> int | None:
        """Publish an epoch envelope; its lane offset, None when the broker cannot say."""
        ...

    def publish(self, batch: Batch, envelope: bytes) -> None:
        """Hand an envelope to the producer; its acknowledgement is awaited elsewhere, in order."""
        ...


@dataclass(slots=True, kw_only=True)
class Way:
    """One register's way from the home topic to the lane, since this worker took it up."""

    around: Around
    new_sealer: Callable[[], Sealer]
    """Asked at each epoch: it knows the keys that are there then."""
    sealer: Sealer | None = None
    """Of the epoch in use."""

    async def forward(self) -> None:
        """Carry one batch."""
        batch = await self.around.collect()
        schemas = await self.around.remember(batch.schemas)
        envelope = await self._seal(batch, schemas)
        self.around.publish(batch, envelope)

    async def _seal(self, batch: Batch, schemas: Sequence[bytes]) -> bytes:
        sealer = self.sealer
        if sealer is None or batch.generation is not None:
            sealer = await self._begin_epoch(batch, schemas)
        try:
            return sealer.seal(batch.records)
        except EpochExhausted:
            return (await self._begin_epoch(batch, schemas)).seal(batch.records)

    async def _begin_epoch(self, batch: Batch, schemas: Sequence[bytes]) -> Sealer:
        # Its records name the epoch's lane offset, so it is awaited. Where the broker cannot say it, a new epoch is
        # begun; nothing refers to the former.
        sealer, lane_offset = self.new_sealer(), None
        while lane_offset is None:
            epoch = sealer.begin_epoch(next_offset=batch.first_offset, schemas=schemas, generation=batch.generation)
            lane_offset = await self.around.publish_epoch(epoch)
        sealer.epoch_acknowledged(lane_offset)
        self.sealer = sealer
        return sealer
