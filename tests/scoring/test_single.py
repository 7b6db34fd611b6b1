"""One user by hand, on a model where item i + 1 follows item i; its ids are 100, 101, ..."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import numpy as np
import pyarrow as pa
import pytest

from selfrec.errors import SettingsError
from selfrec.model_folder.reading import Model
from selfrec.scoring.similar import similar
from selfrec.scoring.single import Recommendation, recommend
from tests.scoring.shops import next_item_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return next_item_model(tmp_path_factory.mktemp("single") / "model")


def test_the_next_item_comes_first(model: Model) -> None:
    found = recommend(model, [102], k=2)
    assert found.items == [Recommendation(1, 103, "103", 1.0), Recommendation(2, 100, "100", 0.0)]
    assert found.unknown == []


def test_ids_as_text_and_unknown_ones(model: Model) -> None:
    found = recommend(model, ["102", "999", "x"], k=1)
    assert found.items == recommend(model, [102], k=1).items
    assert found.unknown == ["999", "x"]


def test_weights_decide_the_order(model: Model) -> None:
    assert [line.item_id for line in recommend(model, [100, 102], 2, weights=[1, 3]).items] == [103, 101]
    assert [line.item_id for line in recommend(model, [100, 102], 2, weights=[3, 1]).items] == [101, 103]
    with pytest.raises(ValueError, match="2 weights for a history of 1 items"):
        recommend(model, [100], weights=[1, 2])


def test_weights_are_numbers_for_each_item(model: Model) -> None:
    plain = recommend(model, [100, 102], 2, weights=[1, 2])
    assert recommend(model, [100, 102], 2, weights=np.array([1.0, 2.0])) == plain
    for weights in ([1.0, float("nan")], [1.0, -1.0], [1.0, float("inf")]):
        with pytest.raises(ValueError, match="finite numbers of at least 0"):
            recommend(model, [100, 102], 2, weights=weights)
    with pytest.raises(ValueError, match="1 weights for a history of 2"):
        recommend(model, [100, 102], 2, weights=[1.0])
    with pytest.raises(ValueError, match="give a list of item ids"):
        recommend(model, "100", 2)


def test_a_table_is_no_history(model: Model) -> None:
    ids = [100, 102]
    for table in (np.array([ids]), pa.table({"item_id": ids})):
        with pytest.raises(ValueError, match="of rows and columns; give its one column of item ids"):
            recommend(model, table, 2)
    with pytest.raises(ValueError, match="is a dict; give a list of item ids, and what they weigh as weights"):
        recommend(model, dict.fromkeys(ids, 1.0), 2)
    for column in (np.array(ids), pa.array(ids), pa.chunked_array([ids])):
        assert recommend(model, column, 2) == recommend(model, ids, 2)


def test_an_id_twice_counts_once(model: Model) -> None:
    assert recommend(model, [100, 102, 100], 4) == recommend(model, [102, 100], 4)


def test_the_history_is_left_out_unless_repeats(model: Model) -> None:
    assert [line.item_id for line in recommend(model, [100, 101], 4).items] == [102, 103, 104, 105]
    assert [line.item_id for line in recommend(model, [100, 101], 2, repeats=True).items] == [101, 102]


def test_shorter_than_k_when_nothing_is_left(model: Model) -> None:
    assert [line.item_id for line in recommend(model, [100, 101, 102, 103, 104], 4).items] == [105]
    assert recommend(model, range(100, 106), 4).items == []


def test_a_k_beyond_the_model(model: Model) -> None:
    with pytest.raises(SettingsError, match=r"k = 5, but the model .* gives lists of at most 4"):
        recommend(model, [100], 5)
    with pytest.raises(SettingsError, match=r"option 'scoring.k' is 0"):
        recommend(model, [100], 0)


def test_spellings_of_one_id(model: Model, tmp_path: Path) -> None:
    found = recommend(model, ["0102", " 101 ", "102.0", "102.5", "1e2", "\udcff"], k=1)
    assert found.items == recommend(model, [102, 101], k=1).items
    assert found.unknown == ["102.5", "1e2", "\udcff"]
    ids = [f"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1{n}" for n in range(6)]
    other = next_item_model(tmp_path / "model", item_ids=pa.array(ids), item_type="UUID")
    assert [line.item_id for line in similar(other, ids[2].upper(), 1)] == [ids[3]]
    assert [line.item_id for line in similar(other, UUID(ids[2]), 1)] == [ids[3]]
    text = next_item_model(tmp_path / "text", item_ids=pa.array(ids), item_type="VARCHAR")
    with pytest.raises(SettingsError, match="is not in the catalog"):
        similar(text, ids[2].upper(), 1)
