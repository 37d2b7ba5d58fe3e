"""The receivers of a site, one per contract: they come, change and go with the contracts, each for itself."""

from __future__ import annotations

from collections.abc import Mapping

from consumers.supervise import RegisterReceiver, Surroundings
from data_embassy import log, metrics
from data_embassy.config import Register

_log = log.get("receive")


class Fleet:
    """All receivers of this process. One thread uses it."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._around = surroundings
        self._working: dict[str, RegisterReceiver] = {}
        self._leaving: dict[str, RegisterReceiver] = {}
        """Told to end and not done: a changed contract waits for the former one's receiver."""

    def bring_in_line(self, wanted: Mapping[str, Register]) -> None:
        """Receive these registers and no others."""
        for name, receiver in list(self._working.items()):
            if wanted.get(name) != receiver.register:
                receiver.stop()
                self._leaving[name] = self._working.pop(name)
        for name, receiver in list(self._leaving.items()):
            if not receiver.is_alive() and receiver.crash is None:
                del self._leaving[name]
                if name not in wanted:
                    metrics.forget(name)
                    _log.info("register_removed", register=name)
        for name, register in wanted.items():
            if name not in self._working and name not in self._leaving:
                _log.info("receiving", register=name)
                self._working[name] = RegisterReceiver(register, self._around)
                self._working[name].start()

    def receivers(self) -> list[RegisterReceiver]:
        """Those that work. Any thread may ask."""
        return list(self._working.values())

    def retry(self) -> None:
        """Look again at whatever stands still."""
        for receiver in self._working.values():
            receiver.retry()

    def raise_crash(self) -> None:
        """A fault of this process ends it; the supervisor of processes starts it again."""
        for receiver in (*self._working.values(), *self._leaving.values()):
            if receiver.crash is not None:
                raise RuntimeError(f"receiving {receiver.register.name} failed") from receiver.crash

    def stop(self) -> None:
        """End all and wait for them."""
        receivers = [*self._working.values(), *self._leaving.values()]
        for receiver in receivers:
            receiver.stop()
        for receiver in receivers:
            receiver.join()
