"""The main job as a user runs it: the real command line, a real DuckDB file, the real graph, start to end."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import duckdb
import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

from selfrec.export.agreement import difference
from selfrec.model_folder.reading import open_model
from tests.program import ended as selfrec
from tests.shop import HOUSEHOLDS, aisle_of_item, aisle_of_user, make_shop

# The toy shop's households go through their aisle in one order, so that their newest product alone tells the next one:
# fit finds that out, and lists are then of what comes next and not of the aisle.
BY_AISLE = ["-o", "pipeline.recency=none"]
QUICK = ["-o", "extractor.autoencoder.width=16", "-o", "extractor.autoencoder.epochs=5", *BY_AISLE]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_shop(tmp_path_factory.mktemp("shop") / "shop.duckdb")


@pytest.fixture(scope="module")
def model(shop: Path) -> Path:
    out = shop.parent / "model"
    selfrec("fit", shop, "--table", "events", "--items", "products", "--out", out, *QUICK)
    return out


class TestFit:
    def test_folder_is_the_contract(self, model: Path) -> None:
        names = {path.name for path in model.iterdir()}
        wanted = {"manifest.json", "model.onnx", "items.parquet", "weights.safetensors", "report.html", "model_card.md"}
        assert wanted <= names
        manifest = json.loads((model / "manifest.json").read_text())
        for name, entry in manifest["files"].items():
            assert hashlib.sha256((model / name).read_bytes()).hexdigest() == entry["sha256"]

    def test_no_user_id_is_in_the_folder(self, model: Path) -> None:
        assert not any(b"house 1" in path.read_bytes() for path in model.iterdir())

    def test_nothing_is_left_beside_it(self, model: Path) -> None:
        assert {path.name for path in model.parent.iterdir()} <= {"shop.duckdb", "model", "other"}

    def test_one_seed_gives_one_folder(self, shop: Path, model: Path, tmp_path: Path) -> None:
        """Also in a process that was started from nothing, and so hashes text by another seed. But for the day."""
        again = ["fit", shop, "--table", "events", "--items", "products", "--out", tmp_path / "again", *QUICK]
        subprocess.run([sys.executable, "-m", "selfrec", *map(str, again)], capture_output=True, check=True)
        first, second = (
            {path.name: path.read_bytes() for path in folder.iterdir()} for folder in (model, tmp_path / "again")
        )
        manifests = [json.loads(files.pop("manifest.json")) for files in (first, second)]
        assert [name for name in first if first[name] != second.get(name)] == []
        assert manifests[0] == manifests[1] | {"created": manifests[0]["created"]}

    def test_graph_in_the_reference_evaluator_gives_the_same_lists(self, model: Path) -> None:
        opened = open_model(model)
        rng = np.random.default_rng(0)
        history = rng.integers(0, opened.n_items + 1, size=(7, 6))
        feeds = {
            "history": history,
            "weights": np.ones(history.shape, dtype=np.float32),
            "exclude": history,
            "item_bias": np.zeros(opened.n_items, dtype=np.float32),
        }
        names = ["items", "scores"]
        reference = ReferenceEvaluator(onnx.load(str(model / "model.onnx"))).run(names, feeds)
        assert difference(*reference, *opened.session().run(names, feeds)) == ""


class TestEvaluate:
    def test_beats_popularity(self, shop: Path, model: Path) -> None:
        figures = json.loads(selfrec("evaluate", model, shop, "--json").out)
        overall = figures["groups"][0]
        assert overall["model"]["recall@5"] > 2 * overall["popularity"]["recall@5"]


class TestScore:
    def test_every_household_gets_the_rest_of_its_aisle(self, shop: Path, model: Path) -> None:
        selfrec("score", model, shop, "--into", "recommendations", "-k", "4")
        with duckdb.connect(str(shop), read_only=True) as con:
            rows = con.execute("SELECT user_id, rank, item_id, score FROM recommendations").fetchall()
            seen = con.execute("SELECT count(*) FROM recommendations SEMI JOIN events USING (user_id, item_id)")
            assert seen.fetchall() == [(0,)]
            types = con.execute(
                "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name=$1", ["recommendations"]
            )
            assert dict(types.fetchall()) == {
                "user_id": "VARCHAR", "rank": "INTEGER", "item_id": "INTEGER", "score": "FLOAT",
            }  # fmt: skip
            runs = con.execute("SELECT users, rows FROM selfrec_runs").fetchall()
        assert runs[-1] == (HOUSEHOLDS, HOUSEHOLDS * 4)
        assert len(rows) == HOUSEHOLDS * 4
        right = [aisle_of_user(user) == aisle_of_item(item) for user, _, item, _ in rows]
        assert np.mean(right) > 0.8

    def test_denied_items_never_come(self, shop: Path, model: Path, tmp_path: Path) -> None:
        deny = tmp_path / "deny.csv"
        deny.write_text("item_id\n" + "\n".join(str(1000 + i) for i in range(24)) + "\n")
        selfrec("score", model, shop, "--to", tmp_path / "lists.parquet", "--deny", deny, "-k", "5")
        rows = duckdb.execute(f"SELECT min(item_id) FROM '{tmp_path / 'lists.parquet'}'").fetchall()
        assert rows[0][0] >= 1024


class TestRecommend:
    def test_shows_names_of_the_right_aisle(self, model: Path) -> None:
        shown = selfrec("recommend", model, "--history", "1002,1006,1010", "-k", "4").out
        assert shown.count("aisle 2, product") == 4

    def test_cold_user_gets_the_popular_items(self, model: Path) -> None:
        assert "aisle" in selfrec("recommend", model, "--history", "nothing-known", "-k", "3").out


class TestWarmStart:
    def test_goes_on_from_an_earlier_model(self, shop: Path, model: Path, tmp_path: Path) -> None:
        selfrec("fit", shop, "--table", "events", "--out", tmp_path / "next", "--warm-start", model, *QUICK)
        assert open_model(tmp_path / "next").n_items == open_model(model).n_items

    def test_validation_rows_stay_unseen(self, shop: Path, model: Path, tmp_path: Path) -> None:
        """The same rows again: were the validation rows known, the figures would leap."""
        again = tmp_path / "again"
        selfrec("fit", shop, "--table", "events", "--items", "products", "--out", again, "--warm-start", model, *QUICK)
        first, second = (open_model(folder).manifest.stages[1].metrics for folder in (model, again))
        assert abs((second["ndcg@20"] or 0) - (first["ndcg@20"] or 0)) < 0.1

    def test_a_model_that_hid_fewer_users_rows_is_refused(self, shop: Path, tmp_path: Path) -> None:
        drawn = [shop, "--table", "events", *QUICK, "-o", "split.kind=random"]
        few, many = tmp_path / "few", tmp_path / "many"
        selfrec("fit", *drawn, "--out", few, "-o", "training.validation_users=20")
        done = selfrec("fit", *drawn, "--out", many, "--warm-start", few, fails=2)
        assert "hid rows of at most 20 users to choose on" in done.err
        assert not many.exists()
        fewer = ["-o", "training.validation_users=10"]
        selfrec("fit", *drawn, "--out", many, "--warm-start", few, *fewer)

    @pytest.mark.parametrize("option", [["--seed", "1"], ["-o", "split.kind=random"]])
    def test_another_split_or_seed_is_refused(self, shop: Path, model: Path, tmp_path: Path, option: list[str]) -> None:
        out = tmp_path / "other"
        done = selfrec("fit", shop, "--table", "events", "--out", out, "--warm-start", model, *QUICK, *option, fails=2)
        assert "has seen rows that are held out now" in done.err
        assert not out.exists()
