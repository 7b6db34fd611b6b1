"""--log-json: the events of each command, how a failure ends, and files that cannot hold a log."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import duckdb
import pytest

from selfrec.cli.group import COMMANDS
from selfrec.cli.log import COMMON, EVENTS, EventLog
from selfrec.errors import SettingsError, shortened
from tests.cli.conftest import QUICK, USERS, Cli


def events(path: Path) -> list[dict[str, Any]]:
    """The lines, each checked against what is documented."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        assert set(line) == {*COMMON, *EVENTS[line["event"]][1]}
    return lines


def names(lines: list[dict[str, Any]]) -> list[str]:
    return [line["event"] for line in lines]


def test_score(cli: Cli, shop: Path, model: Path, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    ran = cli("score", model, shop, "--into", "lists", "--json", "--changed-only", "--log-json", log)
    assert ran.code == 0
    lines = events(log)
    assert names(lines) == ["started", "users", "warning", "shard", "written", "finished"]
    assert {line["command"] for line in lines} == {"score"}
    assert len({line["job"] for line in lines}) == 1
    assert [line["time"] for line in lines] == sorted(line["time"] for line in lines)
    assert lines[0]["pid"] == os.getpid()
    assert (lines[1]["users"], lines[1]["scored"], lines[1]["kept"], lines[1]["shards"]) == (USERS, USERS, 0, 1)
    assert lines[2]["text"] == "everybody was scored: there is no earlier result"
    assert (lines[3]["shard"], lines[3]["users"], lines[3]["resumed"]) == (0, USERS, False)
    assert lines[4]["rows"] == lines[3]["rows"]
    assert lines[5]["result"] == json.loads(ran.out)
    # A second job appends.
    assert cli("score", model, shop, "--into", "lists", "--changed-only", "--log-json", log).code == 0
    lines = events(log)
    assert names(lines)[6:] == ["started", "users", "shard", "written", "finished"]
    assert lines[7]["kept"] == USERS
    assert len({line["job"] for line in lines}) == 2


def test_evaluate(cli: Cli, shop: Path, model: Path, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    ran = cli("evaluate", model, shop, "--json", "--log-json", log)
    assert ran.code == 0
    lines = events(log)
    assert names(lines) == ["started", "finished"]
    assert lines[-1]["result"] == json.loads(ran.out)


def test_fit(cli: Cli, shop: Path, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    assert cli("fit", shop, "--out", tmp_path / "model", "--log-json", log, *QUICK).code == 0
    lines = events(log)
    assert names(lines)[0] == "started"
    assert names(lines)[-1] == "finished"
    assert {"cleaned", "training", "epoch", "stage", "working"} <= set(names(lines))
    rules = [line["rule"] for line in lines if line["event"] == "cleaned"]
    assert rules[0] == "null ids"
    epochs = [line for line in lines if line["event"] == "epoch"]
    assert [line["number"] for line in epochs][:2] == [1, 2]
    assert lines[-1]["result"]["model"] == str(tmp_path / "model")
    assert any(stage["chosen"] for stage in lines[-1]["result"]["stages"])


def test_the_log_on_stderr(cli: Cli, shop: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    ran = cli("evaluate", model, shop, "--json", "--log-json", "-")
    assert ran.code == 0
    lines = [json.loads(line) for line in ran.err.splitlines()]
    assert names(lines) == ["started", "finished"]
    assert lines[-1]["result"] == json.loads(ran.out)
    ran = cli("evaluate", model, "no.duckdb", "--log-json", "-")
    *logged, said = ran.err.splitlines()
    assert names([json.loads(line) for line in logged]) == ["started", "failed"]
    assert said == f"Error: {json.loads(logged[-1])['text']}"
    assert sorted(tmp_path.iterdir()) == before


def test_a_job_that_fails(cli: Cli, shop: Path, model: Path, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    ran = cli("score", model, tmp_path / "no.duckdb", "--to", tmp_path / "lists.parquet", "--log-json", log)
    assert ran.code == 1
    lines = events(log)
    assert names(lines) == ["started", "failed"]
    assert (lines[1]["error"], lines[1]["exit_code"]) == ("SourceError", 1)
    assert ran.err.strip() == f"Error: {lines[1]['text']}"
    assert cli("score", model, shop, "--log-json", log).code == 2
    assert events(log)[-1]["error"] == "SettingsError"
    assert events(log)[-1]["exit_code"] == 2


@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGINT", 130)])
def test_a_job_that_is_stopped(shop: Path, model: Path, tmp_path: Path, name: str, code: int) -> None:
    log = tmp_path / "log.jsonl"
    with duckdb.connect(str(shop)):
        # The job waits for the source, for as long as it takes to stop it.
        command = [sys.executable, "-m", "selfrec", "score", str(model), str(shop), "--to", str(tmp_path / "lists")]
        job = subprocess.Popen([*command, "--wait", "300", "--log-json", str(log)], stderr=subprocess.PIPE, text=True)
        while not log.exists() or not log.read_text():
            assert job.poll() is None
            time.sleep(0.05)
        job.send_signal(getattr(signal, name))
        _, errors = job.communicate(timeout=60)
    assert job.returncode == code
    last = events(log)[-1]
    assert (last["event"], last["error"], last["exit_code"]) == ("failed", "Stopped", code)
    assert last["text"].startswith(f"stopped by {name}")
    assert errors.strip() == f"Error: {last['text']}"
    assert not (tmp_path / "lists").exists()


def test_a_signal_while_a_module_is_compiled() -> None:
    # Python drops what a signal raises while it folds constants, unless it is a KeyboardInterrupt.
    program = """
import signal
from selfrec.cli.stopping import stop
source = "x = 7 ** 40\\n" * 100_000
signal.signal(signal.SIGALRM, stop)
signal.setitimer(signal.ITIMER_REAL, 0.1)
compile(source, "folded", "exec")
print("went on")
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert ran.returncode != 0
    assert ran.stdout == ""
    assert ran.stderr.splitlines()[-1] == "selfrec.cli.stopping.Stopped"


def test_a_signal_that_an_export_has_swallowed(shop: Path, tmp_path: Path) -> None:
    """Python drops what is raised while an object is freed; torch that is told of a failure tries another way."""
    program = """
import os, signal, sys
from selfrec.cli.main import main
from selfrec.fit_job import job
export = job.to_graph
def swallowing(recommender):
    try:
        os.kill(os.getpid(), signal.SIGTERM)
    except KeyboardInterrupt:
        pass
    return export(recommender)
job.to_graph = swallowing
main(sys.argv[1:])
"""
    command = [sys.executable, "-c", program, "fit", str(shop), "--out", str(tmp_path / "new"), *QUICK]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 143
    assert "stopped by SIGTERM; nothing is half done" in ran.stderr
    assert not (tmp_path / "new").exists()


@pytest.fixture
def hostile(tmp_path: Path) -> dict[str, Path]:
    (tmp_path / "folder").mkdir()
    (tmp_path / "a file").write_text("some text")
    (tmp_path / "a brace").write_text('{"event": "of another program"}')
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "dangling").symlink_to(tmp_path / "no" / "log")
    return {
        "a folder": tmp_path / "folder",
        "a missing folder": tmp_path / "no" / "such" / "log",
        "below a file": tmp_path / "a file" / "log",
        "text": tmp_path / "a file",
        "a brace": tmp_path / "a brace",
        "a pipe without a reader": tmp_path / "pipe",
        "a full device": Path("/dev/full"),
        "a link to nowhere": tmp_path / "dangling",
        "a long name": tmp_path / ("x" * 300),
        "empty": Path(""),
    }


@pytest.mark.parametrize("command", ["score", "evaluate", "fit"])
def test_a_path_that_cannot_hold_a_log(
    cli: Cli, shop: Path, model: Path, tmp_path: Path, hostile: dict[str, Path], command: str
) -> None:
    hostile["the source"] = shop
    for what, path in hostile.items():
        before = sorted(tmp_path.rglob("*"))
        raw = shop.read_bytes()
        args = {
            "score": ("score", model, shop, "--into", "lists"),
            "evaluate": ("evaluate", model, shop),
            "fit": ("fit", shop, "--out", tmp_path / "new"),
        }[command]
        ran = cli(*args, "--log-json", path)
        assert (ran.code, ran.out) == (2, ""), what
        [line] = ran.err.splitlines()
        assert line.startswith(shortened(f"Error: --log-json '{path}': cannot be appended to (")), what
        assert sorted(tmp_path.rglob("*")) == before, what
        assert shop.read_bytes() == raw, what


def test_a_log_that_can_no_longer_be_written_does_not_stop_the_job(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    log = EventLog(str(tmp_path / "log"), "score")
    log.start("1")
    full = os.open("/dev/full", os.O_WRONLY)
    monkeypatch.setattr(log, "_handle", full)
    log("warning", text="a")
    log("warning", text="b")
    assert capsys.readouterr().err.count("cannot be written any more") == 1
    log.finish()
    assert names(events(tmp_path / "log")) == ["started"]


def test_a_line_that_was_cut_off_costs_no_other(cli: Cli, shop: Path, model: Path, tmp_path: Path) -> None:
    """As a full disk or a power cut leaves it."""
    log, job = tmp_path / "log.jsonl", ("score", model, shop, "--into", "lists", "--log-json", tmp_path / "log.jsonl")
    assert cli(*job).code == 0
    whole = log.read_bytes()
    log.write_bytes(whole[:-40])
    assert cli(*job).code == 0
    lines = log.read_bytes().splitlines()
    assert b"\n".join(lines[:5]) == whole[:-40]
    del lines[4]
    assert [json.loads(line)["event"] for line in lines] == [
        *("started", "users", "shard", "written"),
        *("started", "users", "shard", "written", "finished"),
    ]


def test_what_json_cannot_hold(tmp_path: Path) -> None:
    import numpy as np

    log = EventLog(str(tmp_path / "log"), "fit")
    log("epoch", label="a\nb \udcff", number=np.int64(2), metrics={"loss": float("nan"), "x": np.float32(0.5)})
    [line] = events(tmp_path / "log")
    assert (line["label"], line["number"], line["metrics"]) == ("a\nb \udcff", 2, {"loss": None, "x": 0.5})
    with pytest.raises(ValueError, match="has the fields"):
        log("epoch", label="a")
    with pytest.raises(SettingsError, match="cannot be appended"):
        EventLog("nul\0", "fit")


def test_rights_follow_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        EventLog(str(tmp_path / "log"), "fit").finish()
    finally:
        os.umask(before)
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o640


def test_every_command_has_quiet_and_verbose() -> None:
    todo = [(name, import_module(f"selfrec.cli.commands.{name}").command) for name in COMMANDS]
    while todo:
        name, command = todo.pop()
        if isinstance(command, click.Group):
            todo += [(f"{name} {one}", sub) for one, sub in command.commands.items()]
            continue
        options = {option for param in command.params for option in param.opts}
        assert {"--quiet", "--verbose"} <= options, name


def test_quiet_says_nothing_on_stderr(cli: Cli, shop: Path, model: Path, tmp_path: Path) -> None:
    shutil.copytree(model, tmp_path / "model")
    for args in (
        ("score", model, shop, "--into", "lists"),
        ("evaluate", model, shop),
        ("inspect", model),
        ("recommend", model, "--history", "i1"),
        ("report", tmp_path / "model"),
        ("init", tmp_path / "selfrec.toml"),
        ("plugins", "list"),
    ):
        ran = cli(*args, "--quiet")
        assert (ran.code, ran.err) == (0, ""), args


def test_a_child_of_the_program_is_ended_without_a_traceback() -> None:
    """A plugin's pool of processes is ended by SIGTERM, and each of them has the program's handlers."""
    program = """
import os, signal, sys, time
from selfrec.cli.stopping import listen
listen()
child = os.fork()
if not child:
    print("ready", flush=True)
    time.sleep(60)
    os._exit(0)
time.sleep(0.2)
os.kill(child, signal.SIGTERM)
print(os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGTERM)
os.kill(os.getpid(), signal.SIGTERM)
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert ran.stdout.split() == ["ready", "True"]
    assert ran.stderr.splitlines()[-1] == "selfrec.cli.stopping.Stopped"
    assert ran.stderr.count("Traceback") == 1
