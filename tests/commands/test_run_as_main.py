"""A watched script is `__main__` as Python would make it."""

import subprocess
import sys

import pytest

SCRIPTS = {
    "what __main__ holds": """
        print(__file__, __name__, __cached__, type(__loader__).__name__, __spec__, __package__)
        print(sorted(name for name in globals() if name.startswith("__")))
    """,
    "its own folder after a change of folder": """
        import inspect, os
        def f(): ...
        os.chdir("/")
        print(open(__file__).read() == inspect.getsource(sys.modules["__main__"]), f.__code__)
    """,
    "annotations that are types": """
        import dataclasses
        @dataclasses.dataclass
        class Options:
            rate: float = 0.1
        print([field.type for field in dataclasses.fields(Options)])
    """,
}


@pytest.mark.parametrize("name", SCRIPTS)
@pytest.mark.parametrize("written", ["train.py", "./train.py"])
def test_a_script_sees_itself_as_it_does_unwatched(name, written, tmp_path, forked):
    lines = [line[8:] for line in SCRIPTS[name].splitlines()]
    text = "\n".join(["import sys", *lines]).replace("f.__code__", "f.__code__.co_filename")
    (tmp_path / "train.py").write_text(text)
    alone = subprocess.run(
        [sys.executable, written], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )

    watched = forked("run", written, cwd=tmp_path)

    assert alone.stdout != ""
    assert (watched.stdout, watched.returncode) == (alone.stdout, 0)


@pytest.mark.parametrize("option", ["--json", "--sarif"])
def test_a_report_never_takes_the_place_of_a_foreign_file(option, tmp_path, forked):
    (tmp_path / "train.py").write_text("print('ran')")
    (tmp_path / "weights.pt").write_text("mine")

    refused = forked("run", option, "weights.pt", "train.py", cwd=tmp_path)
    written = [forked("run", option, "report", "train.py", cwd=tmp_path) for _ in range(2)]

    assert (refused.returncode, refused.stdout) == (2, "")
    assert "is no report of lifesigns" in refused.stderr
    assert (tmp_path / "weights.pt").read_text() == "mine"
    assert [process.returncode for process in written] == [0, 0]
