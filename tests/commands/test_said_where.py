"""A page that was written is said to be there, in the reader's language."""

import pytest

from lifesigns._outputs import STDOUT
from lifesigns.commands._run.delivery import Delivery
from lifesigns.locale.spoken import speaking
from lifesigns.records import Trace
from lifesigns.report import Report


class Said:
    """An outlet that keeps what is written."""

    text = ""
    encoding = "utf-8"

    def write(self, content):
        if callable(content):
            content(self)
        else:
            self.text += content

    def flush(self):
        pass

    def isatty(self):
        return False


def delivered(path, **how):
    out, err = Said(), Said()
    Delivery(None, None, path, out, err, **how)(lambda: Report(Trace(), ()))
    return err.text


@pytest.mark.parametrize(
    ("language", "said"), [("en", "the page is {}"), ("zh", "页面在 {}")], ids=["en", "zh"]
)
def test_where_the_page_is_stands_on_the_last_line(tmp_path, language, said):
    path = tmp_path / "page.html"
    with speaking(language):
        text = delivered(path)

    assert text.splitlines()[-1] == f"lifesigns: {said.format(path)}"
    assert path.exists()


def test_nothing_is_said_of_standard_output_nor_where_somebody_else_prints(tmp_path):
    assert "the page is" not in delivered(STDOUT)
    assert "the page is" not in delivered(tmp_path / "page.html", prints=False)


def test_a_page_that_cannot_be_written_is_not_said_to_be_there(tmp_path):
    text = delivered(tmp_path / "none" / "page.html")

    assert "the page is" not in text
    assert "could not be delivered" in text
