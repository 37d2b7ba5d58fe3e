"""The preflight of `register check`: facts read as the capture role, judged one by one.

Each check is one query and one pure function; nothing here changes the register.
"""

from connectors.preflight.check import check_register, titles
from connectors.preflight.findings import SEVERITIES, Finding, Report, Severity

__all__ = ["SEVERITIES", "Finding", "Report", "Severity", "check_register", "titles"]
