"""The frame of the command line: help, exit codes, the error boundary, start-up."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import pytest
from pydantic import Field

import selfrec_ease.training
from selfrec.cli import group, main
from selfrec.cli.options import settings_options
from selfrec.cli.output import print_pairs, print_table
from selfrec.cli.state import State, selfrec_command
from selfrec.errors import SelfrecError, SettingsError, SourceError
from selfrec.settings.base import Settings
from tests.cli.conftest import Cli

HEAVY = ("torch", "onnx", "onnxruntime", "numpy", "pyarrow", "duckdb", "rich", "matplotlib", "selfrec_autoencoder")


def selfrec(*args: str, **kwargs: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "selfrec", *args]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, **kwargs)


@pytest.mark.parametrize("name", group.COMMANDS)
def test_every_command_has_the_help_that_the_list_shows(name: str) -> None:
    command = import_module(f"selfrec.cli.commands.{name}").command
    assert command.name == name
    assert (command.help or "").split("\n")[0].strip() == group.COMMANDS[name]


@pytest.mark.parametrize("args", [[], *([name] for name in group.COMMANDS)], ids=lambda args: " ".join(args) or "top")
def test_help_is_quick_to_load(args: list[str]) -> None:
    code = (
        "import sys; from selfrec.cli.main import run; code = run(sys.argv[1:]);"
        f"heavy = [name for name in {HEAVY!r} if name in sys.modules];"
        "print('loaded:', *heavy); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code, *args, "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Usage: selfrec")
    assert done.stdout.splitlines()[-1] == "loaded:"
    assert max(map(len, done.stdout.splitlines())) <= 100


def test_exit_codes_of_usage() -> None:
    done = selfrec("flt")
    assert done.returncode == 2
    assert done.stderr == "Error: unknown command 'flt'; did you mean 'fit'?; see: selfrec --help\n"
    assert done.stdout == ""
    assert selfrec("--wrong").returncode == 2
    assert selfrec("--version").stdout.startswith("selfrec ")


@pytest.mark.parametrize(
    ("redirected", "code", "told"),
    [
        (
            "> /dev/full",
            1,
            "Error: the output: No space left on device; check the path, its permissions and the disk\n",
        ),
        (">&-", 0, ""),
        (">&- 2>&-", 0, ""),
    ],
)
def test_a_stream_that_takes_nothing(redirected: str, code: int, told: str) -> None:
    done = subprocess.run(
        f"{sys.executable} -m selfrec plugins {redirected}", shell=True, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (code, "", told)


def test_broken_pipe_is_quiet() -> None:
    command = f"{sys.executable} -m selfrec init - | head -n 1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("# selfrec.toml")
    assert done.stderr == ""


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> list[BaseException]:
    """A command `fail` in the real group, which raises what the test puts in the list."""
    errors: list[BaseException] = []

    @selfrec_command(name="fail")
    def fail(state: State) -> None:
        """Fail."""
        raise errors[0]

    monkeypatch.setattr(group.Group, "get_command", lambda self, ctx, name: fail if name == "fail" else None)
    return errors


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (SourceError("no file 'x'; name another"), 1, "Error: no file 'x'; name another"),
        (SelfrecError("two\nlines"), 1, "Error: two lines"),
        (SettingsError("option"), 2, "Error: option"),
        (
            KeyError("lost"),
            1,
            "Error: unexpected KeyError: 'lost'; run it again with --verbose for the traceback",
        ),
        (MemoryError(), 1, "Error: unexpected MemoryError: MemoryError; run it again with --verbose for the traceback"),
        (KeyboardInterrupt(), 130, "Error: stopped by SIGINT; nothing is half done; run it again"),
    ],
)
def test_every_failure_is_one_line(
    failing: list[BaseException], capsys: pytest.CaptureFixture[str], error: BaseException, code: int, line: str
) -> None:
    failing.append(error)
    assert main.run(["fail"]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.strip() == line


def test_verbose_adds_the_traceback(failing: list[BaseException], capsys: pytest.CaptureFixture[str]) -> None:
    failing.append(SourceError("no file"))
    assert main.run(["fail", "--verbose"]) == 1
    err = capsys.readouterr().err
    assert err.startswith("Traceback (most recent call last):")
    assert err.splitlines()[-1] == "Error: no file"


class Some(Settings):
    """Some."""

    k: int = Field(20, ge=1, description="Length.")
    rate: float | None = Field(None, description="Rate.")
    on: bool = Field(False, description="On.")
    off: bool = Field(True, description="Off.")
    item_column: str = Field("item_id", description="Column.")


def test_options_come_from_the_settings(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[dict[str, object]] = []

    @click.command()
    @settings_options(Some, "some", names={"k": "-k"})
    def command(some: dict[str, object]) -> None:
        seen.append(some)

    command.main([], standalone_mode=False)
    command.main(["-k", "5", "--rate", "0.5", "--on", "--no-off", "--item-column", "x"], standalone_mode=False)
    assert seen == [{}, {"k": 5, "rate": 0.5, "on": True, "off": False, "item_column": "x"}]
    command.main(["--help"], standalone_mode=False)
    text = capsys.readouterr().out
    assert "-k N                  Length. [default: 20]" in text
    assert "--off / --no-off      Off. [default: true]" in text


def test_what_is_printed_is_whole_however_long(capsys: pytest.CaptureFixture[str]) -> None:
    place = "/" + "deep/" * 40 + "lists.parquet"
    print_pairs([("written", place), ("rows", 3)])
    lines = capsys.readouterr().out.splitlines()
    assert "".join(line.removeprefix("written").strip() for line in lines[:-1]) == place
    assert lines[-1] == "rows     3"


def test_names_give_no_orders_to_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("item", "name"), [("a\x1b[31m", "two\nlines"), ("b\x9b", "Caf\u00e9 \U0001f986")])
    print_pairs([("id", "\x07")])
    assert capsys.readouterr().out.splitlines() == [
        "item       name",
        r"a\x1b[31m  two\nlines",
        "b\\x9b      Caf\u00e9 \U0001f986",
        r"id  \x07",
    ]


def test_a_name_of_thousands_of_characters_is_cut_in_its_middle(cli: Cli, model: Path) -> None:
    long = "n" * 5000
    cut = "n" * 59 + "[... 4,922 characters ...]" + "n" * 19
    ran = cli("similar", model, long)
    assert ran.code == 2
    assert f"'{cut}'" in ran.err
    assert len(ran.err) < 400
    for args in (
        ("export", model, "out.onnx", "--allow", "a b " * 2000),
        ("fit", "shop.duckdb", "--out", "new", "-o", f"{long}=1"),
        ("inspect", long),
        (long,),
        ("score", model, "shop.duckdb", "--into", long),
    ):
        assert len(cli(*args).err) < 1300, args


def test_what_a_plugin_prints_is_not_among_the_results(
    cli: Cli, shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    solved = selfrec_ease.training.solve

    def loud(module: Any, fitting: Any) -> None:
        print("loud")
        solved(module, fitting)

    monkeypatch.setattr(selfrec_ease.training, "solve", loud)
    ran = cli("fit", shop, "--out", tmp_path / "m", "-o", "pipeline.extractors=", "-o", "pipeline.generators=ease")
    assert ran.code == 0, ran.err
    assert "loud" not in ran.out
    assert ran.out.startswith("cleaning ")
    assert "loud\n" in ran.err
