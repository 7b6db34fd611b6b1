"""Models to make pages of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from onnx import ModelProto, TensorProto, helper

from benchmarks.synthetic import one_product_graph, write_model_folder
from selfrec.model_folder.reading import Model, open_model
from selfrec.settings.config import load_config

ADJECTIVES = ("Red", "Green", "Blue", "Grey", "Warm", "Cold", "Crème", "Old", "New", "Tiny")
NOUNS = ("kettle", "lamp", "chair", "rug", "plate", "vase", "clock", "blanket")

HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(2)</script>",
    '" onmouseover="alert(3)" x=\'',
    "javascript:alert(4)",
    "&lt;b&gt; &amp; <b>bold</b>",
    "\u202eright to left",
    "two\nlines\tand a tab",
    "__proto__",
    "${alert(5)} {{alert(6)}}",
    "\u0645\u0631\u062d\u0628\u0627 \U0001f600",
    "word " * 200,
    "W" * 400,
)


def names(n_items: int) -> list[str]:
    """Red kettle 0, Green lamp 1, ..."""
    return [f"{ADJECTIVES[n % 10]} {NOUNS[n // 10 % 8]} {n}" for n in range(n_items)]


def drawn_model(
    folder: Path,
    titles: Sequence[str | None],
    *,
    width: int = 8,
    top_k: int = 30,
    departments: Sequence[str | None] | None = None,
    asks_more: bool = False,
    max_history: int = 200,
) -> Model:
    """Drawn factors; item ids are 1,000 + item number. asks_more: the graph has `ages` and three `user_features`."""
    draw, n_items = np.random.default_rng(5), len(titles)
    encoder, decoder = (draw.standard_normal((n_items, width), dtype=np.float32) for _ in range(2))
    graph = one_product_graph(encoder, decoder, top_k, blocks=False)
    if asks_more:
        _ask_more(graph)
    columns = {"title": pa.array(titles, pa.string())}
    if departments is not None:
        columns["department"] = pa.array(departments, pa.string())
    write_model_folder(
        folder,
        graph,
        n_items=n_items,
        top_k=top_k,
        config=load_config(None, overrides=[f"cleaning.max_history={max_history}"]),
        user_features=("age", "visits", "member") if asks_more else (),
        columns=columns,
    )
    return open_model(folder)


def _ask_more(graph: ModelProto) -> None:
    """Add 100 times the sums of the two further inputs to every score, so that a value that is not neutral shows."""
    inner = graph.graph
    inner.input.append(helper.make_tensor_value_info("ages", TensorProto.FLOAT, ["batch", "length"]))
    inner.input.append(helper.make_tensor_value_info("user_features", TensorProto.FLOAT, ["batch", 3]))
    inner.initializer.append(helper.make_tensor("hundred", TensorProto.FLOAT, [1], [100.0]))
    last = inner.node[-1]
    scores = last.input[0]
    last.input[0] = "moved"
    added = [
        helper.make_node("ReduceSum", ["ages", "one"], ["ages_sum"], keepdims=1),
        helper.make_node("ReduceSum", ["user_features", "one"], ["features_sum"], keepdims=1),
        helper.make_node("Add", ["ages_sum", "features_sum"], ["both"]),
        helper.make_node("Mul", ["both", "hundred"], ["shift"]),
        helper.make_node("Add", [scores, "shift"], ["moved"]),
    ]
    del inner.node[-1]
    inner.node.extend([*added, last])
