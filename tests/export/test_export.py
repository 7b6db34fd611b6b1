"""The graph of every shape of pipeline: canonical bytes, the contract's surface, onnxruntime equal to torch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from onnx.reference import ReferenceEvaluator
from torch import Tensor, nn

from selfrec.errors import ExportError
from selfrec.export.agreement import difference
from selfrec.export.batches import edge_batches, user_counts
from selfrec.export.check import check_graph
from selfrec.export.graph import to_graph, write_graph
from selfrec.host.records import Sizes
from selfrec.pipeline.chosen import Chosen
from selfrec.pipeline.part_building import build_part
from selfrec.pipeline.parts import Part
from selfrec.pipeline.recommender import Recommender
from selfrec.plugin import EpochOptions, Ranker, UserBatch
from tests.shapes import N_ITEMS, SHAPES, exported, recommender
from tests.toys import Toys


@pytest.fixture(autouse=True)
def _no_grad() -> Iterator[None]:
    with torch.no_grad():
        yield


class Warm(nn.Module):
    """Scores plus what the age of the history and two user columns add."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.by_column = nn.Embedding(sizes.items + 1, sizes.user_features)

    def rank(self, batch: UserBatch, features: Tensor, candidates: Tensor, scores: Tensor) -> Tensor:
        of_user = torch.matmul(self.by_column(candidates), batch.user_features.unsqueeze(2)).squeeze(2)
        return scores.sum(2) + of_user * (1 + batch.ages.sum(1, keepdim=True))


def with_columns(*, columns: int = 2, ages: bool = True) -> Recommender:
    """A pipeline whose ranker reads ages and user columns, on data that may lack them."""
    toys = Toys()
    extractor = build_part(toys.get("extractor", "factors"), "factors", EpochOptions(), Sizes(items=N_ITEMS), 1)
    options = EpochOptions()
    generator = Part(
        kind="generator", label="factors", record=toys.get("generator", "factors"), options=options,
        module=extractor.module,
    )  # fmt: skip
    record = Ranker(
        name="warm", summary="", options=EpochOptions, build=lambda options, sizes: Warm(sizes),
        inputs=frozenset({"ages", "user_features"}),
    )  # fmt: skip
    ranker = build_part(record, "warm", options, Sizes(items=N_ITEMS, user_features=max(columns, 1)), 3)
    stages = Chosen(extractors=(extractor,), generators=(generator,), weights=(1.0,), ranker=ranker)
    prior = torch.linspace(1, 0, N_ITEMS)
    return Recommender(stages, prior=prior, candidates=20, top_k=10, user_features=columns, ages=ages)


class TestFurtherInputs:
    def test_onnxruntime_equals_torch(self, tmp_path: Path) -> None:
        module = with_columns()
        graph = to_graph(module)
        inputs = {value.name: [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
                  for value in graph.graph.input}  # fmt: skip
        assert list(inputs)[-2:] == ["ages", "user_features"]
        assert inputs["ages"] == ["batch", "length"]
        assert inputs["user_features"] == ["batch", 2]
        write_graph(graph, tmp_path)
        batches = list(edge_batches(module, user_counts(ort.__version__)))
        assert check_graph(tmp_path / "model.onnx", module) == len(batches)

    def test_the_graph_asks_for_nothing_that_the_data_lacks(self) -> None:
        assert with_columns(ages=False).extra_inputs == ["user_features"]
        assert with_columns(columns=0).extra_inputs == ["ages"]
        assert with_columns(columns=0, ages=False).extra_inputs == []

    def test_neutral_values_give_the_list_of_an_unknown_user(self) -> None:
        """User columns of 0 leave the generators' order; a cold user gets the prior, whatever the columns say."""
        module = with_columns()
        history, ones, bias = torch.tensor([[1, 2]]), torch.ones(1, 2), torch.zeros(N_ITEMS)
        neutral, _ = module(history, ones, history, bias, torch.zeros(1, 2), torch.zeros(1, 2))
        known, _ = module(history, ones, history, bias, torch.zeros(1, 2), torch.tensor([[5.0, -5.0]]))
        scores = module.generator_scores(UserBatch(history, ones, torch.zeros(1, 2), torch.zeros(1, 2)))
        scores[0, history[0]] = float("-inf")
        assert neutral[0].tolist() == scores[0].topk(10).indices.tolist()
        assert known[0].tolist() != neutral[0].tolist()
        nothing = torch.full((1, 2), N_ITEMS)
        cold, _ = module(nothing, ones, nothing, bias, torch.zeros(1, 2), torch.tensor([[5.0, -5.0]]))
        assert cold[0].tolist() == list(range(10))


@pytest.mark.parametrize("shape", SHAPES)
class TestEveryShape:
    def test_onnxruntime_equals_torch_on_edge_batches(self, shape: str, tmp_path: Path) -> None:
        module = recommender(shape)
        write_graph(exported(shape), tmp_path)
        batches = list(edge_batches(module, user_counts(ort.__version__)))
        assert check_graph(tmp_path / "model.onnx", module) == len(batches)

    def test_two_exports_have_the_same_bytes(self, shape: str) -> None:
        first, second = exported(shape), to_graph(recommender(shape))
        assert first.SerializeToString(deterministic=True) == second.SerializeToString(deterministic=True)

    def test_surface_is_the_contract(self, shape: str) -> None:
        graph = exported(shape)
        assert [(opset.domain, opset.version) for opset in graph.opset_import] == [("", 18)]
        assert not graph.functions
        dims = {
            value.name: [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]
            for value in [*graph.graph.input, *graph.graph.output]
        }
        wanted = {
            "history": ["batch", "length"],
            "weights": ["batch", "length"],
            "exclude": ["batch", "excluded"],
            "item_bias": [N_ITEMS],
            "items": ["batch", 10],
            "scores": ["batch", 10],
        }
        assert dims == wanted | ({"ages": ["batch", "length"]} if "ranker" in shape or "age" in shape else {})

    def test_file_format_is_the_oldest_that_has_the_opset(self, shape: str) -> None:
        """A runtime refuses a later one, whatever is in it."""
        graph = exported(shape)
        assert graph.ir_version == onnx.helper.find_min_ir_version_for(list(graph.opset_import))

    def test_no_path_and_no_trace_is_inside(self, shape: str) -> None:
        graph = exported(shape)
        assert b".py" not in graph.SerializeToString()
        assert not any(node.metadata_props or node.doc_string for node in graph.graph.node)

    def test_reference_evaluator_gives_the_same_lists(self, shape: str) -> None:
        module = recommender(shape)
        reference = ReferenceEvaluator(exported(shape))
        for case in edge_batches(module):
            if len(case.feeds["history"]) == 0:
                continue
            items, scores = map(np.asarray, reference.run(["items", "scores"], case.feeds))
            with torch.no_grad():
                wanted_items, wanted = module(**{k: torch.from_numpy(v) for k, v in case.feeds.items()})
            assert difference(items, scores, wanted_items.numpy(), wanted.numpy()) == "", case.name


@pytest.mark.parametrize(("version", "nobody"), [("1.23.0", 0), ("1.30.1", 0), ("1.31.0", 3), ("2.0.0rc1", 3)])
def test_nobody_is_scored_where_that_ends_the_process(version: str, nobody: int) -> None:
    cases = edge_batches(recommender("two"), user_counts(version))
    counts = [len(case.feeds["history"]) for case in cases]
    assert counts.count(0) == nobody
    assert {1, 2, 3, 7} <= set(counts)


@pytest.mark.parametrize("shape", ["one factored", "two with ranker"])
class TestTwoStageTopK:
    def test_is_exact_on_edge_batches(self, shape: str, tmp_path: Path) -> None:
        module = recommender(shape, n_items=2700)
        graph = exported(shape, 2700)
        assert any(node.op_type == "ReduceMax" for node in graph.graph.node)
        write_graph(graph, tmp_path)
        assert check_graph(tmp_path / "model.onnx", module) > 10

    def test_reference_evaluator_gives_the_same_lists(self, shape: str) -> None:
        module = recommender(shape, n_items=2700)
        reference = ReferenceEvaluator(exported(shape, 2700))
        for case in list(edge_batches(module))[6:12]:
            items, scores = map(np.asarray, reference.run(["items", "scores"], case.feeds))
            with torch.no_grad():
                wanted_items, wanted = module(**{k: torch.from_numpy(v) for k, v in case.feeds.items()})
            assert difference(items, scores, wanted_items.numpy(), wanted.numpy()) == "", case.name

    def test_shorter_list_is_the_start_of_the_long_one(self, shape: str) -> None:
        module = recommender(shape, n_items=2700)
        graph = exported(shape, 2700).SerializeToString()
        options = ort.SessionOptions()
        short = ort.OrtValue.ortvalue_from_numpy(np.array([3], dtype=np.int64))
        options.add_initializer("top_k", short)
        case = list(edge_batches(module))[-1 if shape == "one factored" else 8]
        whole = ort.InferenceSession(graph).run(None, case.feeds)
        start = ort.InferenceSession(graph, options).run(None, case.feeds)
        assert (start[0] == whole[0][:, :3]).all()
        assert (start[1] == whole[1][:, :3]).all()


def test_two_stages_leave_ties_to_the_lower_item_number() -> None:
    module = recommender("prior", n_items=2700)
    module.factors[:1500] = torch.from_numpy(np.random.default_rng(0).integers(0, 3, (1500, 1))).float()
    seen = torch.tensor([[5, 900]])
    scores = module.factors[:1500, 0].clone()
    scores[seen[0]] = -1
    assert _in_onnxruntime(module, seen).tolist() == sorted(range(1500), key=lambda i: (-float(scores[i]), i))[:10]


@pytest.mark.parametrize(
    "shape",
    ["one dense", "one sparse", "one with ranker", "two with ranker", "two factored with ranker", "two sparse"],
)
def test_a_ranker_sees_each_generators_own_scores(shape: str) -> None:
    module = recommender(shape)
    history = torch.tensor([[1, 2, 3], [4, 5, N_ITEMS]])
    batch = UserBatch(history, (history < N_ITEMS).float(), torch.zeros(2, 3), torch.zeros(2, 0))
    candidates = torch.tensor([[0, 7, 30, N_ITEMS], [9, 8, 59, 1]])
    seen = module.candidate_scores(batch, candidates, candidates < N_ITEMS)
    features = module.features(batch)
    generators = [part for part in module.all_parts if part.kind == "generator"]
    for at, (part, weight) in enumerate(zip(generators, [1.0, 0.5], strict=False)):
        own = part.generate(batch, features, N_ITEMS) * weight
        torch.testing.assert_close(seen[0, :3, at], own[0, candidates[0, :3]])
        torch.testing.assert_close(seen[1, :, at], own[1, candidates[1]])
        assert seen[0, 3, at] == seen[0, :3, at].min()


class TestRules:
    def test_list_is_never_longer_than_the_catalog(self) -> None:
        assert recommender("one factored", n_items=5, top_k=100).top_k == 5

    def test_cold_user_gets_the_prior(self) -> None:
        module = recommender("two with ranker")
        nothing = torch.full((1, 3), N_ITEMS)
        items, scores = module(nothing, torch.ones(1, 3), nothing, torch.zeros(N_ITEMS), torch.zeros(1, 3))
        best = torch.sort(module.prior[:N_ITEMS], descending=True)
        assert items[0].tolist() == best.indices[:10].tolist()
        assert torch.allclose(scores[0], best.values[:10])

    @pytest.mark.parametrize("weights", [[0.0, 0.0], [-1.0, 0.5]])
    @pytest.mark.parametrize("shape", ["two with ranker", "two sparse by position"])
    def test_weights_that_add_up_to_nothing_are_an_empty_history(
        self, shape: str, weights: list[float], tmp_path: Path
    ) -> None:
        write_graph(exported(shape), tmp_path)
        session = ort.InferenceSession(tmp_path / "model.onnx")
        lists = []
        for history in ([1, 2], [N_ITEMS, N_ITEMS]):
            feed = {"history": np.array([history]), "weights": np.array([weights], np.float32),
                    "exclude": np.array([[1, 2]]), "item_bias": np.zeros(N_ITEMS, np.float32)}  # fmt: skip
            ages = {"ages": np.zeros((1, 2), np.float32)} if "ranker" in shape else {}
            lists.append(session.run(None, feed | ages))
        assert lists[0][0].tolist() == lists[1][0].tolist()
        assert lists[0][1] == pytest.approx(lists[1][1])

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0])
    def test_what_padding_carries_does_not_count(self, value: float, tmp_path: Path) -> None:
        module = recommender("one sparse by age")
        write_graph(exported("one sparse by age"), tmp_path)
        session = ort.InferenceSession(tmp_path / "model.onnx")
        lists = []
        for padding in (0.0, value):
            history = np.array([[1, 2, N_ITEMS, 3]])
            weights = np.array([[1, 2, padding, 1]], dtype=np.float32)
            ages = np.array([[3, 2, padding, 1]], dtype=np.float32)
            feed = {"history": history, "weights": weights, "exclude": history, "ages": ages}
            lists.append(session.run(None, feed | {"item_bias": np.zeros(N_ITEMS, dtype=np.float32)}))
            given = (history, weights, history, np.zeros(N_ITEMS, np.float32), ages)
            assert np.allclose(module(*map(torch.from_numpy, given))[1], lists[0][1])
        assert lists[0][0].tolist() == lists[1][0].tolist()
        assert lists[0][1].tolist() == lists[1][1].tolist()

    def test_excluded_and_denied_items_never_come(self) -> None:
        module = recommender("one with ranker")
        history, bias = torch.tensor([[1, 2, 3]]), torch.zeros(N_ITEMS)
        bias[5:] = float("-inf")
        items, scores = module(history, torch.ones(1, 3), history, bias, torch.zeros(1, 3))
        there = items[0][scores[0] > float("-inf")]
        assert sorted(there.tolist()) == [0, 4]

    @pytest.mark.parametrize("shape", ["one factored", "one with ranker"])
    def test_boost_is_kept_in_the_final_score(self, shape: str) -> None:
        module = recommender(shape)
        history = torch.tensor([[1, 2, 3]])
        extra = {"ages": torch.zeros(1, 3)} if "ranker" in shape else {}
        plain_items, plain = module(history, torch.ones(1, 3), history, torch.zeros(N_ITEMS), **extra)
        best = int(plain_items[0, 0])
        bias = torch.zeros(N_ITEMS)
        bias[best] = 7.0
        items, scores = module(history, torch.ones(1, 3), history, bias, **extra)
        assert int(items[0, 0]) == best
        assert scores[0, 0] == pytest.approx(float(plain[0, 0]) + 7.0, rel=1e-5)

    def test_equal_scores_fall_to_the_lower_item_number(self) -> None:
        module = recommender("prior")
        module.prior.fill_(1.0)
        module.factors.fill_(1.0)
        seen = torch.tensor([[0, 4]])
        session_items = _in_onnxruntime(module, seen)
        assert session_items.tolist() == [1, 2, 3, 5, 6, 7, 8, 9, 10, 11]

    def test_altered_graph_fails_the_check(self, tmp_path: Path) -> None:
        module = recommender("one factored")
        graph = exported("one factored")
        factors = next(tensor for tensor in graph.graph.initializer if tensor.name == "factors")
        altered = onnx.numpy_helper.to_array(factors) * 1.01
        factors.CopyFrom(onnx.numpy_helper.from_array(altered, factors.name))
        write_graph(graph, tmp_path)
        with pytest.raises(ExportError, match="onnxruntime and torch differ on"):
            check_graph(tmp_path / "model.onnx", module)


def _in_onnxruntime(module: Recommender, seen: torch.Tensor) -> np.ndarray:
    session = ort.InferenceSession(to_graph(module).SerializeToString())
    feeds = {
        "history": seen.numpy(),
        "weights": np.ones(seen.shape, dtype=np.float32),
        "exclude": seen.numpy(),
        "item_bias": np.zeros(module.n_items, dtype=np.float32),
    }
    items: np.ndarray = session.run(["items"], feeds)[0]
    return items[0]
