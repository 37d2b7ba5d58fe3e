"""Receivers come, change and go with the contracts of the embassy, each for itself."""

from typing import Any

import pytest

from consumers import fleet
from consumers.fleet import Fleet
from data_embassy.config import Register


class Receiver:
    made: list["Receiver"]

    def __init__(self, register: Register, surroundings: Any) -> None:
        self.register, self.crash = register, None
        self.alive, self.told_to_stop, self.retried = False, False, False
        Receiver.made.append(self)

    def start(self) -> None:
        self.alive = True

    def stop(self) -> None:
        self.told_to_stop = True

    def is_alive(self) -> bool:
        return self.alive

    def join(self) -> None:
        self.alive = False

    def retry(self) -> None:
        self.retried = True


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Receiver]:
    Receiver.made = []
    monkeypatch.setattr(fleet, "RegisterReceiver", Receiver)
    return Receiver.made


def contracts(**lanes: str) -> dict[str, Register]:
    return {name: Register(name=name, lane=lane * 16, tier=1, source=None) for name, lane in lanes.items()}


def test_a_new_contract_is_received_and_the_others_do_not_notice(made):
    receivers = Fleet(None)  # type: ignore[arg-type]
    receivers.bring_in_line(contracts(land="a"))
    receivers.bring_in_line(contracts(land="a", courts="b"))
    assert [one.register.name for one in made] == ["land", "courts"]
    assert not any(one.told_to_stop for one in made)


def test_a_changed_contract_waits_until_the_former_receiver_is_done(made):
    receivers = Fleet(None)  # type: ignore[arg-type]
    receivers.bring_in_line(contracts(land="a"))
    receivers.bring_in_line(contracts(land="b"))
    receivers.bring_in_line(contracts(land="b"))
    assert (len(made), made[0].told_to_stop) == (1, True)
    made[0].alive = False
    receivers.bring_in_line(contracts(land="b"))
    assert [one.register.lane[0] for one in made] == ["a", "b"]


def test_a_removed_contract_ends_its_receiver_only(made):
    receivers = Fleet(None)  # type: ignore[arg-type]
    receivers.bring_in_line(contracts(land="a", courts="b"))
    receivers.bring_in_line(contracts(courts="b"))
    assert [one.told_to_stop for one in made] == [True, False]
    receivers.retry()
    assert [one.retried for one in made] == [False, True]
    receivers.stop()
    assert not any(one.alive for one in made)


def test_a_crash_ends_the_process_also_of_one_that_was_told_to_end(made):
    receivers = Fleet(None)  # type: ignore[arg-type]
    receivers.bring_in_line(contracts(land="a"))
    receivers.bring_in_line({})
    made[0].crash, made[0].alive = ValueError(), False
    receivers.bring_in_line({})
    with pytest.raises(RuntimeError, match="land"):
        receivers.raise_crash()
