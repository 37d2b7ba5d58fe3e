"""A register that stops at home: its stop is stored, logged and measured, and stands until an operator clears it."""

from __future__ import annotations

import asyncio
from typing import Final

from data_embassy import log, metrics
from pipelines.stops import Stop, StopFiles

_CLEARED_SECONDS: Final = 1.0

_log = log.get("forward")


async def stand_still(stop: Stop, stops: StopFiles, retry: asyncio.Event) -> None:
    """Return when the stop's file was removed, or `retry` is set; the file stays then, until the register goes on."""
    stops.write(stop)
    metrics.STOPPED.labels(stop.register, stop.cause).set(1)
    _log.error(
        "register_stopped",
        register=stop.register,
        cause=stop.cause,
        reason=stop.message,
        remedy=stop.remedy,
        home_offset=stop.home_offset,
    )
    retry.clear()
    while stops.read(stop.register) is not None and not retry.is_set():
        try:
            await asyncio.wait_for(retry.wait(), _CLEARED_SECONDS)
        except TimeoutError:
            continue
    metrics.STOPPED.remove(stop.register, stop.cause)
