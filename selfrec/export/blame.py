"""Which part is to blame when the whole recommender does not become a graph: each is exported by itself."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from onnx import ModelProto
from torch import Tensor, nn
from torch.export import Dim

from selfrec.errors import ExportError, one_line
from selfrec.export.decompositions import traced_once
from selfrec.export.origin import line_of_operators, operators_of, without_translation
from selfrec.export.quiet import quiet
from selfrec.graph.ops import ALLOWED_OPS, OPSET
from selfrec.host.plugin_lines import line_of
from selfrec.pipeline.batch import UserBatch
from selfrec.pipeline.parts import Part
from selfrec.pipeline.recommender import Recommender


class Face(nn.Module):
    """What a part does when scoring, as a module of its own. Arguments: see `arguments`."""

    def __init__(self, part: Part, items: int) -> None:
        super().__init__()
        self.part, self.items, self.module = part, items, part.module

    def forward(
        self,
        history: Tensor,
        weights: Tensor,
        ages: Tensor,
        users: Tensor,
        features: Tensor | None = None,
        candidates: Tensor | None = None,
        scores: Tensor | None = None,
    ) -> Tensor:
        """Features, scores of all items (of a factored generator its query) or final scores of candidates."""
        batch = UserBatch(history, weights, ages, users)
        if features is None:
            return self.part.extract(batch)
        if candidates is not None and scores is not None:
            return self.part.rank(batch, features, candidates, scores)
        if self.part.factored:
            return self.part.query(batch, features)
        return self.part.generate(batch, features, self.items)


def foreign_operations(model: ModelProto) -> set[str]:
    """The operations of a graph that are off the allow-list; a function of its own is one."""
    return {node.op_type for node in model.graph.node} - ALLOWED_OPS | {function.name for function in model.functions}


def check_operations(model: ModelProto, recommender: Recommender) -> None:
    """Raises ExportError that names the operations off the allow-list and the part that uses them."""
    foreign = foreign_operations(model)
    if not foreign:
        return
    told = ", ".join(sorted(foreign))
    graphs = ((part, graph) for part, graph in part_graphs(recommender) if not isinstance(graph, Exception))
    users = [(part, graph) for part, graph in graphs if foreign_operations(graph) & foreign]
    names = " and ".join(part.name for part, _ in users) or "the pipeline"
    first = users[0][0].record.name if users else "NAME"
    lines = "".join(_line(operators_of(graph, foreign), part, recommender) for part, graph in users)
    raise ExportError(
        f"export: {names} becomes a graph with {told}{lines}; the contract wants operations that every runtime has "
        f"(docs/plugins.md): write it without, and try `selfrec plugins check {first}`"
    )


def explained(error: Exception, recommender: Recommender) -> ExportError:
    """The error of an export, with the part that it comes from and the innermost reason."""
    for part, outcome in part_graphs(recommender):
        if isinstance(outcome, Exception):
            operator = without_translation(outcome)
            if operator is not None:
                return _untranslated(operator, part, recommender)
            where = line_of(outcome, part.record, getattr(part.module, part.method, None))
            return ExportError(
                f"export: {part.name} does not become a graph ({reason(outcome)}){where}; the contract wants code "
                f"whose course no value and no size decides: `selfrec plugins check {part.record.name}`"
            )
    return ExportError(f"export: the pipeline does not become a graph ({reason(error)})")


def _untranslated(operator: str, part: Part, recommender: Recommender) -> ExportError:
    where = _line({operator}, part, recommender) or part.at(part.method)
    return ExportError(
        f"export: {part.name} does not become a graph: ONNX has nothing for {operator}{where}; the contract wants "
        "operations that every runtime has (docs/plugins.md): write it with others, or compute it in training and keep "
        f"the result in a buffer, and try `selfrec plugins check {part.record.name}`"
    )


def _line(operators: set[str], part: Part, recommender: Recommender) -> str:
    given, _ = arguments(part, recommender)
    return line_of_operators(operators, Face(part, recommender.n_items).eval(), given, part.record)


def reason(error: BaseException) -> str:
    """The first words of the innermost exception; torch wraps it in its own several times, and adds where in torch."""
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {_shortened(one_line(error).partition(' Caused by: ')[0])}"


def _shortened(text: str, longest: int = 300) -> str:
    """Cut between two words, and visibly."""
    return text if len(text) <= longest else f"{text[:longest].rpartition(' ')[0]} ..."


def scoring_parts(recommender: Recommender) -> list[Part]:
    """The parts that do something when scoring."""
    silent = {
        part.key
        for part in recommender.all_parts
        if part.kind == "extractor" and not callable(getattr(part.module, "extract", None))
    }
    return [part for part in recommender.all_parts if part.key not in silent]


def part_graphs(recommender: Recommender) -> Iterator[tuple[Part, ModelProto | Exception]]:
    """The graph that each part becomes by itself, or why it becomes none."""
    for part in scoring_parts(recommender):
        given, shapes = arguments(part, recommender)
        try:
            with quiet(), traced_once():
                program = torch.onnx.export(
                    Face(part, recommender.n_items).eval(),
                    given,
                    dynamo=True,
                    opset_version=OPSET,
                    dynamic_shapes=shapes,
                    verbose=False,
                )
            graph = ModelProto() if program is None else program.model_proto
        except Exception as error:
            yield part, error
        else:
            yield part, graph


def arguments(part: Part, recommender: Recommender) -> tuple[tuple[Tensor, ...], tuple[dict[int, Dim], ...]]:
    """Example arguments of a part's face, and which of their axes may have any size."""
    users, slots = Dim("users"), Dim("slots")
    history = torch.arange(15).reshape(3, 5) % recommender.n_items
    features = recommender.features_width(part)
    given: list[tuple[Tensor, dict[int, Dim]]] = [
        (history, {0: users, 1: slots}),
        (torch.ones(3, 5), {0: users, 1: slots}),
        (torch.ones(3, 5), {0: users, 1: slots}),
        (torch.zeros(3, recommender.user_features), {0: users}),
    ]
    if part.kind != "extractor":
        given.append((torch.ones(3, features), {0: users}))
    if part.kind == "ranker":
        count = recommender.candidates
        given.append((torch.arange(count).repeat(3, 1), {0: users}))
        given.append((torch.rand(3, count, recommender.generator_count), {0: users}))
    return tuple(value for value, _ in given), tuple(axes for _, axes in given)
