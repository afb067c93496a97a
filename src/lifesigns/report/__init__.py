"""Trace and findings in; text, JSON, a picture, or a rule's manual page out.

`Report` is the front door. The words are made once (`verdict`, `coverage`, `curve`) and only laid
out by the forms that show them (`terminal`, `as_json`), so that all forms say the same.
"""

from lifesigns.report._report import Report
from lifesigns.report.logs import Log, Logs

__all__ = ["Log", "Logs", "Report"]
