"""Every command of the README runs as it stands there. `.ci/run` runs the two that install."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from selfrec.cli.commands.quickstart.sample_shop import write_shop
from tests import program

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"(?:<!-- ([\w ]+) -->\n)?```(\w+)\n(.*?)```", re.DOTALL)
BLOCKS = {name: text for name, _, text in BLOCK.findall(README)}
INSTALLING = ("quickstart", "tests")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sample shop, cut to 200 households and the products that 40 of them buy."""
    folder = tmp_path_factory.mktemp("readme")
    write_shop(folder / "shop.duckdb")
    with duckdb.connect(str(folder / "shop.duckdb")) as connection:
        connection.execute("DELETE FROM interactions WHERE user_id > 200")
        connection.execute(
            "DELETE FROM interactions WHERE item_id NOT IN (FROM (SELECT item_id FROM interactions GROUP BY item_id "
            "HAVING count(DISTINCT user_id) >= 40))"
        )
        (folder / "events").mkdir()
        connection.execute(
            "COPY (SELECT user_id AS household, item_id AS product, timestamp AS bought_at FROM interactions) "
            f"TO '{folder}/events/part.parquet'"
        )
    return folder


def run(command: str, folder: Path) -> str:
    """Run a line as a shell would; `selfrec` and `python` are this environment's, and so are plugins in `folder`.

    A fit is forked ready: half of its time would be imports.
    """
    words = shlex.split(command)
    if words[:2] == ["selfrec", "fit"]:
        ran = program.selfrec(*words[1:], cwd=folder, path=folder)
        assert ran.code == 0, f"{command}\n{ran.err}"
        return ran.out
    environment = os.environ | {
        "PYTHONPATH": str(folder),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, f"{command}\n{done.stderr}"
    return done.stdout


def test_every_block_has_a_test_or_is_run_by_ci() -> None:
    assert all(name or kind == "toml" for name, kind, _ in BLOCK.findall(README))
    ci = (ROOT / ".ci" / "run").read_text()
    for name in INSTALLING:
        assert f"readme {name}" in ci
        assert len(BLOCKS[name].strip().splitlines()) == 1
    assert {name for name in BLOCKS if name} == {*INSTALLING, "session", "python", "own data", "plugin", "with plugin"}


@pytest.fixture(scope="module")
def session(folder: Path) -> Path:
    """The folder after the session of the README."""
    for line in BLOCKS["session"].splitlines():
        if line.startswith("$ "):
            assert run(line.removeprefix("$ "), folder) != ""
    return folder


def test_the_session(session: Path) -> None:
    with duckdb.connect(str(session / "shop.duckdb"), read_only=True) as connection:
        assert connection.execute("SELECT max(rank) FROM recommendations").fetchone() == (20,)


def test_the_python_block(session: Path) -> None:
    (session / "block.py").write_text(BLOCKS["python"])
    lines = run(f"{sys.executable} block.py", session).splitlines()
    assert [line.split()[0] for line in lines[:-1]] == ["1", "2", "3", "4", "5"]
    assert float(lines[-1]) > 0


def test_own_data(session: Path) -> None:
    run(BLOCKS["own data"].strip(), session)
    assert (session / "own" / "model.onnx").exists()


def test_the_plugin_is_short_and_works(session: Path) -> None:
    source = BLOCKS["plugin"]
    assert len([line for line in source.splitlines() if line.strip()]) < 60
    (session / "my_neighbours.py").write_text(source)
    info = session / "my_neighbours-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-neighbours\nVersion: 0.1\n")
    (entry_points,) = (text for _, kind, text in BLOCK.findall(README) if kind == "toml")
    name, _, module = entry_points.splitlines()[1].partition(" = ")
    (info / "entry_points.txt").write_text(f"[selfrec]\n{name} = {module.strip(chr(34))}\n")
    assert "my-neighbours 0.1" in run("selfrec plugins show neighbours", session)
    assert "neighbours" in run(BLOCKS["with plugin"].strip(), session)
