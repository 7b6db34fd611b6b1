"""The exported graph of a model folder, measured as `selfrec evaluate` does."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import torch

from selfrec.catalog import Catalog
from selfrec.evaluation.evaluate import evaluate_lists, evaluate_model
from selfrec.export.graph import to_graph, write_graph
from selfrec.histories import Histories, Holdout, Int64
from selfrec.model_folder.manifest import Fingerprint, Manifest, SourceColumns
from selfrec.model_folder.reading import Model, open_model
from selfrec.model_folder.writing import ModelWriter
from selfrec.pipeline.recommender import Recommender
from selfrec.settings.tables import Config, ScoringSettings
from tests.shapes import recommender

N = 60
K = 10


@pytest.fixture(scope="module")
def module() -> Recommender:
    return recommender("one factored", N, K).eval()


@pytest.fixture(scope="module")
def model(module: Recommender, tmp_path_factory: pytest.TempPathFactory) -> Model:
    path = tmp_path_factory.mktemp("models") / "model"
    numbers = np.arange(N)
    table = pa.table(
        {
            "item_number": pa.array(numbers, pa.int32()),
            "item_id": pa.array([f"i{number}" for number in numbers]),
            "popularity": pa.array(N - numbers, pa.float32()),
        }
    )
    with ModelWriter(path) as writer:
        write_graph(to_graph(module), writer.folder)
        Catalog(table).write(writer.folder / "items.parquet")
        writer.commit(
            Manifest(
                selfrec_version="0",
                seed=0,
                config=Config(),
                columns=SourceColumns(user_id="user_id", item_id="item_id", user_type="BIGINT", item_type="VARCHAR"),
                data=Fingerprint(rows=1, users=1, items=N),
                n_items=N,
                top_k=K,
            )
        )
    return open_model(path)


@pytest.fixture(scope="module")
def holdout() -> Holdout:
    rng = np.random.default_rng(0)
    inputs, targets, weights = [], [], []
    for _ in range(80):
        row = rng.permutation(N)[: rng.integers(1, 30)].tolist()
        hidden = int(rng.integers(0, min(3, len(row)) + 1))
        targets.append(row[:hidden])
        inputs.append(row[hidden:])
        # Some slots are seen items that are no history.
        weights.append(np.where(rng.random(len(row) - hidden) < 0.3, 0.0, 1.0).tolist())
    return Holdout(Histories.from_rows(inputs, N, weights), Histories.from_rows(targets, N))


def test_the_graph_is_measured_as_the_module_would_be(model: Model, module: Recommender, holdout: Holdout) -> None:
    def in_torch(histories: Histories, seen: Histories) -> Int64:
        padded = histories.padded()
        with torch.no_grad():
            items, scores = module(
                torch.from_numpy(padded.history),
                torch.from_numpy(padded.weights),
                torch.from_numpy(seen.padded().history),
                torch.zeros(N),
            )
        return np.where(np.isfinite(scores.numpy()), items.numpy(), N)

    measured = evaluate_model(model, holdout, model.catalog)
    expected = evaluate_lists(in_torch, holdout, model.catalog.popularity, list_length=K)
    assert measured == expected
    assert measured.cutoffs == (5, 10)
    assert measured.users == int((holdout.targets.lengths > 0).sum())


def test_popularity_is_the_graphs_prior_without_seen_items(model: Model, module: Recommender, holdout: Holdout) -> None:
    nothing = torch.zeros((1, 0), dtype=torch.int64)
    with torch.no_grad():
        items, _ = module(nothing, torch.zeros((1, 0)), nothing, torch.zeros(N))
    top = items.numpy()[0]
    one = Holdout(Histories.from_rows([top[:2].tolist()], N), Histories.from_rows([[int(top[2]), int(top[4])]], N))
    result = evaluate_model(model, one)
    assert result.overall.popularity["mrr@5"] == 1.0
    assert result.overall.popularity["map@5"] == pytest.approx((1 + 2 / 3) / 2)


def test_settings_of_scoring_do_not_change_what_is_measured(model: Model, holdout: Holdout) -> None:
    plain = evaluate_model(model, holdout)
    done: list[int] = []
    other = ScoringSettings(k=3, repeats=True, threads=2, batch_megabytes=1)
    assert evaluate_model(model, holdout, settings=other, on_users=done.append) == plain
    assert done == [plain.users]
