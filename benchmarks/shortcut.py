"""Would a shortcut past the full product pay? Two are measured on a model of yours, on one thread.

    python -m benchmarks.shortcut MODEL SOURCE

A narrow first pass: factors and queries are rotated so that the energy comes first, a product of `width` columns picks
C candidates, and these alone are scored exactly. Bounds on blocks: of a block's items the first columns are multiplied,
Cauchy-Schwarz bounds the rest, and a block whose bound is below the user's k-th best score needs no more.
Printed: the share of the exact lists that is found, the time beside the full product with its top-k, and the share of
blocks that bounds would spare. What is not counted would only add to the shortcuts' time: the mask, the item bias.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from benchmarks.measure import about, machine, markdown, write_json
from selfrec.export.top_k import in_two_stages
from selfrec.model_folder.reading import Model, open_model
from selfrec.pipeline.recommender import BLOCK
from selfrec.scoring.batches import Slots
from selfrec.source.open import open_source
from selfrec.source.reading import HistoryReader

Float32 = npt.NDArray[np.float32]

BATCH = 128
WIDTHS = (32, 64, 128)
CANDIDATES = (100, 200, 500, 1000)
BLOCKS = (32, 128)
LEARNED_ON = 4096
"""Most users that the rotation is made from."""


def product_of(model: Model, source: str, users: int) -> tuple[Float32, Float32]:
    """Queries [users, d] and factors [N, d] of the graph's product, of the first users with a history."""
    graph = onnx.load(str(model.path / "model.onnx"))
    weights = {tensor.name: tensor for tensor in graph.graph.initializer}
    products = [node for node in graph.graph.node if node.op_type in ("Gemm", "MatMul") and node.input[1] in weights]
    node = max(products, key=lambda one: int(np.prod(weights[one.input[1]].dims)))
    factors = numpy_helper.to_array(weights[node.input[1]])
    across = any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
    factors = factors if across else factors.T
    graph.graph.output.append(helper.make_tensor_value_info(node.input[0], TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    with open_source(source, model.config.source) as opened:
        reader = HistoryReader(opened, model.config, model.catalog)
        shard = reader.read(0)
    histories = shard.histories(model.n_items, model.config.cleaning.max_history)
    chosen = np.flatnonzero(histories.lengths > 0)
    chosen = np.random.default_rng(0).permutation(chosen)[:users]
    slots, queries = Slots(histories), []
    names = {value.name for value in graph.graph.input}
    for start in range(0, len(chosen), BATCH):
        some = chosen[start : start + BATCH]
        places = slots.places(some, len(some), int(histories.lengths[some].max()))
        feeds = {"history": slots.items(places), "weights": slots.weights(places), "exclude": slots.items(places)}
        feeds |= {"ages": slots.ages(places), "item_bias": np.zeros(model.n_items, dtype=np.float32)}
        queries.append(session.run([node.input[0]], {key: feed for key, feed in feeds.items() if key in names})[0])
    return np.concatenate(queries), np.ascontiguousarray(factors[: model.n_items])


def rotation(queries: Float32, factors: Float32) -> tuple[Float32, Float32]:
    """Two matrices [d, d] for queries and factors: their products stay, and fall in energy from column to column."""
    # Scores are Q F^T: the singular vectors of (Q^T Q)^1/2 (F^T F)^1/2, for F alone would not know what is asked.
    left, right = (_root(table.astype(np.float64)) for table in (queries, factors))
    u, s, vt = np.linalg.svd(left.T @ right)
    turns = np.linalg.solve(left.T, u * np.sqrt(s)), np.linalg.solve(right.T, vt.T * np.sqrt(s))
    return turns[0].astype(np.float32), turns[1].astype(np.float32)


def _root(table: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """L of L L^T = T^T T / rows, which a column that is always 0 must not keep from being inverted."""
    energy = table.T @ table / len(table)
    columns = len(energy)
    return np.linalg.cholesky(energy + 1e-6 * np.trace(energy) / columns * np.eye(columns))


def graph_of(factors: Float32, k: int, *, width: int | None = None, candidates: int = 0) -> bytes:
    """queries [B, d] -> items int64[B, k], the best; through `candidates` of a product of the first `width` columns
    where given. Top-k is in two stages where an exported graph has it so.
    """
    items, columns = factors.shape
    make = helper.make_node
    arrays = {"first": np.ascontiguousarray(factors[:, :width].T), "k": np.array([k])}
    product = make("MatMul", ["queries" if width is None else "head", "first"], ["scores"])
    if width is None:
        nodes = [product, make("TopK", ["scores", "k"], ["best", "items"], axis=1)]
    else:
        arrays |= {"factors": factors, "c": np.array([candidates]), "last": np.array([2]), "start": np.array([0])}
        arrays |= {"width": np.array([width]), "axis": np.array([1])}
        nodes = [
            make("Slice", ["queries", "start", "width", "axis"], ["head"]),
            product,
            make("TopK", ["scores", "c"], ["rough", "candidates"], axis=1),
            make("Gather", ["factors", "candidates"], ["rows"]),
            make("Unsqueeze", ["queries", "last"], ["column"]),
            make("MatMul", ["rows", "column"], ["exact"]),
            make("Squeeze", ["exact", "last"], ["flat"]),
            make("TopK", ["flat", "k"], ["best", "places"]),
            make("GatherElements", ["candidates", "places"], ["items"], axis=1),
        ]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "shortcut",
        [value("queries", TensorProto.FLOAT, ["batch", columns])],
        [value("items", TensorProto.INT64, None)],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
        value_info=[value("scores", TensorProto.FLOAT, ["batch", items])],
    )
    in_two_stages(graph, items)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    return bytes(model.SerializeToString())


def runner(graph: bytes, queries: Float32) -> Callable[[], npt.NDArray[np.int64]]:
    """Runs the graph over all queries on one thread; int64[U, k]."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    starts = range(0, len(queries), BATCH)
    return lambda: np.concatenate(
        [session.run(["items"], {"queries": queries[start : start + BATCH]})[0] for start in starts]
    )


def found_share(exact: npt.NDArray[np.int64], lists: npt.NDArray[np.int64]) -> float:
    """Share of the exact lists' items that are in the others."""
    return float(np.mean([np.isin(one, other).mean() for one, other in zip(exact, lists, strict=True)]))


def spared_blocks(queries: Float32, factors: Float32, k: int, head: int, size: int) -> float:
    """Share of blocks of `size` items, put in the order of their tails' norms, whose bound is below the k-th best."""
    tails = np.linalg.norm(factors[:, head:], axis=1)
    order = np.argsort(-tails)
    factors, tails = factors[order], tails[order]
    edge = np.arange(0, len(factors), size)
    spared = []
    for start in range(0, len(queries), BATCH):
        some = queries[start : start + BATCH]
        least = np.partition(some @ factors.T, -k, axis=1)[:, -k]
        bound = some[:, :head] @ factors[:, :head].T + np.linalg.norm(some[:, head:], axis=1)[:, None] * tails
        spared.append(np.maximum.reduceat(bound, edge, axis=1) < least[:, None])
    return float(np.concatenate(spared).mean())


def tiled(factors: Float32, items: int) -> Float32:
    """So many items, a multiple of BLOCK: those of the model, again and again, each time a little off."""
    rng = np.random.default_rng(0)
    noise = 0.3 * factors.std(axis=0)
    copies = [factors]
    while sum(map(len, copies)) < items:
        copies.append(factors + (rng.standard_normal(factors.shape) * noise).astype(np.float32))
    return np.concatenate(copies)[: items // BLOCK * BLOCK]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("source")
    parser.add_argument("--users", type=int, default=512)
    parser.add_argument("--items", type=int, help="N, by tiling the model's items with noise (default: the model's)")
    parser.add_argument("-k", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    queries, factors = product_of(open_model(options.model), options.source, LEARNED_ON + options.users)
    factors = tiled(factors, options.items or len(factors))
    # From other users than those it is measured on, which it would fit too well.
    turns = rotation(queries[options.users :], factors)
    queries, factors = queries[: options.users] @ turns[0], factors @ turns[1]
    energy = (queries**2).mean(axis=0) * (factors**2).mean(axis=0)
    exact_run = runner(graph_of(factors, options.k), queries)
    exact = exact_run()
    rows = []
    for width in (width for width in WIDTHS if width < factors.shape[1]):
        for candidates in (c for c in CANDIDATES if c * 2 < len(factors)):
            quick = runner(graph_of(factors, options.k, width=width, candidates=candidates), queries)
            share, pairs = found_share(exact, quick()), []
            for _ in range(options.repeats):
                times = []
                for one in (exact_run, quick):
                    begin = time.process_time()
                    one()
                    times.append(time.process_time() - begin)
                pairs.append(times)
            speed = median(full / short for full, short in pairs)
            rows.append([str(width), str(candidates), f"{share:.4f}", f"{speed:.2f}"])
    print(f"N {len(factors):,}, d {factors.shape[1]}, {len(queries):,} users, k {options.k}\n")
    print(markdown(["columns of the first pass", "candidates", "share of the exact list", "times as fast"], rows))
    blocks = [
        [str(width), f"{energy[:width].sum() / energy.sum():.2f}"]
        + [f"{spared_blocks(queries, factors, options.k, width, size):.3f}" for size in BLOCKS]
        for width in WIDTHS
    ]
    print()
    print(markdown(["columns", "energy", *(f"spared, blocks of {size}" for size in BLOCKS)], blocks))
    print(f"\n{about(machine())}")
    write_json(options.json, {"benchmark": "shortcut", "first_pass": rows, "blocks": blocks, "machine": machine()})


if __name__ == "__main__":
    main()
