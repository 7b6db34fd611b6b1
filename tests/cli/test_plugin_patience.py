"""A part whose training does not end: `plugins check` names it, and stopped it shows what was found."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from selfrec.cli.commands.plugins import patience
from tests.cli.conftest import Cli
from tests.cli.test_plugin_commands import install
from tests.program import selfrec

ENDLESS = """
import os
import signal
import time
from selfrec.plugin import Generator, PartOptions, hookimpl

def build(options, sizes):
    import torch
    return torch.nn.Linear(1, 1)

def train(module, fitting):
    ends = time.monotonic() + float(os.environ["SECONDS"])
    while time.monotonic() < ends:
        time.sleep(0.01)
    STOP

@hookimpl
def selfrec_generators():
    excused = {"trains_with_finite_losses": "it never ends"}
    yield Generator(name="endless", summary="Endless.", options=PartOptions, build=build, trainer=train,
                    excused=excused)
"""

KILL = "os.kill(os.getpid(), signal.SIGINT)"
TAKEN = f"""try:
        {KILL}
        time.sleep(1)
    except BaseException:
        raise LookupError("not now")"""
"""A part that takes every exception for one of its own."""


@pytest.mark.parametrize("quiet", [False, True])
def test_a_check_that_goes_on_is_named_with_its_line(
    quiet: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Cli
) -> None:
    install(tmp_path, monkeypatch, "endless", ENDLESS.replace("STOP", KILL))
    monkeypatch.setenv("SECONDS", "2")
    monkeypatch.setattr(patience, "FIRST", 0.2)
    ran = cli("plugins", "check", "endless", *(["--quiet"] if quiet else []))
    told = [line for line in ran.err.splitlines() if "is still running" in line]
    if quiet:
        assert told == []
        return
    # Before the trainer begins, the line is none of the plugin's.
    wanted = (
        r"generator endless: 'trains with finite losses' is still running after \d+ s \(selfrec_endless.py, line "
        r"1[34]\); wait, or press Ctrl-C to end it and see what was found until then"
    )
    assert any(re.fullmatch(wanted, line) for line in told), told


@pytest.mark.parametrize("stop", [KILL, TAKEN])
def test_what_was_found_before_it_was_stopped_is_shown(
    stop: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch, "endless", ENDLESS.replace("STOP", stop))
    monkeypatch.setenv("SECONDS", "0")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    ran = selfrec("plugins", "check", "endless", "--json", path=tmp_path)
    assert ran.code == 130
    assert ran.err == "Error: stopped by SIGINT; what was found until then is above; run it again\n"
    (shown,) = json.loads(ran.out)
    assert [(check["check"], check["passed"]) for check in shown["checks"]] == [
        ("options_documented", True),
        ("options_round_trip", True),
        ("light_import", True),
        ("trains_with_finite_losses", False),
    ]
    last = shown["checks"][-1]
    assert last["reason"].startswith("stopped after ")
    assert last["excused"] == ""
    if stop is KILL:
        assert last["reason"].endswith(" s (selfrec_endless.py, line 15)")
        table = selfrec("plugins", "check", "endless", path=tmp_path).out
        assert re.search(
            r"trains with finite losses +FAILED +stopped after \d s \(selfrec_endless.py, line 15\)", table
        )
