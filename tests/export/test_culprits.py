"""A plugin whose graph cannot be made or is another thing than its module: the error names the part."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from selfrec.errors import ExportError, SelfrecError
from selfrec.export.blame import check_operations
from selfrec.export.check import check_graph
from selfrec.export.culprit import culprit, padding_reader, place_reader
from selfrec.export.graph import to_graph, write_graph
from selfrec.pipeline.recommender import Recommender
from selfrec.plugin import Generator, Ranker, Sizes, UserBatch
from selfrec.testing import checkerboard
from tests.pipeline.test_stages import trainer
from tests.toys import Dense, NoOptions, Toys, build_dense, keep_as_built


class DependsOnValues(Dense):
    """Exports to no graph: a value decides what is done."""

    def generate(self, batch: UserBatch, features: Tensor) -> Tensor:
        scores = super().generate(batch, features)
        return scores * 2 if bool(scores.max() > 0.5) else scores


class OffTheList(Dense):
    """Exports to an operation that not every runtime has."""

    def generate(self, batch: UserBatch, features: Tensor) -> Tensor:
        return torch.acos(super().generate(batch, features))


class Loops(Dense):
    """Exports to a loop over users, which begins with an operation without inputs."""

    def generate(self, batch: UserBatch, features: Tensor) -> Tensor:
        table = torch.ones(1000, 1)
        bags = nn.functional.embedding_bag(batch.history, table, mode="sum", per_sample_weights=batch.weights)
        return super().generate(batch, features) + bags


class CountsUsers(Dense):
    """The number of users of the example becomes a constant of the graph."""

    def generate(self, batch: UserBatch, features: Tensor) -> Tensor:
        return super().generate(batch, features) + torch.arange(len(batch.history))[:, None] * 0.1


class Another(Dense):
    """The graph is another function than the module."""

    def generate(self, batch: UserBatch, features: Tensor) -> Tensor:
        scores = super().generate(batch, features)
        return scores if torch.compiler.is_exporting() else scores * 1.01 + 0.5 * (batch.history == 3).any(1)[:, None]


class Inverts(Dense):
    def generate(self, batch: UserBatch, features: Tensor) -> Tensor:
        scores = super().generate(batch, features)
        return scores @ torch.linalg.inv(torch.eye(scores.shape[1]) * 2)


class Median(Dense):
    """A function of torch that is made of several operators, one of which is off the list."""

    def generate(self, batch: UserBatch, features: Tensor) -> Tensor:
        scores = super().generate(batch, features)
        return scores - torch.quantile(scores, 0.5, dim=1, keepdim=True)


class Probit(Dense):
    """An operator that the exporter writes otherwise: prims.erf_inv."""

    def generate(self, batch: UserBatch, features: Tensor) -> Tensor:
        scores = super().generate(batch, features)
        return torch.erfinv(scores - 0.5)


class Bessel(Dense):
    """Another one: prims.bessel_j0."""

    def generate(self, batch: UserBatch, features: Tensor) -> Tensor:
        scores = super().generate(batch, features)
        return torch.special.bessel_j0(scores)


class Ordered(Dense):
    """Ranks in the place of scores; those of equal scores are as each runtime has them."""

    def generate(self, batch: UserBatch, features: Tensor) -> Tensor:
        return (super().generate(batch, features) > 0.5).float().argsort(1).argsort(1).float()


class CountsSlots(Dense):
    """Sound as a graph of its own; but the whole graph puts one slot of padding before each history."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__(sizes)
        self.places = nn.Embedding(60, sizes.items)

    def generate(self, batch: UserBatch, features: Tensor) -> Tensor:
        places = torch.arange(batch.history.shape[1])
        return super().generate(batch, features) + (self.places(places) * batch.weights[..., None]).sum(1)


class OneWeightASlot(Dense):
    """The same with a layer over slots that are filled up behind the history."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__(sizes)
        self.over_slots = nn.Linear(60, sizes.items)

    def generate(self, batch: UserBatch, features: Tensor) -> Tensor:
        slots: Tensor = self.over_slots(nn.functional.pad(batch.weights, (0, 60 - batch.weights.shape[1])))
        return super().generate(batch, features) + slots


def recommender_with(module: type[Dense]) -> Recommender:
    record = Generator(
        name="broken", options=NoOptions, summary="", build=lambda options, sizes: module(sizes), trainer=keep_as_built
    )
    sound = Generator(name="sound", options=NoOptions, summary="", build=build_dense, trainer=keep_as_built)
    pipeline = {"generators": ("factors", "sound", "broken"), "keep": "all"}
    stages = trainer(toys=Toys(record, sound), pipeline=pipeline, generator={})
    return stages.recommender(stages.select(checkerboard(), None))


def exported(module: type[Dense]) -> SelfrecError:
    recommender = recommender_with(module)
    with pytest.raises(ExportError) as raised:
        check_operations(to_graph(recommender), recommender)
    return raised.value


def test_code_that_values_decide_names_its_part() -> None:
    text = str(exported(DependsOnValues))
    assert text.startswith("export: generator 'broken' does not become a graph (")
    assert "data-dependent" in text
    assert "Caused by" not in text
    assert re.search(r"\) \(test_culprits\.py, line \d+\); the contract wants ", text)
    assert text.endswith("code whose course no value and no size decides: `selfrec plugins check broken`")
    assert "\n" not in text


def test_an_operation_off_the_list_names_its_part() -> None:
    line = inspect.getsourcelines(OffTheList.generate)[1] + 1
    assert str(exported(OffTheList)) == (
        f"export: generator 'broken' becomes a graph with Acos (test_culprits.py, line {line}); the contract wants "
        "operations that every runtime has (docs/plugins.md): write it without, and try `selfrec plugins check broken`"
    )


def test_an_operator_that_onnx_has_not_names_its_part_and_line() -> None:
    line = inspect.getsourcelines(Inverts.generate)[1] + 2
    assert str(exported(Inverts)) == (
        "export: generator 'broken' does not become a graph: ONNX has nothing for aten.linalg_inv_ex "
        f"(test_culprits.py, line {line}); the contract wants operations that every runtime has (docs/plugins.md): "
        "write it with others, or compute it in training and keep the result in a buffer, and try "
        "`selfrec plugins check broken`"
    )


def test_a_loop_names_its_part() -> None:
    line = inspect.getsourcelines(Loops.generate)[1] + 2
    assert str(exported(Loops)).startswith(
        "export: generator 'broken' becomes a graph with ConcatFromSequence, Loop, SequenceEmpty, "
        f"Size (test_culprits.py, line {line}); "
    )


@pytest.mark.parametrize(
    ("module", "wanted"),
    [
        (Median, "becomes a graph with Ceil"),
        (Probit, "does not become a graph: ONNX has nothing for prims.erf_inv"),
        (Bessel, "does not become a graph: ONNX has nothing for prims.bessel_j0"),
    ],
)
def test_an_operation_that_torch_names_otherwise_names_its_line(module: type[Dense], wanted: str) -> None:
    line = inspect.getsourcelines(module.generate)[1] + 2
    assert str(exported(module)).startswith(
        f"export: generator 'broken' {wanted} (test_culprits.py, line {line}); the contract wants operations that "
    )


@pytest.mark.parametrize(
    ("module", "wanted"),
    [
        (CountsUsers, "onnxruntime fails on "),
        (Another, "onnxruntime and torch differ on 1 users with 1 items: scores differ by "),
        (Ordered, "onnxruntime and torch differ on 1 users with 1 items: "),
    ],
)
def test_a_graph_that_is_not_the_module_names_its_part(module: type[Dense], wanted: str, tmp_path: Path) -> None:
    recommender = recommender_with(module)
    write_graph(to_graph(recommender), tmp_path)
    with pytest.raises(ExportError) as raised:
        check_graph(tmp_path / "model.onnx", recommender)
    text = str(raised.value)
    assert text.startswith(f"model.onnx: {wanted}")
    assert text.endswith(
        "; it comes from generator 'broken': the contract wants code whose course no value and no size decides "
        "(batch.history.shape[0], not len(batch.history)), nor the order of equal numbers (topk, sort, argsort): "
        "`selfrec plugins check broken`"
    )
    assert "\n" not in text


@pytest.mark.parametrize("module", [CountsSlots, OneWeightASlot])
def test_a_part_to_which_slots_say_something_is_named(module: type[Dense], tmp_path: Path) -> None:
    torch.manual_seed(0)
    recommender = recommender_with(module)
    write_graph(to_graph(recommender), tmp_path)
    with pytest.raises(ExportError) as raised:
        check_graph(tmp_path / "model.onnx", recommender)
    text = str(raised.value)
    assert text.startswith("model.onnx: onnxruntime and torch differ on 1 users with 1 items: scores differ by ")
    assert text.endswith(
        "; it comes from generator 'broken': padding before a history changes what it gives; the contract wants parts "
        "to which the place and the number of slots say nothing (newest(batch, length, items) gives every history a "
        "fixed number of them): `selfrec plugins check broken`"
    )


def test_sound_parts_are_not_blamed() -> None:
    sound = recommender_with(Dense)
    assert culprit(sound) is None
    assert padding_reader(sound) is None
    assert place_reader(sound) is None


class ByPlace(nn.Module):
    """A ranker that likes the first candidate more than the second, whichever they are."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.register_buffer("bonus", torch.arange(sizes.candidates) * 0.5)

    bonus: Tensor

    def rank(self, batch: UserBatch, features: Tensor, candidates: Tensor, scores: Tensor) -> Tensor:
        return scores.sum(2) - self.bonus


def test_a_ranker_to_which_places_say_something_is_named(tmp_path: Path) -> None:
    record = Ranker(
        name="broken", options=NoOptions, summary="", build=lambda options, sizes: ByPlace(sizes),
        trainer=keep_as_built,
    )  # fmt: skip
    stages = trainer(toys=Toys(record), pipeline={"ranker": "broken", "keep": "all"}, generator={}, ranker={})
    recommender = stages.recommender(stages.select(checkerboard(), None))
    write_graph(to_graph(recommender), tmp_path)
    with pytest.raises(ExportError) as raised:
        check_graph(tmp_path / "model.onnx", recommender)
    assert str(raised.value).endswith(
        "; it comes from ranker 'broken': another order of the candidates changes what it gives them; the contract "
        "wants rankers to look at the numbers of candidates, not at their places: `selfrec plugins check broken`"
    )


class Standardises(nn.Module):
    """A ranker by deviations from the mean: 0 / 0 where all candidates have one score."""

    def rank(self, batch: UserBatch, features: Tensor, candidates: Tensor, scores: Tensor) -> Tensor:
        each = scores.sum(2)
        return (each - each.mean(1, keepdim=True)) / each.std(1, keepdim=True)


def test_a_ranker_that_gives_nan_where_one_item_is_left_is_named_with_its_line(tmp_path: Path) -> None:
    record = Ranker(
        name="broken", options=NoOptions, summary="", build=lambda options, sizes: Standardises(),
        trainer=keep_as_built,
    )  # fmt: skip
    stages = trainer(toys=Toys(record), pipeline={"ranker": "broken", "keep": "all"}, generator={}, ranker={})
    recommender = stages.recommender(stages.select(checkerboard(), None))
    write_graph(to_graph(recommender), tmp_path)
    with pytest.raises(ExportError) as raised:
        check_graph(tmp_path / "model.onnx", recommender)
    line = inspect.getsourcelines(Standardises.rank)[1]
    assert str(raised.value) == (
        "model.onnx: scores are NaN or infinite on items left: 1; it comes from ranker 'broken': `rank` returned NaN "
        f"or infinity (test_culprits.py, line {line}); the contract wants finite numbers, also for few candidates and "
        "equal scores: look for a division by 0, or a logarithm or root of one: `selfrec plugins check broken`"
    )
    assert "rank" not in vars(recommender.all_parts[-1].module)
