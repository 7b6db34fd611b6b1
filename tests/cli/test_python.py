"""The verbs in Python, on the model that the command line fitted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

import selfrec
from selfrec.errors import SettingsError, TargetError
from tests.cli.conftest import USERS
from tests.scoring.shops import next_item_model
from tests.scoring.shops import write_shop as write_events


def test_the_verbs_in_python(model: Path, shop: Path, tmp_path: Path) -> None:
    loaded = selfrec.load(model)
    lines = loaded.recommend(["i2", "i4"], k=3)
    assert [line.rank for line in lines] == [1, 2, 3]
    assert lines[0].name == f"Product {lines[0].item_id[1:]}"
    summary = loaded.score(shop, to=tmp_path / "lists.parquet", k=2)
    assert (summary.users, summary.rows) == (USERS, 2 * USERS)
    assert loaded.evaluate(shop).users == USERS
    some = tmp_path / "some.csv"
    some.write_text("user_id\n1\n2\n")
    assert loaded.score(shop, to=tmp_path / "two.parquet", users=some, k=2).rows == 4
    with pytest.raises(SettingsError, match=r"unknown option 'scoring.kk'"):
        loaded.score(shop, into="x", kk=2)
    assert repr(loaded).endswith("20 items, lists of up to 10>")


def test_what_python_takes_and_refuses(
    model: Path, shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = selfrec.load(model)
    assert loaded.recommend(item for item in ("i2", "i4")) == loaded.recommend(["i2", "i4"], 10)
    assert loaded.recommend(["i2"], 2, weights=[1e300]) == loaded.recommend(["i2"], 2, weights=[1e15])
    assert loaded.score(shop, into=tmp_path / "other.duckdb::lists", k=2).rows == 2 * USERS
    with pytest.raises(SettingsError, match="is a model folder, no source"):
        loaded.score(model, to=tmp_path / "x.parquet")
    with pytest.raises(SettingsError, match="is a model folder, no source"):
        loaded.evaluate(model)
    monkeypatch.chdir(tmp_path)
    for place, why in (("-", "^to: '-': the result cannot go to standard output"), ("", "^to: the path is empty")):
        with pytest.raises(SettingsError, match=why):
            loaded.score(shop, to=place)
        with pytest.raises(SettingsError, match=why.replace("to", "out", 1)):
            selfrec.fit(shop, place)
    assert not (tmp_path / "-").exists()
    connection = duckdb.connect(str(shop))
    held: list[Any] = [{"a": 1}, connection]
    for value in held:
        for name in ("users", "deny"):
            with pytest.raises(
                TypeError, match=rf"^{name} is a {type(value).__name__}; give a path or the name of a t"
            ):
                loaded.score(shop, to=tmp_path / "x.parquet", **{name: value})
        with pytest.raises(TypeError, match=rf"^source is a {type(value).__name__}; give a path or .* Parquet file"):
            loaded.score(value, to=tmp_path / "x.parquet")
    with pytest.raises(TypeError, match=r"^path is a NoneType; give a path$"):
        selfrec.load(None)  # type: ignore[arg-type]
    with pytest.raises(TargetError, match="is open in this very program; close that connection and start again"):
        loaded.score(shop, into="lists")
    connection.close()


def test_a_list_in_python_is_as_long_as_a_small_model_has_it(tmp_path: Path) -> None:
    next_item_model(tmp_path / "model", 6, 4)
    write_events(tmp_path / "shop.duckdb", [("ann", 100)])
    loaded = selfrec.load(tmp_path / "model")
    assert len(loaded.recommend([100])) == len(loaded.similar(100)) == 4
    assert len(loaded.explain(tmp_path / "shop.duckdb", "ann").items) == 4
    with pytest.raises(SettingsError, match="k = 10"):
        loaded.recommend([100], 10)
    with pytest.raises(ValueError, match="most is -1"):
        loaded.explain(tmp_path / "shop.duckdb", "ann", most=-1)
    with pytest.raises(SettingsError, match="k = 0; ask for at least 1 item"):
        loaded.recommend([100], 0)
    with pytest.raises(SettingsError, match="k is 0; give the number of users"):
        loaded.audience(tmp_path / "shop.duckdb", 100, 0)


def test_the_public_surface() -> None:
    assert sorted(selfrec.__all__) == dir(selfrec)
    for name in selfrec.__all__:
        assert getattr(selfrec, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = selfrec.nothing


def test_fit_is_a_function_twice(shop: Path, tmp_path: Path) -> None:
    options = {"pipeline.extractors": [], "pipeline.generators": ["popularity"], "pipeline.ranker": None}
    for name in ("one", "two"):
        selfrec.fit(shop, tmp_path / name, options=options)
    assert (tmp_path / "one" / "model.onnx").read_bytes() == (tmp_path / "two" / "model.onnx").read_bytes()
