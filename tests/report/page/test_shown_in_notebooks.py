import html
import re

from lifesigns.records import RunInfo, Trace
from lifesigns.report import Report


def test_a_notebook_shows_the_page_in_a_frame_that_reaches_nothing_around_it():
    report = Report(Trace(info=RunInfo('train.py "</iframe><script>alert(1)</script>"')), ())

    shown = report._repr_html_()

    opening = re.match(r'<iframe sandbox="([^"]*)" .* srcdoc="([^"]*)"></iframe>$', shown, re.S)
    assert opening
    assert opening[1] == "allow-scripts"
    assert html.unescape(opening[2]) == report.html()


def test_elsewhere_a_report_is_its_text():
    assert repr(Report(Trace(), ())).startswith("<Report: ")
