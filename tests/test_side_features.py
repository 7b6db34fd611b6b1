"""Columns of users and items from `fit` to `score`, `evaluate` and `recommend`, by the real command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from selfrec.histories import Histories
from selfrec.model_folder.reading import open_model
from selfrec.scoring.kernel import Scorer
from tests.program import ended as selfrec
from tests.shop import HOUSEHOLDS, make_shop

QUICK = [
    "-o", "pipeline.generators=autoencoder", "-o", "pipeline.ranker=mlp", "-o", "pipeline.keep=all",
    "-o", "extractor.autoencoder.width=16", "-o", "extractor.autoencoder.epochs=3", "-o", "ranker.mlp.epochs=30",
    "-o", "ranker.mlp.learning_rate=0.05", "-o", "ranker.mlp.column_dropout=0",
    "-o", "pipeline.candidates=12", "-o", "pipeline.top_k=8",
]  # fmt: skip


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop, and of 200 of its 240 households the aisle and whether their number is even."""
    path = make_shop(tmp_path_factory.mktemp("columns") / "shop.duckdb")
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "CREATE TABLE people AS SELECT 'house ' || h AS user_id, h % 4 AS aisle, "
            "CASE WHEN h % 2 = 0 THEN 'even' ELSE 'odd' END AS kind FROM range(200) houses(h)"
        )
        connection.execute(
            "CREATE TABLE goods AS SELECT (1000 + i)::INTEGER AS item_id, i * 1.5 AS price, "
            "'aisle ' || (i % 4) AS aisle FROM range(48) goods(i)"
        )
    return path


@pytest.fixture(scope="module")
def model(shop: Path) -> Path:
    out = shop.parent / "model"
    features = ["--user-features", "people", "--item-features", "goods"]
    done = selfrec("fit", shop, "--table", "events", "--out", out, *features, *QUICK)
    assert "has 200 of 240 users" in " ".join(done.err.split()) + " ".join(done.out.split())
    return out


def rows(path: Path) -> dict[Any, list[Any]]:
    found: dict[Any, list[Any]] = {}
    lists = duckdb.execute(f"SELECT user_id, item_id, score FROM '{path}' ORDER BY user_id, rank").fetchall()
    for user, *line in lists:
        found.setdefault(user, []).append(tuple(line))
    return found


def scored(model: Path, shop: Path, out: Path, *options: str | Path) -> dict[Any, list[Any]]:
    selfrec("score", model, shop, "--to", out, "-k", "5", *options)
    return rows(out)


class TestModel:
    def test_the_manifest_says_how_columns_become_numbers(self, model: Path) -> None:
        manifest = json.loads((model / "manifest.json").read_text())
        assert manifest["user_features"] == ["aisle", "kind=even", "kind=odd"]
        table = manifest["user_table"]
        assert (table["place"], table["key"]) == ("people", "user_id")
        assert table["columns"][0]["mean"] == 1.5
        assert table["columns"][0]["scale"] == pytest.approx(np.std([0, 1, 2, 3]))
        assert table["columns"][1]["levels"] == ["even", "odd"]
        assert [column["name"] for column in manifest["item_table"]["columns"]] == ["price", "aisle"]

    def test_an_export_says_it_too(self, model: Path, tmp_path: Path) -> None:
        selfrec("export", model, tmp_path / "g.onnx", "--items", "-k", "5")
        said = json.loads((tmp_path / "g.items.json").read_text())["user_features"]
        table = json.loads((model / "manifest.json").read_text())["user_table"]
        assert said == [
            {"name": "aisle", "column": "aisle", "mean": 1.5, "scale": table["columns"][0]["scale"], "most": 10.0},
            {"name": "kind=even", "column": "kind", "level": "even"},
            {"name": "kind=odd", "column": "kind", "level": "odd"},
        ]

    def test_the_graph_asks_for_them(self, model: Path) -> None:
        opened = open_model(model)
        assert opened.extra_inputs == ("ages", "user_features")
        assert opened.surface.user_features == 3

    def test_no_user_id_is_in_the_folder(self, model: Path) -> None:
        assert not any(b"house 1" in path.read_bytes() for path in model.iterdir())


class TestScore:
    def test_columns_are_joined_and_unknown_users_are_neutral(self, shop: Path, model: Path, tmp_path: Path) -> None:
        known = scored(model, shop, tmp_path / "known.parquet")
        neutral = scored(model, shop, tmp_path / "neutral.parquet", "--user-features", "none")
        assert len(known) == len(neutral) == HOUSEHOLDS
        strangers = {f"house {h}" for h in range(200, HOUSEHOLDS)}
        assert all(known[user] == neutral[user] for user in strangers)
        assert any(known[user] != neutral[user] for user in known)

    def test_another_table_takes_its_place(self, shop: Path, model: Path, tmp_path: Path) -> None:
        """Columns that are all null are unknown; those of a file are those of the table."""
        people, empty = tmp_path / "people.parquet", tmp_path / "empty.parquet"
        with duckdb.connect(str(shop), read_only=True) as connection:
            connection.execute(f"COPY people TO '{people}'")
            connection.execute(
                f"COPY (SELECT user_id, NULL::INT AS aisle, NULL::VARCHAR AS kind FROM people) TO '{empty}'"
            )
        first = scored(model, shop, tmp_path / "table.parquet")
        assert scored(model, shop, tmp_path / "file.parquet", "--user-features", people) == first
        nothing = scored(model, shop, tmp_path / "nothing.parquet", "--user-features", "none")
        assert scored(model, shop, tmp_path / "null.parquet", "--user-features", empty) == nothing

    def test_a_source_without_the_table_says_what_to_do(self, model: Path, tmp_path: Path) -> None:
        bare = make_shop(tmp_path / "bare.duckdb")
        done = selfrec("score", model, bare, "--to", tmp_path / "lists.parquet", fails=1)
        assert "has no table 'people'" in done.err
        assert "--user-features" in done.err
        assert done.err.count("\n") == 1

    def test_a_model_without_columns_refuses_them(self, shop: Path, tmp_path: Path) -> None:
        plain, out = tmp_path / "plain", tmp_path / "lists.parquet"
        only = ["-o", "pipeline.extractors=", "-o", "pipeline.generators=popularity"]
        done = selfrec("fit", shop, "--table", "events", "--out", plain, "--user-features", "people", *only)
        assert "no part of the exported pipeline reads them" in " ".join(done.out.split())
        assert json.loads((plain / "manifest.json").read_text())["user_table"] is None
        done = selfrec("score", plain, shop, "--to", out, "--user-features", "people", fails=2)
        assert "reads no user columns; leave the option out" in done.err
        selfrec("score", plain, shop, "--to", out, "--user-features", "none")

    def test_why_nothing_reads_them_is_told(self, shop: Path, tmp_path: Path) -> None:
        """Not with a preset that was given, and not where there is nothing to read."""
        names, chance = tmp_path / "names.parquet", tmp_path / "chance.parquet"
        with duckdb.connect(str(shop), read_only=True) as connection:
            users = "(SELECT DISTINCT user_id FROM events)"
            connection.execute(f"COPY (SELECT user_id, 'called ' || user_id AS name FROM {users}) TO '{names}'")
            connection.execute(f"COPY (SELECT user_id, hash(user_id) % 7 AS digit FROM {users}) TO '{chance}'")
        options = ["--preset", "full", "-o", "pipeline.extractors=", "-o", "pipeline.generators=slim"]
        told = []
        for people in (names, chance):
            fit = ["fit", shop, "--table", "events", "--out", tmp_path / "told", "--user-features", people]
            told.append(" ".join(selfrec(*fit, *options, "-o", "ranker.mlp.epochs=1").out.split()))
        assert "has a value that 5 users or more have, so there is nothing to learn from" in told[0]
        assert "the lists are no better with the ranker 'mlp', which reads them" in told[1]
        assert not any("`--preset full` has one that can" in line for line in told)

    def test_item_columns_that_nothing_reads_are_told(self, shop: Path, tmp_path: Path) -> None:
        """That the ranker of `model` reads them is no news."""
        goods, out = tmp_path / "goods.parquet", tmp_path / "told"
        with duckdb.connect(str(shop), read_only=True) as connection:
            connection.execute(f"COPY (SELECT item_id, NULL::VARCHAR AS name FROM goods) TO '{goods}'")
        fit = ["fit", shop, "--table", "events", "--out", out]
        plain = ["-o", "pipeline.extractors=", "-o", "pipeline.generators=popularity"]
        done = selfrec(*fit, "--item-features", "goods", *plain)
        line = "Note: --item-features: no part of the exported pipeline reads them; `--preset full` has one that can"
        assert line in " ".join(done.out.split())
        done = selfrec(*fit, "--item-features", "goods", *QUICK, "-o", "ranker.mlp.item_features=false")
        assert line in " ".join(done.out.split())
        done = selfrec(*fit, "--item-features", goods, *plain)
        assert "has a value that items of 5 users or more have, so there is nothing to" in " ".join(done.out.split())
        assert "Note" not in selfrec(*fit, "--item-features", "goods", *QUICK).out

    def test_item_columns_of_a_ranker_that_is_left_out(self, shop: Path, tmp_path: Path) -> None:
        chance = tmp_path / "chance.parquet"
        with duckdb.connect(str(shop), read_only=True) as connection:
            connection.execute(f"COPY (SELECT item_id, hash(item_id) % 7 AS digit FROM goods) TO '{chance}'")
        options = ["--preset", "full", "-o", "pipeline.extractors=", "-o", "pipeline.generators=slim"]
        fit = ["fit", shop, "--table", "events", "--out", tmp_path / "told", "--item-features", chance]
        told = " ".join(selfrec(*fit, *options, "-o", "ranker.mlp.epochs=1").out.split())
        assert "--item-features: the lists are no better with the ranker 'mlp', which reads them" in told

    def test_ages_reach_the_graph(self, shop: Path, model: Path, tmp_path: Path) -> None:
        """The lists are those of the reader's ages, not of ages of 0."""
        from selfrec.source.open import open_source
        from selfrec.source.reading import HistoryReader

        opened = open_model(model)
        with open_source(str(shop), opened.config.source) as source:
            reader = HistoryReader(source, opened.config, opened.catalog, user_table=opened.manifest.user_table)
            shard = reader.read(0)
        histories = shard.histories(opened.n_items, 500)
        assert histories.ages.max() == 7.0, "eight days of events"
        settings = opened.config.scoring.model_copy(update={"k": 5})
        lists = Scorer(opened, settings).score(histories)
        expected = scored(opened.path, shop, tmp_path / "lists.parquet")
        ids = np.array([*opened.catalog.item_ids.to_pylist(), None], dtype=object)
        found = dict(zip(shard.user_ids.to_pylist(), ids[lists.items].tolist(), strict=True))
        for user, row in found.items():
            assert [item for item in row if item is not None] == [item for item, _ in expected[user]]


class TestEvaluateAndRecommend:
    def test_held_out_users_have_their_columns(self, shop: Path, model: Path) -> None:
        """By the model's own statistics: aisle 0 is (0 - 1.5) / sqrt(1.25)."""
        from selfrec.source.dataset import load_for_model

        opened = open_model(model)
        data = load_for_model(str(shop), opened.config, opened.catalog, opened.manifest.user_table)
        features = data.test.inputs.user_features
        assert features is not None
        assert features.shape == (HOUSEHOLDS, 3)
        found = {tuple(row) for row in np.round(features.astype(np.float64), 4).tolist()}
        steps = [round((aisle - 1.5) / 1.25**0.5, 4) for aisle in range(4)]
        assert found == {(steps[a], float(a % 2 == 0), float(a % 2)) for a in range(4)} | {(0.0, 0.0, 0.0)}

    def test_evaluate_apart_finds_the_table_of_the_source(self, shop: Path, model: Path, tmp_path: Path) -> None:
        """The rows to be predicted come from a file; the user columns still stand in the source."""
        later = tmp_path / "later.parquet"
        with duckdb.connect(str(shop), read_only=True) as connection:
            connection.execute(
                f"COPY (SELECT user_id, (item_id + 4)::INTEGER AS item_id, timestamp, weight FROM events) TO '{later}'"
            )
        figures = json.loads(selfrec("evaluate", model, shop, "--test", later, "--json").out)
        assert figures["groups"][0]["users"] == HOUSEHOLDS
        done = selfrec("evaluate", model, shop, "--test", later, "--user-features", "poeple", fails=1)
        assert f"{shop}: has no table 'poeple'" in done.err

    def test_evaluate_says_which_column_it_cannot_read(self, shop: Path, model: Path, tmp_path: Path) -> None:
        people = tmp_path / "people.parquet"
        with duckdb.connect(str(shop), read_only=True) as connection:
            connection.execute(f"COPY (SELECT * REPLACE (upper(kind) AS kind) FROM people) TO '{people}'")
        notes = json.loads(selfrec("evaluate", model, shop, "--user-features", people, "--json").out)["notes"]
        assert len(notes) == 1
        assert (
            "no value known to the model in column 'kind' (such as 'EVEN', in the fit 'even'); all unknown" in notes[0]
        )

    def test_explain_and_audience_read_columns_from_another_place(
        self, shop: Path, model: Path, tmp_path: Path
    ) -> None:
        """Where the fit's table is gone, as `--user-features` says that they do; the scores are those of `score`."""
        events = tmp_path / "events.parquet"
        with duckdb.connect(str(shop), read_only=True) as connection:
            connection.execute(f"COPY events TO '{events}'")
        asked = [("explain", "--user", "house 3", "-k", "5"), ("audience", "--item", "1002")]
        for verb, *options in asked:
            assert (
                "--user-features names another place, or `none`" in selfrec(verb, model, events, *options, fails=1).err
            )
        for place in (f"{shop}::people", "none"):
            lists = scored(model, events, tmp_path / "lists.parquet", "--user-features", place)
            explained, found = (
                json.loads(selfrec(verb, model, events, *options, "--user-features", place, "--json").out)
                for verb, *options in asked
            )
            own = [(item["item_id"], pytest.approx(item["score"], abs=1e-5)) for item in explained["items"]]
            assert own == lists["house 3"]
            members = {member["user_id"]: member["score"] for member in found["users"]}
            listed = {user: score for user, row in lists.items() for item, score in row if item == 1002}
            assert {user: members[user] for user in listed} == pytest.approx(listed, abs=1e-5)

    def test_recommend_is_neutral(self, model: Path) -> None:
        """The list of a user of whom nothing but the history is known: the graph with ages and columns of 0."""
        shown = json.loads(selfrec("recommend", model, "--history", "1002,1006,1010", "-k", "4", "--json").out)
        opened = open_model(model)
        numbers = opened.catalog.numbers([1002, 1006, 1010]).tolist()
        lists = Scorer(opened).score(Histories.from_rows([numbers], opened.n_items))
        ids = [opened.catalog.item_ids[int(number)].as_py() for number in lists.items[0, :4]]
        assert [item["item_id"] for item in shown["items"]] == ids
