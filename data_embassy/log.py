"""Structured logs: one line per event with ids, never row data, keys or SQL arguments."""

from __future__ import annotations

import logging
import sys
from typing import Final, TextIO, cast

import structlog

_NOISY: Final = ("faust", "aiokafka", "mode", "urllib3", "kafka")


class _StandardError:
    """Standard error as it stands when a line is written: the stream that stood there before may be closed."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


def configure(*, is_verbose: bool = False) -> None:
    """Send structured lines to standard error; libraries stay at WARNING: below it some log message contents."""
    level = logging.DEBUG if is_verbose else logging.INFO
    stream = cast(TextIO, _StandardError())
    logging.basicConfig(stream=stream, level=logging.WARNING, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "event"], drop_missing=True),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(file=stream),
        cache_logger_on_first_use=True,
    )


def get(component: str) -> structlog.stdlib.BoundLogger:
    """A logger that names its component on each line."""
    logger: structlog.stdlib.BoundLogger = structlog.get_logger(component=component)
    return logger
