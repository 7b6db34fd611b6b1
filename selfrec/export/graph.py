"""The module becomes a graph: opset 18, dynamic batch, length and excluded, the same bytes every time."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import onnx
import torch
from onnx import ModelProto
from torch import Tensor
from torch.export import Dim

from selfrec.errors import ExportError, one_line
from selfrec.export.blame import explained
from selfrec.export.decompositions import traced_once
from selfrec.export.earlier import PRODUCER
from selfrec.export.portable import zeros_by_expanding
from selfrec.export.quiet import quiet
from selfrec.export.top_k import gather_by_row, in_two_stages, name_list_length
from selfrec.graph.ops import OPSET
from selfrec.host.records import ExtraInput
from selfrec.model_folder.manifest import GRAPH, GRAPH_DATA
from selfrec.pipeline.recommender import Recommender

IR_VERSION = 8
"""The file format of opset 18's own day: onnxruntime before 1.18 refuses a later one, whatever is in it."""
EXTERNAL_BYTES = 1_500_000_000
"""Past this size the weights stand in model.onnx.data: protobuf ends at 2 GiB."""

Message = TypeVar("Message", onnx.TensorProto, onnx.ValueInfoProto)

OUTPUTS = ("items", "scores")


def to_graph(recommender: Recommender) -> ModelProto:
    """Export the module (contract, section 3). The proto is canonical: equal modules give equal bytes."""
    recommender = recommender.cpu().eval()
    extras = recommender.extra_inputs
    arguments = _example(recommender, extras)
    dims = {"batch": Dim("batch"), "length": Dim("length"), "excluded": Dim("excluded")}
    shapes = {name: {axis: dims[dim] for axis, dim in _axes(name).items()} or None for name in arguments}
    with quiet() as said, traced_once():
        try:
            program = torch.onnx.export(
                recommender,
                args=(),
                kwargs=arguments,
                dynamo=True,
                opset_version=OPSET,
                input_names=list(arguments),
                output_names=list(OUTPUTS),
                dynamic_shapes=shapes,
                verbose=False,
            )
        except Exception as error:
            raise explained(error, recommender) from error
    if program is None:
        raise ExportError(f"export: torch gave no graph ({one_line(Exception(said.getvalue()))[:400]})")
    return canonical(program.model_proto, list(arguments), recommender.columns)


def canonical(model: ModelProto, inputs: list[str], columns: int) -> ModelProto:
    """The same graph without traces of where and how it was made, its initializers in order, its axes named, and its
    top-k over the score matrix [B, columns] in two stages.
    """
    graph = model.graph
    name_list_length(graph, OUTPUTS[1])
    gather_by_row(graph)
    zeros_by_expanding(graph)
    in_two_stages(graph, columns)
    for number, node in enumerate(graph.node):
        node.name = f"{node.op_type}_{number}"
    _drop_traces(model)
    used = {name for node in graph.node for name in node.input} | {value.name for value in graph.output}
    kept = sorted((t for t in graph.initializer if t.name in used), key=lambda tensor: tensor.name)
    order = sorted(graph.input, key=lambda value: inputs.index(value.name))
    kept, order = [_copy(tensor) for tensor in kept], [_copy(value) for value in order]
    del graph.initializer[:]
    graph.initializer.extend(kept)
    del graph.input[:]
    graph.input.extend(order)
    opsets = [opset for opset in model.opset_import if opset.domain == ""]
    del model.opset_import[:]
    model.opset_import.extend(opsets)
    _name_axes(model)
    return model


def _drop_traces(model: ModelProto) -> None:
    """Take out names, versions, texts and properties that say where and how the graph was made."""
    model.producer_name, model.producer_version = PRODUCER, ""
    model.ir_version = IR_VERSION
    model.domain, model.doc_string, model.model_version = "", "", 0
    del model.metadata_props[:]
    graph = model.graph
    graph.name, graph.doc_string = PRODUCER, ""
    del graph.value_info[:]
    del graph.metadata_props[:]
    del graph.quantization_annotation[:]
    for part in (*graph.node, *graph.input, *graph.output, *graph.initializer):
        part.doc_string = ""
        del part.metadata_props[:]


def write_graph(model: ModelProto, folder: Path) -> list[str]:
    """Write model.onnx, and model.onnx.data beside it when the weights are large; the names written."""
    path = folder / GRAPH
    if model.ByteSize() <= EXTERNAL_BYTES:
        path.write_bytes(model.SerializeToString(deterministic=True))
        return [GRAPH]
    onnx.save_model(
        model, str(path), save_as_external_data=True, all_tensors_to_one_file=True,
        location=GRAPH_DATA, size_threshold=1024, convert_attribute=False,
    )  # fmt: skip
    # onnx writes the data for the owner alone; a model is read by whom the rest of its folder is read by.
    (folder / GRAPH_DATA).chmod(path.stat().st_mode)
    return [GRAPH, GRAPH_DATA]


def _copy(message: Message) -> Message:
    copy = type(message)()
    copy.CopyFrom(message)
    return copy


def _axes(name: str) -> dict[int, str]:
    """The dynamic axes of an input or output."""
    if name == "item_bias":
        return {}
    if name == "exclude":
        return {0: "batch", 1: "excluded"}
    if name in ("history", "weights", "ages"):
        return {0: "batch", 1: "length"}
    return {0: "batch"}


def _name_axes(model: ModelProto) -> None:
    """Torch drops the names of axes it sees as equal; a reader of the graph wants them."""
    for value in [*model.graph.input, *model.graph.output]:
        for axis, name in _axes(value.name).items():
            dim = value.type.tensor_type.shape.dim[axis]
            dim.Clear()
            dim.dim_param = name


def _example(recommender: Recommender, extras: list[ExtraInput]) -> dict[str, Tensor]:
    """Arguments with sizes of 2 and more, because torch takes 0 and 1 for constants."""
    n_items = recommender.n_items
    history = torch.arange(15).reshape(3, 5) % max(1, n_items)
    arguments = {
        "history": history,
        "weights": torch.ones(3, 5),
        "exclude": (torch.arange(12).reshape(3, 4) % max(1, n_items)),
        "item_bias": torch.zeros(n_items),
    }
    if "ages" in extras:
        arguments["ages"] = torch.ones(3, 5)
    if "user_features" in extras:
        arguments["user_features"] = torch.zeros(3, recommender.user_features)
    return arguments
