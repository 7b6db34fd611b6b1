"""Every block of docs/embedding.md runs as it stands there, and gives the lists that selfrec gives."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

import selfrec
from tests.runtimes.conftest import needed
from tests.runtimes.programs import JS, programs

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "embedding.md").read_text(encoding="utf-8")
BLOCKS = {name: text for name, _, text in re.findall(r"(?:<!-- ([\w ]+) -->\n)?```(\w+)\n(.*?)```", PAGE, re.DOTALL)}
PROGRAMS = {program.name: program for program in programs()}

pytestmark = pytest.mark.slow


def run(command: list[str], folder: Path) -> list[str]:
    """The lines a command prints; `selfrec` and `python` are this environment's."""
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the page's first two blocks make: the shop, its model and the graphs."""
    folder = tmp_path_factory.mktemp("embedding")
    (folder / "node_modules").symlink_to(JS / "node_modules")
    python(folder, "shop")
    for line in BLOCKS["export"].splitlines():
        run(shlex.split(line), folder)
    return folder


@pytest.fixture(scope="module")
def wanted(folder: Path) -> list[str]:
    lines = selfrec.load(folder / "model").recommend([1001, 1005], k=5)
    assert len(lines) == 5
    return [f"{line.item_id} {line.name}" for line in lines]


def python(folder: Path, *blocks: str) -> list[str]:
    (folder / "block.py").write_text("\n".join(BLOCKS[name] for name in blocks))
    return run([sys.executable, "block.py"], folder)


def test_every_block_has_a_test() -> None:
    assert set(BLOCKS) == {
        *("shop", "export", "python", "stock", "score", "ids", "duckdb", "node", "browser", "openvino", "tract"),
    }
    for name, text in BLOCKS.items():
        assert len(text.splitlines()) <= 35, name


def test_python(folder: Path, wanted: list[str]) -> None:
    assert python(folder, "python") == wanted


@pytest.fixture(scope="module")
def wanted_once(folder: Path) -> list[str]:
    """For the history 1001, 1005, 1001, 7777777, 1009, 1005, whose items come twice or not in the catalog."""
    lines = selfrec.load(folder / "model").recommend([1001, 1009, 1005], k=5)
    return [f"{line.item_id} {line.name}" for line in lines]


@pytest.mark.parametrize("block", ["python", "duckdb", "node"])
def test_an_item_counts_once_where_it_came_last(block: str, folder: Path, wanted_once: list[str]) -> None:
    assert BLOCKS[block].count("recommend([1001, 1005])") == 1
    text = BLOCKS[block].replace("[1001, 1005]", "[1001, 1005, 1001, 7777777, 1009, 1005]")
    if block == "node":
        needed(PROGRAMS["onnxruntime-node"])
    place = folder / f"twice.{'mjs' if block == 'node' else 'py'}"
    place.write_text(text)
    program = ["node"] if block == "node" else [sys.executable]
    assert run([*program, place.name], folder) == wanted_once


def test_the_newest_of_a_long_history_count(folder: Path) -> None:
    """And all of it is left out of the list."""
    block = BLOCKS["python"].replace("session =", "table['max_history'] = 2\nsession =")
    (folder / "long.py").write_text(block.replace("[1001, 1005]", "[1013, 1001, 1005]"))
    found = run([sys.executable, "long.py"], folder)
    lines = selfrec.load(folder / "model").recommend([1001, 1005], k=6)
    assert any(line.item_id == 1013 for line in lines)
    assert found == [f"{line.item_id} {line.name}" for line in lines if line.item_id != 1013]


def test_out_of_stock(folder: Path, wanted: list[str]) -> None:
    lines = python(folder, "python", "stock")
    assert lines[:5] == wanted
    assert lines[5] == "in stock"
    assert lines[6].startswith("1040 ")
    gone = {line for line in wanted if line.split()[0] in ("1009", "1013")}
    assert gone
    assert not gone & set(lines[6:])
    kept = [line for line in wanted if line not in gone]
    assert lines[7 : 7 + len(kept)] == kept


@pytest.mark.parametrize("recency", ["position", "age"])
def test_the_same_lists_as_score(recency: str, folder: Path, tmp_path: Path) -> None:
    if recency == "position":
        place = folder
    else:
        place = tmp_path
        python(place, "shop")
        for line in BLOCKS["export"].splitlines():
            run(shlex.split(line.replace("recency=position", "recency=age")), place)
    run(["selfrec", "score", "model", "shop.duckdb", "--to", "lists.parquet", "-k", "5"], place)
    with duckdb.connect() as con:
        scored = con.sql(
            f"SELECT user_id, list(item_id ORDER BY rank) FROM '{place}/lists.parquet' GROUP BY ALL ORDER BY user_id"
        ).fetchall()
    assert len(scored) == 240
    assert python(place, "score") == [f"{user} {items}" for user, items in scored]


def test_own_ids(folder: Path, wanted: list[str]) -> None:
    assert python(folder, "ids") == wanted


def test_duckdb(folder: Path, wanted: list[str]) -> None:
    assert python(folder, "duckdb") == wanted


def test_duckdb_passes_over_null_in_a_list(folder: Path, wanted: list[str]) -> None:
    block = BLOCKS["duckdb"].replace("recommend([1001, 1005])", "recommend([1001, NULL, 1005])")
    (folder / "block.py").write_text(block)
    assert run([sys.executable, "block.py"], folder) == wanted


def test_duckdb_closes_its_connection() -> None:
    """One left open makes duckdb print forty lines of leaks when Python ends."""
    assert BLOCKS["duckdb"].splitlines()[-1] == "connection.close()"


@pytest.mark.parametrize("name", ["openvino", "tract"])
def test_other_python_runtimes(name: str, folder: Path, wanted: list[str]) -> None:
    needed(PROGRAMS[name])
    assert python(folder, name) == wanted


def test_node(folder: Path, wanted: list[str]) -> None:
    needed(PROGRAMS["onnxruntime-node"])
    (folder / "block.mjs").write_text(BLOCKS["node"])
    assert run(["node", "block.mjs"], folder) == wanted


def test_browser(folder: Path, wanted: list[str]) -> None:
    needed(PROGRAMS["chromium"])
    (folder / "page.html").write_text(BLOCKS["browser"])
    assert run(["node", str(JS / "show.mjs"), str(folder)], folder) == wanted
