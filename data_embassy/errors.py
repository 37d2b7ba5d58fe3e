"""Errors of data-embassy: every one says what happened, what it means and what to do.

Two kinds (docs/contributing): bad data or a bad world is a `DataEmbassyError` with a remedy; a
programmer's mistake is an `AssertionError` or `RuntimeError` and crashes. Messages never carry row data.
"""

from __future__ import annotations


class DataEmbassyError(Exception):
    """Something outside this program's control is wrong.

    `message` says what, `remedy` says what to do about it: a command where there is one.
    """

    def __init__(self, message: str, *, remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    @property
    def cause_class(self) -> str:
        """Stable name of this kind of error, used in status, metrics and runbooks."""
        return type(self).__name__

    def diagnostics(self) -> str:
        """Text for the person at the terminal."""
        return f"{self.cause_class}: {self.message}\nremedy: {self.remedy}"


class ConfigError(DataEmbassyError):
    """The site's configuration cannot be used."""


class ContractError(ConfigError):
    """A register's contract cannot be used."""


class KeyringError(DataEmbassyError):
    """A key is missing, foreign, readable by others or damaged."""


class EnvelopeError(DataEmbassyError):
    """An envelope was refused. Subclasses name the reason."""


class StreamError(DataEmbassyError):
    """The records of a register's stream break the rules of stream v1."""


class ApplyError(DataEmbassyError):
    """Changes could not be applied exactly."""


class TransportError(DataEmbassyError):
    """A broker, Kafka Connect or a database cannot be reached. Worth retrying."""


class CheckFailed(DataEmbassyError):
    """A check that was asked for did not hold."""


class RegisterStopped(DataEmbassyError):
    """A register stopped at its position; the others go on."""

    def __init__(self, register: str, *, cause: DataEmbassyError, position: str) -> None:
        super().__init__(f"{register} stopped at {position}: {cause.message}", remedy=cause.remedy)
        self.register = register
        self.cause = cause
        self.position = position

    @property
    def cause_class(self) -> str:
        """The class of the underlying cause."""
        return self.cause.cause_class
