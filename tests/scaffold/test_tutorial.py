"""The tutorial of docs/plugins.md, command by command, with an environment of its own."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import duckdb
import pytest

import selfrec.plugin
from selfrec.testing.checks import CHECKS
from tests.cli.conftest import write_shop
from tests.scaffold.environment import Environment

PAGE = (Path(__file__).parents[2] / "docs/plugins.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"<!-- (\w+) -->\n```\w+\n(.*?)```", PAGE, re.DOTALL))
QUICK = ["-o", "extractor.autoencoder.width=8", "-o", "extractor.autoencoder.epochs=2", "-o", "training.threads=1"]


def test_every_command_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # As printed, but without the network: what is needed is here. (pip wants the 0 for "no".)
    monkeypatch.setenv("PIP_NO_DEPS", "1")
    monkeypatch.setenv("PIP_NO_BUILD_ISOLATION", "0")
    environment = Environment(tmp_path)
    write_shop(tmp_path / "shop.duckdb")
    for line in BLOCKS["tutorial"].splitlines():
        program, *arguments = shlex.split(line)
        if program == "selfrec":
            environment.selfrec(*arguments, *(QUICK if arguments[0] == "fit" else []))
        else:
            environment.run("-m", program, *arguments)
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as con:
        assert con.execute("SELECT count(DISTINCT user_id) FROM recommendations").fetchone() == (60,)
    # The test on the page is the one that was written.
    assert BLOCKS["kit"].split() == (tmp_path / "mine/test_selfrec_mine.py").read_text().split('"""')[-1].split()
    # The other examples: a test with a fixture, and a command.
    (tmp_path / "mine/test_more.py").write_text(BLOCKS["fixtures"])
    assert "1 passed" in environment.run("-m", "pytest", "-q", "-p", "no:cacheprovider", "mine/test_more.py")
    with (tmp_path / "mine/selfrec_mine.py").open("a") as module:
        module.write(BLOCKS["command"])
    # Not installed again: the page promises that a change counts.
    files = sum(path.stat().st_size for path in (tmp_path / "model").iterdir())
    assert environment.run("-m", "selfrec", "weigh", "model") == f"{files}\n"


def test_the_page_counts_the_checks() -> None:
    assert "eighteen promises" in PAGE
    assert len(CHECKS) == 18


def test_names_on_the_page_are_public() -> None:
    for name in ("newest", "item_directions", "gram_matrix", "searched"):
        assert f"`{name}" in PAGE
        assert name in selfrec.plugin.__all__
