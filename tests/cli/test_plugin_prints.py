"""What plugins print, by whatever way, is never part of a result."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from selfrec.host.printing import kept_off_stdout
from tests.cli.conftest import Cli, write_shop
from tests.cli.test_plugin_commands import install
from tests.program import selfrec

LOUD = """
import atexit
import ctypes
import os
import subprocess
import sys
from pydantic import Field
from selfrec.plugin import Generator, PartOptions, hookimpl

def say(what):
    print(f"print {what}")
    os.write(1, f"descriptor {what}\\n".encode())
    if sys.__stdout__:
        sys.__stdout__.write(f"stream {what}\\n")
    ctypes.CDLL(None).printf(f"printf {what}\\n".encode())
    subprocess.run(["echo", f"child {what}"], check=True)

say("loading")
atexit.register(say, "leaving")

def usual():
    say("default")
    return 1.0

class Options(PartOptions):
    shrink: float = Field(default_factory=usual, description="Added to the norms.")

def build(options, sizes):
    import torch
    say("building")

    class Loud(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("scores", torch.arange(sizes.items).float())

        def generate(self, batch, features):
            return self.scores.expand(batch.history.shape[0], -1) * batch.weights.sum(1, keepdim=True)

    return Loud()

def train(module, fitting):
    say("training")

@hookimpl
def selfrec_generators():
    say("yielding")
    excused = {"learns_the_checkerboard": "it only prints"}
    yield Generator(name="loud", summary="Loud.", options=Options, build=build, trainer=train, excused=excused)

@hookimpl
def selfrec_commands(cli):
    say("adding")

    @cli.command()
    def shout():
        "Shout."
        say("a result")
"""

WAYS = ("print", "descriptor", "stream", "printf", "child")


@pytest.fixture
def loud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder that it is installed in."""
    install(tmp_path, monkeypatch, "loud", LOUD)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    yield tmp_path
    sys.modules.pop("selfrec_loud", None)


def said(err: str, what: str) -> list[str]:
    return [way for way in WAYS if f"{way} {what}\n" in err]


@pytest.mark.parametrize(
    ("command", "moments"),
    [
        (("plugins", "list", "--json"), ("loading", "yielding", "adding")),
        (("plugins", "show", "loud", "--json"), ("loading", "yielding", "default")),
        (("plugins", "check", "loud", "--json"), ("loading", "yielding", "building", "training")),
    ],
)
def test_json_is_alone_on_stdout(command: tuple[str, ...], moments: tuple[str, ...], loud: Path) -> None:
    ran = selfrec(*command, path=loud)
    assert ran.code == 0, ran.err
    assert "loud" in [entry["name"] for entry in json.loads(ran.out)]
    assert {(moment, *said(ran.err, moment)) for moment in moments} == {(moment, *WAYS) for moment in moments}


def test_what_is_printed_while_the_interpreter_ends_is_no_result(loud: Path) -> None:
    command = [sys.executable, "-m", "selfrec", "plugins", "list", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=loud)
    assert "loud" in [entry["name"] for entry in json.loads(done.stdout)]
    assert said(done.stderr, "leaving") == list(WAYS)


def test_tables_of_a_fit_are_alone_on_stdout(loud: Path) -> None:
    shop = write_shop(loud / "shop.duckdb")
    options = ("-o", "pipeline.extractors=", "-o", "pipeline.generators=loud", "-o", "pipeline.keep=all")
    ran = selfrec("fit", shop, "--out", loud / "model", *options, path=loud)
    assert ran.code == 0, ran.err
    assert said(ran.out, "training") == said(ran.out, "building") == []
    assert said(ran.err, "training") == said(ran.err, "building") == list(WAYS)
    assert ran.out.startswith("cleaning ")
    assert "on the validation part" in ran.out


def test_a_configuration_is_alone_on_stdout(loud: Path) -> None:
    ran = selfrec("init", "-", path=loud)
    assert ran.code == 0, ran.err
    assert [line for line in ran.out.splitlines() if line.partition(" ")[0] in WAYS] == []
    assert said(ran.err, "default") == list(WAYS)


def test_what_a_command_of_a_plugin_prints_is_its_result(loud: Path) -> None:
    ran = selfrec("shout", path=loud)
    assert ran.code == 0, ran.err
    assert said(ran.out, "a result") == list(WAYS)
    assert said(ran.out, "loading") == []


def test_without_a_descriptor_for_stdout_nothing_is_written_there(loud: Path) -> None:
    """What is opened next could get its number."""
    line = f'exec "{sys.executable}" -m selfrec plugins list >&-'
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False, cwd=loud)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert said(done.stderr, "loading") == ["print", "descriptor", "printf", "child"]


def test_a_reader_that_goes_away_gets_no_traceback(loud: Path) -> None:
    line = f'"{sys.executable}" -m selfrec plugins list --json | true'
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False, cwd=loud)
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


def test_results_are_let_through_and_stdout_is_as_before(capfd: pytest.CaptureFixture[str]) -> None:
    print("before", end=" ")
    with kept_off_stdout() as results:
        os.write(1, b"first ")
        with kept_off_stdout():
            os.write(1, b"inner ")
        with results():
            print("result", end=" ")
            os.write(1, b"written ")
        os.write(1, b"last")
    os.write(1, b"after")
    # Python's stream of pytest is not the descriptor, and keeps its own order.
    out, err = capfd.readouterr()
    assert (sorted(out.split()), err) == (["after", "before", "result", "written"], "first inner last")


def test_an_error_leaves_stdout_as_it_was(cli: Cli, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(LookupError), kept_off_stdout():
        raise LookupError("gone")
    os.write(1, b"after")
    assert capfd.readouterr() == ("after", "")
    assert cli("plugins", "list").out.startswith("plugin ")


def test_threads_that_leave_in_the_order_in_which_they_came(capfd: pytest.CaptureFixture[str]) -> None:
    stdout, stderr = sys.stdout, sys.stderr
    first, second = kept_off_stdout(), kept_off_stdout()
    first.__enter__()
    results = second.__enter__()
    first.__exit__(None, None, None)
    assert sys.stdout is stderr
    os.write(1, b"inside")
    with results():
        assert sys.stdout is stdout
        os.write(1, b"result ")
    assert sys.stdout is stderr
    second.__exit__(None, None, None)
    assert sys.stdout is stdout
    os.write(1, b"after")
    assert capfd.readouterr() == ("result after", "inside")


WAITING = """
import ctypes
import threading
import time
from selfrec.host.printing import kept_off_stdout

library = ctypes.CDLL(None)
library.printf(b"before ")
threading.Thread(target=library.getchar, daemon=True).start()
time.sleep(0.5)
with kept_off_stdout():
    library.printf(b"inside ")
library.printf(b"after")
library.fflush(ctypes.c_void_p.in_dll(library, "stdout"))
import os
os._exit(0)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the name of C's stdout in the test is glibc's and musl's")
def test_a_thread_that_reads_in_c_does_not_hold_it_up() -> None:
    """It holds C's stdin, so that nobody can flush every stream."""
    command = [sys.executable, "-c", WAITING]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            process.wait(timeout=20)
        finally:
            process.kill()
        assert process.stdout is not None
        assert process.stderr is not None
        assert (process.stdout.read(), process.stderr.read()) == (b"before after", b"inside ")
