import io
import time

from lifesigns.locale.spoken import speaking
from lifesigns.report.progress import Progress, spell


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_a_line_says_what_is_done_how_far_it_is_and_what_is_left():
    clock = Clock()
    progress = Progress("lab", io.StringIO(), clock=clock)
    progress.at("comparing", 25, 100)
    clock.now = 20.0

    assert progress.line() == "lifesigns lab: comparing, 25 %, 20 s, about 60 s left"


def test_a_line_is_in_the_language_of_the_process():
    clock = Clock()
    progress = Progress("lab", io.StringIO(), clock=clock)
    progress.at("comparing", 1, 2)
    clock.now = 200.0

    with speaking("zh"):
        assert progress.line() == "lifesigns lab: 比较，50 %，3 分 20 秒，还需约 3 分钟"


def test_a_pipe_gets_lines_until_the_end_and_none_after_it():
    stream = io.StringIO()

    with Progress("claims", stream, every=0.001) as progress:
        progress.at("born-dead", 1, 4)
        deadline = time.monotonic() + 10
        while "born-dead" not in stream.getvalue() and time.monotonic() < deadline:
            time.sleep(0.001)
    said = stream.getvalue()
    time.sleep(0.01)

    assert "lifesigns claims: born-dead, 25 %" in said
    assert stream.getvalue() == said


def test_a_stream_that_was_closed_ends_nothing():
    stream = io.StringIO()
    stream.close()

    Progress("demo", stream, is_drawn=False)._write("a line")


def test_a_terminal_without_a_bar_gets_no_lines():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    stream = Terminal()

    with Progress("prove", stream, every=0.001, is_drawn=False):
        time.sleep(0.01)

    assert stream.getvalue() == ""


def test_long_durations_are_said_in_minutes():
    assert [spell(seconds) for seconds in (0.4, 89, 91, 3600)] == ["0 s", "89 s", "2 min", "60 min"]


def test_lines_of_a_long_command_differ():
    now = [0.0]
    progress = Progress("prove", io.StringIO(), is_drawn=False, clock=lambda: now[0])
    lines = []
    for now[0] in (80.0, 100.0, 119.9, 120.1):
        lines.append(progress.line().partition(": ")[2])

    assert lines == ["80 s", "1 min 40 s", "1 min 59 s", "2 min 0 s"]
