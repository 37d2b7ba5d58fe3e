"""Home's side of a verification: ask, compare, find what differs, keep a signed report; and the repair (DESIGN 9)."""

from operations.verify.model import Report, TableReport
from operations.verify.run import Options, Progress, verify

__all__ = ["Options", "Progress", "Report", "TableReport", "verify"]
