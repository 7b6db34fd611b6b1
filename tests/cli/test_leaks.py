"""What a model folder tells of single users: nothing. Who may read it: whom the umask lets."""

from __future__ import annotations

import json
import os
import signal
import stat
import time
from pathlib import Path

import duckdb
import onnx
import pyarrow.parquet as pq
import pytest
from safetensors import safe_open

from tests.cli.conftest import Cli, write_shop
from tests.faults.jobs import Job, done
from tests.scoring.shops import leftovers, next_item_model

USERS, ITEMS = 61, 18
"""No size of a network is a multiple of 61, so a tensor with a row a user would show."""
FIT = (
    "-o", "extractor.autoencoder.epochs=2", "-o", "generator.autoencoder.epochs=2", "-o", "generator.gan.epochs=1",
    "-o", "pipeline.generators=autoencoder,gan", "-o", "pipeline.keep=all",
)  # fmt: skip


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """61 users of 8 items; besides, one item of four users only, which the default of five leaves out."""
    path = tmp_path_factory.mktemp("leaks") / "shop.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            f"""
            CREATE TABLE interactions AS
            SELECT 'secret-user-' || (7000000 + u) AS user_id, 'item' || (u * 5 + day * 7) % {ITEMS} AS item_id,
                   TIMESTAMP '2026-01-01' + to_days(day::INTEGER) AS timestamp
            FROM range({USERS}) users(u), range(8) days(day)
            UNION ALL SELECT 'secret-user-' || (7000000 + u), 'rare-item', TIMESTAMP '2026-01-01' FROM range(4) r(u)
            """
        )
        connection.execute(
            "CREATE TABLE products AS SELECT item_id, CASE WHEN item_id = 'rare-item' THEN 'rare-name' "
            "ELSE 'Name of ' || item_id END AS name FROM (SELECT DISTINCT item_id FROM interactions)"
        )
    return path


@pytest.fixture(scope="module")
def fitted(shop: Path) -> Path:
    """Fitted with the usual rules, parts of every kind in it."""
    done(shop.parent, "fit", "shop.duckdb", "--out", "model", "--items", "products", "--seed", "3", *FIT)
    return shop.parent / "model"


def everything(folder: Path) -> dict[str, bytes]:
    """All files as they are, and Parquet unpacked to text as well."""
    found = {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    table = pq.read_table(folder / "items.parquet")
    found["items.parquet, unpacked"] = f"{table.to_pylist()} {table.schema.metadata}".encode()
    return found


def test_no_user_and_no_rare_item_is_in_any_file(fitted: Path) -> None:
    files = everything(fitted)
    assert {"manifest.json", "model.onnx", "items.parquet", "weights.safetensors", "report.html"} <= set(files)
    assert b"item17" in files["items.parquet, unpacked"]
    for name, content in files.items():
        for word in (b"secret-user", b"7000000", b"rare-item", b"rare-name", (7000000).to_bytes(8, "little")):
            assert word not in content, (name, word)


def test_no_tensor_has_a_row_a_user(fitted: Path) -> None:
    shapes = [tuple(tensor.dims) for tensor in onnx.load(fitted / "model.onnx").graph.initializer]
    with safe_open(fitted / "weights.safetensors", "np") as weights:
        shapes += [tuple(weights.get_slice(name).get_shape()) for name in weights.keys()]  # noqa: SIM118
    assert any(ITEMS in shape or ITEMS + 1 in shape for shape in shapes)
    assert not any(size % USERS == 0 for shape in shapes for size in shape if size)


def test_inspect_says_what_is_promised(fitted: Path, cli: Cli) -> None:
    assert f"{ITEMS} items; every one was chosen by 5 users or more" in cli("inspect", fitted).out
    assert json.loads(cli("inspect", fitted, "--json").out)["min_users_per_item"] == 5


def test_a_promise_that_was_waived_is_not_made(shop: Path, cli: Cli, tmp_path: Path) -> None:
    options = ("-o", "cleaning.min_users_per_item=1", "-o", "pipeline.generators=popularity")
    ran = cli("fit", shop, "--out", tmp_path / "model", *options, "-o", "pipeline.extractors=")
    assert ran.code == 0, ran.err
    assert "items of a single user may be among them" in cli("inspect", tmp_path / "model").out
    assert b"rare-item" in everything(tmp_path / "model")["items.parquet, unpacked"]


@pytest.mark.parametrize("mask", [0o022, 0o002, 0o077], ids=oct)
def test_files_have_the_rights_of_the_umask(mask: int, cli: Cli, tmp_path: Path) -> None:
    shop = write_shop(tmp_path / "shop.duckdb")
    before = os.umask(mask)
    try:
        options = ("-o", "pipeline.generators=popularity", "-o", "pipeline.extractors=", "-o", "pipeline.top_k=10")
        assert cli("fit", shop, "--out", tmp_path / "model", *options).code == 0
        model = tmp_path / "model"
        for args in (("--to", tmp_path / "l.parquet"), ("--to", tmp_path / "parts"), ("--into", f"{tmp_path}/l.db::l")):
            assert cli("score", model, shop, *args).code == 0
        assert cli("export", model, tmp_path / "graph.onnx").code == 0
        assert cli("report", model).code == 0
        assert cli("init", tmp_path / "selfrec.toml").code == 0
    finally:
        os.umask(before)
    for path in tmp_path.rglob("*"):
        if path != shop:
            usual = (0o777 if path.is_dir() else 0o666) & ~mask
            assert stat.S_IMODE(path.stat().st_mode) == usual, path
    assert {path.name for path in tmp_path.iterdir()} == {
        "shop.duckdb", "model", "l.parquet", "parts", "l.db", "graph.onnx", "selfrec.toml"
    }  # fmt: skip


def kill_when_it_works(folder: Path, *args: str) -> list[str]:
    """Kill a job as soon as a work folder of its own stands beside the target; what it leaves."""
    job = Job.start(folder, *args)
    end = time.monotonic() + 60
    while not leftovers(folder) and job.process.is_alive() and time.monotonic() < end:
        time.sleep(0.002)
    job.signal(signal.SIGKILL)
    assert job.end() == -signal.SIGKILL
    return leftovers(folder)


def test_what_a_killed_job_leaves_stands_beside_the_target_and_the_next_one_removes_it(tmp_path: Path) -> None:
    write_shop(tmp_path / "shop.duckdb")
    next_item_model(tmp_path / "toy", item_type="VARCHAR", item_ids=[f"i{n}" for n in range(6)])
    fit = ("fit", "shop.duckdb", "--out", "model", "-o", "pipeline.generators=popularity", "-o", "pipeline.extractors=")
    left = kill_when_it_works(tmp_path, *fit)
    assert left
    assert all(name.startswith(".model.") for name in left)
    done(tmp_path, *fit)
    assert leftovers(tmp_path) == []
    score = ("score", "toy", "shop.duckdb", "--to", "lists", "-k", "2")
    assert kill_when_it_works(tmp_path, *score) == [".lists.selfrec"]
    done(tmp_path, *score)
    assert leftovers(tmp_path) == []
