"""The program is found, or torch's operations do the work: a run neither stops nor waits."""

import os
import time

import pytest
import torch
from torch import nn

from lifesigns._programs import SWITCH, compiler, here, later
from lifesigns.record import Recorder
from lifesigns.record.measure.kernel import building
from lifesigns.record.measure.reduce import Pack

needs_compiler = pytest.mark.skipif(compiler() is None, reason="there is no C compiler")


@pytest.fixture(autouse=True)
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv(SWITCH)
    building.program.cache_clear()
    yield tmp_path / "lifesigns" / "compiled"
    building.program.cache_clear()


def recorded():
    """How many steps a recorder that fails loudly has seen."""
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh())
    recorder = Recorder(model, every=1, strict=True)
    recorder.start()
    for _ in range(2):
        model(torch.randn(5, 3)).square().mean().backward()
    recorder.stop()
    return len(recorder.trace().snapshots)


@needs_compiler
def test_a_run_does_without_what_is_compiled_meanwhile_and_the_next_one_has_it(empty_cache):
    assert building.program() is None
    until = time.monotonic() + 120
    while not list(empty_cache.glob("*.so")) and time.monotonic() < until:
        time.sleep(0.1)
    assert building.program() is None  # this run keeps to its way

    building.program.cache_clear()

    assert building.program() is not None
    assert recorded() == 2


@needs_compiler
def test_a_program_that_was_asked_for_at_once_is_there_at_once(monkeypatch):
    monkeypatch.setenv(SWITCH, "now")

    assert building.program() is not None


def test_a_program_that_is_switched_off_is_not_compiled(monkeypatch, empty_cache):
    monkeypatch.setenv(SWITCH, "off")

    assert building.program() is None
    assert not empty_cache.exists()


@needs_compiler
@pytest.mark.parametrize("damage", [b"", b"no library", None], ids=["empty", "other", "cut off"])
def test_a_damaged_program_is_not_loaded(damage, monkeypatch, empty_cache):
    monkeypatch.setenv(SWITCH, "now")
    building.program()
    monkeypatch.delenv(SWITCH)
    building.program.cache_clear()
    (path,) = empty_cache.glob("*.so")
    damaged = path.read_bytes()[:5000] if damage is None else damage
    path.unlink()  # what is loaded stays as it is, or this process dies of it
    path.write_bytes(damaged)
    monkeypatch.setattr(here, "compile_later", lambda *_: False)

    assert building.program() is None
    assert recorded() == 2


@pytest.mark.parametrize("command", ["false", "true", "sh -c 'exit 1'", "cc 'x", "/none/such"])
def test_a_compiler_that_does_not_compile_is_passed_over_silently(command, monkeypatch, capfd):
    monkeypatch.setenv("CC", command)
    monkeypatch.setenv(SWITCH, "now")
    if command == "/none/such":
        monkeypatch.setenv("PATH", "")

    assert building.program() is None
    assert recorded() == 2
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("wish", ["now", ""])
def test_where_nothing_can_be_written_torch_does_the_work(wish, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setenv(SWITCH, wish)

    assert building.program() is None
    assert recorded() == 2


def test_where_no_process_can_be_started_torch_does_the_work(monkeypatch):
    def refuse(*_, **__):
        raise BlockingIOError("no more processes")

    monkeypatch.setattr(later.subprocess, "run", refuse)

    assert building.program() is None
    assert recorded() == 2


@needs_compiler
def test_other_flags_processors_and_sources_have_programs_of_their_own(monkeypatch, tmp_path):
    order, main = compiler(), building.MAIN
    name = here.name_of(order, main, [])
    other_flags = here.name_of(order, main, ["-DANOTHER"])

    monkeypatch.setattr(here, "_processor", lambda: b"another")
    other_processor = here.name_of(order, main, [])
    (tmp_path / "reduce.c").write_text("int another;")
    other_source = here.name_of(order, tmp_path / "reduce.c", [])

    assert len({name, other_flags, other_processor, other_source}) == 4


def test_a_pack_reads_tensors_without_a_program(monkeypatch):
    monkeypatch.setenv(SWITCH, "off")
    pack = Pack()

    pending = pack.sums(torch.ones(3, 2))

    assert pack.program is None
    assert pending.of(pack.fetch()).total.tolist() == [3, 3]
    assert os.environ[SWITCH] == "off"
