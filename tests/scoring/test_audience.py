"""similar, explain and audience on a model with known answers (see tests.scoring.shops)."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from selfrec.api import fit
from selfrec.errors import SettingsError, SourceError
from selfrec.model_folder.reading import Model
from selfrec.scoring.audience import audience
from selfrec.scoring.explain import explain
from selfrec.scoring.job import score_table
from selfrec.scoring.similar import similar
from selfrec.scoring.targets import parse_target
from selfrec.settings.tables import CleaningSettings, Config, ScoringSettings
from tests.cli.conftest import write_shop as write_named_shop
from tests.scoring.shops import leftovers, next_item_model, write_shop

EVENTS = [("ann", 100), ("bob", 104), ("ann", 103), ("cid", 999)]
HALF = pytest.approx(0.5**0.5)


@pytest.fixture
def shop(tmp_path: Path) -> str:
    write_shop(tmp_path / "shop.duckdb", EVENTS)
    return str(tmp_path / "shop.duckdb")


def test_similar(model: Model) -> None:
    for item in (102, "102"):
        lines = [(line.rank, line.item_id, line.score) for line in similar(model, item, 3)]
        assert lines == [(1, 103, 1.0), (2, 100, 0.0), (3, 101, 0.0)]
    with pytest.raises(SettingsError, match=r"item '7' is not in the catalog .* 6 such as '100'"):
        similar(model, 7)
    with pytest.raises(SettingsError, match="k = 5"):
        similar(model, 102, 5)


def test_explain(model: Model, shop: str) -> None:
    found = explain(model, shop, "ann", 3)
    assert found.history == 2
    lines = [(one.recommendation.item_id, one.recommendation.score, one.because) for one in found.items]
    assert [line[:2] for line in lines] == [(101, HALF), (104, HALF), (102, 0.0)]
    # Each is carried by the item before it, all of its score; the third by none.
    assert [[(cause.item_id, cause.name, cause.drop) for cause in line[2]] for line in lines] == [
        [(100, "100", HALF)],
        [(103, "103", HALF)],
        [],
    ]
    again = explain(model, shop, "bob", 1, repeats=True)
    assert [(one.recommendation.item_id, one.because[0].item_id) for one in again.items] == [(105, 104)]


def test_explain_a_cold_user(model: Model, shop: str) -> None:
    for user in ("cid", "nobody"):
        found = explain(model, shop, user, 2)
        assert found.history == 0
        assert [(one.recommendation.item_id, one.because) for one in found.items] == [(100, []), (101, [])]


def test_explain_never_shows_what_was_only_seen(tmp_path: Path) -> None:
    model = next_item_model(tmp_path / "model", config=Config(cleaning=CleaningSettings(exclude_events=("dislike",))))
    write_shop(tmp_path / "shop.duckdb", [("ann", 100), ("ann", 103)])
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as connection:
        connection.execute("ALTER TABLE interactions ADD COLUMN event VARCHAR DEFAULT 'view'")
        connection.execute("INSERT INTO interactions VALUES ('ann', 101, TIMESTAMP '2026-02-01', 'dislike')")
    found = explain(model, str(tmp_path / "shop.duckdb"), "ann", 4)
    assert [one.recommendation.item_id for one in found.items] == [104, 102, 105]


def test_an_id_of_another_type(model: Model, tmp_path: Path) -> None:
    write_shop(tmp_path / "shop.duckdb", [(1, 100), (2, 101)], "BIGINT")
    with pytest.raises(SourceError, match="no BIGINT"):
        explain(model, str(tmp_path / "shop.duckdb"), "ann", 1)
    assert explain(model, str(tmp_path / "shop.duckdb"), "1", 1).items[0].recommendation.item_id == 101


def test_audience(model: Model, shop: str) -> None:
    calls: list[tuple[int, int]] = []
    found = audience(model, shop, 101, 5, progress=lambda done, total: calls.append((done, total)))
    assert [tuple(one) for one in found.users] == [(1, "ann", HALF), (2, "bob", 0.0)]
    assert (found.asked, found.cold, found.seen) == (3, 1, 0)
    assert calls == [(3, 3)]
    assert [tuple(one) for one in audience(model, shop, "101", 1).users] == [(1, "ann", HALF)]
    # ann has it already.
    found = audience(model, shop, 100)
    assert ([tuple(one) for one in found.users], found.cold, found.seen) == ([(1, "bob", 0.0)], 1, 1)
    repeats = audience(model, shop, 100, settings=ScoringSettings(repeats=True))
    assert [one.user_id for one in repeats.users] == ["ann", "bob"]
    with pytest.raises(SettingsError, match="not in the catalog"):
        audience(model, shop, 7)


@pytest.mark.parametrize("top_k", [5, 20])
def test_a_ranker_compares_the_item_with_others(tmp_path: Path, top_k: int) -> None:
    """Scored with all other items removed, an item would have nothing to stand out from."""
    shop = write_named_shop(tmp_path / "shop.duckdb")
    options = {
        "pipeline.extractors": [],
        "pipeline.generators": ["itemknn", "popularity"],
        "pipeline.ranker": "mlp",
        "pipeline.keep": "all",
        "pipeline.candidates": 10,
        "pipeline.top_k": top_k,
        "ranker.mlp.epochs": 2,
    }
    model = fit(shop, tmp_path / "model", options=options)
    model.score(shop, to=tmp_path / "lists.parquet", k=top_k)
    with duckdb.connect() as connection:
        lists = connection.execute(f"FROM '{tmp_path}/lists.parquet'").fetchall()
    listed = {user: score for user, _, item, score in lists if item == "i3"}
    last = {user: score for user, rank, _, score in lists if rank == top_k}
    found = model.audience(shop, "i3")
    scores = {one.user_id: one.score for one in found.users}
    assert listed
    assert listed.keys() <= scores.keys()
    assert len(scores) == 60 - found.seen
    assert {user: scores[user] for user in listed} == pytest.approx(listed)
    assert all(scores[user] <= last[user] for user in scores.keys() - listed.keys())
    assert (len(listed) < len(scores)) == (top_k == 5)


def test_audience_among_listed_users(model: Model, shop: str) -> None:
    with duckdb.connect(shop) as connection:
        connection.execute("CREATE TABLE chosen AS SELECT unnest(['bob', 'new']) AS user_id")
    found = audience(model, shop, 105, users="chosen")
    assert ([tuple(one) for one in found.users], found.asked, found.cold) == ([(1, "bob", 1.0)], 2, 1)


@pytest.mark.parametrize("k", [1, 10, 5000])
def test_audience_is_a_column_of_the_full_lists(tmp_path: Path, k: int) -> None:
    model = next_item_model(tmp_path / "model", 6, 6)
    shop = tmp_path / "shop.duckdb"
    with duckdb.connect(str(shop)) as connection:
        connection.execute(
            "CREATE TABLE interactions AS "
            "SELECT 'user ' || (i // 3) AS user_id, 100 + (i * 7 + i // 5) % 6 AS item_id, "
            "TIMESTAMP '2026-01-01' + to_seconds(i) AS timestamp FROM range(4000) t(i)"
        )
    sharded = ScoringSettings(k=6, shard_rows=1000)
    score_table(model, str(shop), parse_target(str(shop), into="lists"), sharded)
    found = audience(model, str(shop), 103, k, settings=sharded)
    with duckdb.connect(str(shop), read_only=True) as connection:
        expected = connection.execute(
            "SELECT user_id, score FROM lists WHERE item_id = 103 ORDER BY score DESC, user_id LIMIT ?", [k]
        ).fetchall()
        [(all_of_them,)] = connection.execute("SELECT count(*) FROM lists WHERE item_id = 103").fetchall()
    assert [(one.user_id, one.score) for one in found.users] == expected
    assert [one.rank for one in found.users] == list(range(1, len(expected) + 1))
    assert (found.asked, found.seen) == (1334, 1334 - all_of_them)
    assert leftovers(tmp_path) == []
